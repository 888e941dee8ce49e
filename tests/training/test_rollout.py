"""Exploration: what is done in the policy's stead."""

import numpy as np
import pytest

from training.rollout import LAPSE_DECISIONS, Recall, lapses

DECISIONS = 20_000


def drawn(chance: float, seed: int = 0) -> dict[int, np.ndarray]:
    return lapses(chance, 5, DECISIONS, np.random.default_rng(seed))


def test_a_lapse_is_one_random_action_held_for_some_decisions():
    lapsed = drawn(0.01)
    starts = [t for t in lapsed if t - 1 not in lapsed]
    alone = [t for t in starts if not any(t + LAPSE_DECISIONS - 1 + k in lapsed for k in range(1, 3))]
    assert len(alone) > 50
    for start in alone:
        held = [lapsed[t] for t in range(start, start + LAPSE_DECISIONS) if t in lapsed]
        assert len(held) == LAPSE_DECISIONS
    first = np.array([lapsed[t] for t in starts])
    assert (np.abs(first) <= 1).all() and first.std(axis=0) == pytest.approx(np.full(5, 3**-0.5), abs=0.1)


@pytest.mark.parametrize("chance", [0.0, 0.01, 0.1])
def test_lapses_are_as_frequent_as_asked(chance):
    assert len(drawn(chance)) / DECISIONS == pytest.approx(1 - (1 - chance) ** LAPSE_DECISIONS, abs=0.02)


def test_lapses_follow_from_their_seed():
    one, again, other = drawn(0.01), drawn(0.01), drawn(0.01, seed=1)
    assert one.keys() == again.keys() != other.keys()
    assert all((one[t] == again[t]).all() for t in one)


def test_what_is_remembered_comes_first_then_lapses_then_the_policy():
    asked = []

    def decide(pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        asked.append(pixels)
        return np.array([3.0])

    network = Recall(decide, ((1.0,), (1.5,)), {1: np.array([2.0]), 2: np.array([2.5])})
    assert [float(network.act(np.zeros(1), np.zeros(1))[0]) for _ in range(4)] == [1.0, 1.5, 2.5, 3.0]
    assert network.actions == [(1.0,), (1.5,), (2.5,), (3.0,)] and len(asked) == 1
