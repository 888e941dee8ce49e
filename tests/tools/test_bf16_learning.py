"""The small task by which number types are compared has the answers it claims."""

import numpy as np
import pytest
import torch

from tools.bf16_learning import LIMIT, NEAR, STRIDE, Plan, Tables, episode, learn, rows


def placed(dot: tuple[float, float], goal: tuple[float, float]) -> Tables:
    tables = Tables(1, np.random.default_rng(0))
    tables.dot, tables.goal = np.array([dot]), np.array([goal])
    return tables


@pytest.mark.parametrize(
    ("dot", "goal", "fewest"),
    [
        ((0.5, 0.5), (0.5, 0.5), 1),
        ((0.0, 0.0), (NEAR + 3 * STRIDE - 1e-9, 0.0), 3),
        ((0.0, 0.0), (NEAR + 3 * STRIDE + 1e-9, 0.0), 4),
        ((0.0, 0.0), (1.0, 1.0), 10),
    ],
)
def test_the_fewest_moves_are_known(dot, goal, fewest):
    assert placed(dot, goal).fewest_moves() == [fewest]


def test_the_fewest_moves_are_reached_by_going_full_speed_and_never_beaten():
    tables = Tables(500, np.random.default_rng(1))
    fewest, solved = tables.fewest_moves(), np.zeros(500, bool)
    for made in range(1, LIMIT + 1):
        tables.move(((tables.goal - tables.dot) / STRIDE).clip(-1, 1))
        np.testing.assert_array_equal(tables.there(), made >= fewest)
        solved |= tables.there()
    assert solved.all()


def test_pictures_show_both_dots_where_they_are():
    picture = placed((0.0, 1.0), (0.5, 0.5)).pictures()[0]
    assert picture[1, 30].tolist() == [255, 0, 0]
    assert picture[16, 16].tolist() == [0, 255, 0]
    assert picture[31, 0].tolist() == [40, 40, 40]


def test_the_teacher_solves_the_task_at_half_speed():
    played = episode(np.random.default_rng(2), Tables.teach)
    assert played.reward[-1] == 1 and played.discount[-1] == 0
    assert np.abs(played.action).max() <= 0.5
    np.testing.assert_array_equal(played.action, played.label)


def test_a_short_comparison_improves_both_and_fills_a_table():
    """Without any cloning at most 8.5 % of the tables are solved."""
    torch.set_num_threads(1)
    plan = Plan(demos=60, clonings=200, checks=(0, 20))
    curves = {name: [learn(name, seed, plan) for seed in (0, 1)] for name in ("float32", "bfloat16")}
    assert all(checks[0].success > 0.12 for seeds in curves.values() for checks in seeds)
    lines = list(rows(curves))
    assert len(lines) == 4 and lines[2].startswith("| 0 | ") and lines[3].startswith("| 20 | ")
