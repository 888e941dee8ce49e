"""The replay against a reference that keeps every look in a list and thinks about one transition at a time."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.replay import EpisodeArrays, Replay, mixed_batch

FRAME, PROPRIO, ACTION = (2, 3, 1), 2, 1


def episode(steps: int, seed: int = 0, ends: bool = True) -> EpisodeArrays:
    """Random looks and numbers; discount 0 after the last step where the task `ends`, 1 where time ran out."""
    rng = np.random.default_rng(seed)
    discount = np.ones(steps, np.float32)
    discount[-1] = 0.0 if ends else 1.0
    return EpisodeArrays(
        frames=rng.integers(0, 256, (steps + 1, *FRAME), np.uint8),
        proprio=rng.standard_normal((steps + 1, PROPRIO), np.float32),
        action=rng.standard_normal((steps, ACTION), np.float32),
        label=rng.standard_normal((steps, ACTION), np.float32),
        by_person=np.zeros(steps, bool),
        reward=rng.standard_normal(steps, np.float32),
        discount=discount,
    )


@dataclass(frozen=True)
class Rules:
    capacity: int
    stack: int
    n_step: int
    gamma: float

    def replay(self) -> Replay:
        return Replay(self.capacity, FRAME, PROPRIO, ACTION, stack=self.stack, n_step=self.n_step, gamma=self.gamma)


def kept(episodes: list[EpisodeArrays], rules: Rules) -> list[tuple[int, int]]:
    """(episode, step) of each transition whose stacked looks are all among the newest `capacity` looks."""
    looks = [(e, t) for e, one in enumerate(episodes) for t in range(len(one.action) + 1)]
    newest = set(looks[-rules.capacity :])
    transitions = [(e, t) for e, t in looks if t < len(episodes[e].action)]
    return [(e, t) for e, t in transitions if all((e, max(t - k, 0)) in newest for k in range(rules.stack))]


def stacked(one: EpisodeArrays, t: int, stack: int) -> np.ndarray:
    return np.concatenate([one.frames[max(t - k, 0)].transpose(2, 0, 1) for k in reversed(range(stack))])


def reference(one: EpisodeArrays, t: int, rules: Rules) -> tuple[float, float, int]:
    """n-step reward, the weight of the value after it, and the step that value is taken at."""
    reward, weight = 0.0, 1.0
    for k in range(rules.n_step):
        if t + k == len(one.action):
            return reward, weight, t + k
        reward += weight * one.reward[t + k]
        weight *= rules.gamma * one.discount[t + k]
    return reward, weight, t + rules.n_step


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=12),
    capacity=st.integers(10, 40),
    stack=st.integers(1, 4),
    n_step=st.integers(1, 5),
    gamma=st.floats(0.5, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_drawn_row_is_what_a_naive_replay_would_give(lengths, capacity, stack, n_step, gamma, seed):
    rules = Rules(capacity, stack, n_step, gamma)
    episodes = [episode(steps, number, ends) for number, (steps, ends) in enumerate(lengths)]
    replay = rules.replay()
    for number, one in enumerate(episodes):
        replay.add_episode(one, is_demo=number % 2 == 1)

    transitions = kept(episodes, rules)
    assert len(replay) == len(transitions)
    by_action = {episodes[e].action[t].tobytes(): (e, t) for e, t in transitions}
    batch = replay.sample(32, np.random.default_rng(seed))
    for i in range(32):
        e, t = by_action[batch.action[i].tobytes()]
        one = episodes[e]
        reward, weight, after = reference(one, t, rules)
        np.testing.assert_array_equal(batch.pixels[i], stacked(one, t, stack))
        np.testing.assert_array_equal(batch.next_pixels[i], stacked(one, after, stack))
        np.testing.assert_array_equal(batch.proprio[i], one.proprio[t])
        np.testing.assert_array_equal(batch.next_proprio[i], one.proprio[after])
        np.testing.assert_array_equal(batch.label[i], one.label[t])
        assert batch.is_demo[i] == (e % 2 == 1)
        assert batch.reward[i, 0] == pytest.approx(reward, rel=1e-5, abs=1e-5)
        assert batch.discount[i, 0] == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize(
    ("ends", "rewards", "discounts"),
    [
        (True, [1.75, 1.5, 1.0], [0.0, 0.0, 0.0]),  # 1 + 0.5 (1 + 0.5 1), nothing after the end
        (False, [1.75, 1.5, 1.0], [0.125, 0.25, 0.5]),  # bootstraps from the last look, from nearer and nearer
    ],
)
def test_returns_stop_at_the_episodes_end(ends, rewards, discounts):
    replay = Replay(10, FRAME, PROPRIO, ACTION, n_step=3, gamma=0.5)
    one = episode(3, ends=ends)
    one.reward[:] = 1
    replay.add_episode(one)
    batch = replay.sample(64, np.random.default_rng(0))
    for i in range(64):
        t = int(np.flatnonzero(one.action[:, 0] == batch.action[i, 0])[0])
        assert (batch.reward[i, 0], batch.discount[i, 0]) == (rewards[t], discounts[t])


def test_a_short_episode_is_not_drawn_more_often_than_a_long_one():
    replay = Replay(200, FRAME, PROPRIO, ACTION)
    short, long = episode(2, seed=1), episode(98, seed=2)
    replay.add_episode(short)
    replay.add_episode(long)
    batch = replay.sample(20_000, np.random.default_rng(0))
    counts = np.array([np.sum(batch.action == action) for action in (*short.action, *long.action)])
    assert counts.sum() == 20_000
    assert np.square(counts - 200).sum() / 200 < 150  # chi-square of 99 degrees: 1 in 1,000 exceeds 149


def test_a_replay_refilled_with_its_newest_episodes_draws_the_same_batch():
    episodes = [episode(5, seed) for seed in range(30)]
    unbroken, refilled = (Replay(40, FRAME, PROPRIO, ACTION) for _ in range(2))
    for one in episodes:
        unbroken.add_episode(one)
    for one in episodes[-10:]:
        refilled.add_episode(one)
    ours, theirs = (replay.sample(50, np.random.default_rng(3)) for replay in (unbroken, refilled))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("online_steps", "demo_steps", "share", "demonstrated"),
    [(9, 9, 0.5, 8), (9, 9, 0.25, 4), (9, 9, 0.0, 0), (9, 9, 1.0, 16), (0, 9, 0.5, 16), (9, 0, 0.5, 0)],
)
def test_a_mixed_batch_keeps_the_share_of_demonstrations(online_steps, demo_steps, share, demonstrated):
    online, demos = (Replay(20, FRAME, PROPRIO, ACTION) for _ in range(2))
    if online_steps:
        online.add_episode(episode(online_steps, seed=1))
    if demo_steps:
        demos.add_episode(episode(demo_steps, seed=2), is_demo=True)
    batch = mixed_batch(online, demos, 16, share, np.random.default_rng(0))
    assert batch.is_demo.sum() == demonstrated
    taught = episode(9, seed=2).action
    assert all((action in taught) == is_demo for action, is_demo in zip(batch.action, batch.is_demo, strict=True))


def test_an_empty_replay_says_what_to_do():
    empty = Replay(10, FRAME, PROPRIO, ACTION)
    with pytest.raises(ValueError, match="empty; add an episode"):
        empty.sample(4, np.random.default_rng(0))
    with pytest.raises(ValueError, match="empty; add an episode"):
        mixed_batch(empty, empty, 4, 0.5, np.random.default_rng(0))


def test_an_episode_longer_than_the_ring_is_refused():
    with pytest.raises(ValueError, match="needs 11 frames; the replay holds 10"):
        Replay(10, FRAME, PROPRIO, ACTION).add_episode(episode(10))


@pytest.mark.parametrize("field", ["frames", "proprio", "action", "label", "by_person", "reward", "discount"])
def test_an_episode_of_unequal_lengths_is_refused(field):
    arrays = vars(episode(4))
    with pytest.raises(ValueError, match=r"T \+ 1"):
        EpisodeArrays(**arrays | {field: arrays[field][:-2]})
