"""The audit's arithmetic on made-up rewards, its behaviours in the simulator, its verdicts on the shipped rewards."""

import json
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from control.types import GRIPPER
from sim.robot import SimRobot
from tools import audit as command
from training import settings
from training.audit_figure import returns
from training.lift import LIFTED_M, RewardConfig, load_reward
from training.reward_audit import COLUMNS, SUCCESS, Values, Verdict, audit, judge, paid, roll_out, value

SETTINGS = ("lift_fast.yaml", "drqv2_lift_s3_v13.yaml")
DENSE = ("v11", "v13", "v14", "v15", "v16", "v17", "v18", "v19")


@pytest.fixture(scope="module", params=SETTINGS)
def rolled(request):
    config = settings.load(request.param)
    with SimRobot(config.robot) as robot:
        return roll_out(robot, config, 1)


@pytest.mark.parametrize(
    "rewards, ended, gamma, expected",
    [
        ([0, 0, 1], True, 0.5, Values(1.0, 0.25, 0.25)),
        ([1, 1, 1, 1], False, 0.5, Values(4.0, 1.875, 2.0)),
        ([1, 1, 1, 1], True, 0.5, Values(4.0, 1.875, 1.875)),
        ([0, 0, 0, 2], False, 0.5, Values(2.0, 0.25, 0.5)),
    ],
)
def test_an_episode_is_worth(rewards, ended, gamma, expected):
    found = value(np.array(rewards, float), ended, gamma)
    assert [getattr(found, c) for c in COLUMNS] == pytest.approx([getattr(expected, c) for c in COLUMNS])


@pytest.mark.parametrize(
    "success, trap, sound",
    [
        ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), True),
        ((1.0, 1.0, 1.0), (0.0, 0.0, 0.95), False),  # wins, but by less than a tenth
        ((1.0, 1.0, 1.0), (2.0, 0.0, 0.0), False),
        ((-1.0, -1.0, -1.0), (-2.0, -2.0, -2.0), True),
        ((-2.0, 1.0, 1.0), (-1.0, 0.0, 0.0), False),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), False),
    ],
)
def test_a_reward_is_sound_only_where_success_clearly_wins_in_every_column(success, trap, sound):
    verdict = Verdict("made up", {SUCCESS: Values(*success), "wait": Values(*trap)})
    assert verdict.sound == sound
    assert verdict.traps == ([] if sound else ["wait"])


def test_the_behaviours_do_what_their_names_say(rolled):
    last = {name: episodes[0][-1] for name, episodes in rolled.episodes.items()}
    height = {name: [s.truth.cube_m[2] for s in episodes[0]] for name, episodes in rolled.episodes.items()}
    assert {name: step.verdict.success for name, step in last.items()} == {name: name == SUCCESS for name in last}
    assert last["hover open"].after.joints_rad[GRIPPER] > 0.5
    assert np.linalg.norm(last["hover open"].truth.tool_m - last["hover open"].truth.cube_m) < 0.02
    assert 0.06 < min(height["hold below"][-50:]) < max(height["hold below"]) < LIFTED_M
    above = np.array(height["dip"]) > LIFTED_M
    assert np.count_nonzero(np.diff(above.astype(int)) == 1) >= 3
    assert all(last["dip"].truth.pads_touch)


def test_decisions_are_paid_for_all_their_control_steps(rolled):
    steps, reward = rolled.episodes["hover open"][0], RewardConfig({"reach": 1.0})
    each = paid(steps, reward, 0.9, 1)
    assert paid(steps, reward, 0.9, 2) == pytest.approx(each[::2] + each[1::2])


@pytest.mark.parametrize("config", SETTINGS)
def test_sparse_and_shaped_are_sound_and_every_dense_reward_pays_more_for_holding_below(config):
    _, verdicts = audit(settings.load(config), ("sparse", "shaped", *DENSE))
    assert {verdict.reward for verdict in verdicts if verdict.sound} == {"sparse", "shaped"}
    assert all("hold below" in verdict.traps for verdict in verdicts if not verdict.sound)


def test_v13_at_the_experiments_settings_pays_more_for_hovering_open_for_ever_than_for_success():
    _, [v13, v17] = audit(settings.load("drqv2_lift_s3_v13.yaml"), ("v13", "v17"))
    assert v13.values["hover open"].bootstrapped > v13.values[SUCCESS].bootstrapped
    assert "hover open" in v13.traps


def test_every_verdict_has_a_panel_with_what_its_reward_paid_each_behaviour(rolled):
    gamma = 0.97
    for name in ("sparse", "v13"):
        verdict = judge(name, load_reward(name), rolled, gamma)
        axis = Figure().add_subplot()
        returns(axis, rolled, verdict, gamma)
        lines = {line.get_label(): line for line in axis.lines if not line.get_label().startswith("_")}
        assert [*lines] == [*verdict.values]
        paid_in_all = {behaviour: line.get_ydata()[-1] for behaviour, line in lines.items()}
        assert paid_in_all == pytest.approx({behaviour: v.discounted for behaviour, v in verdict.values.items()})
        marks = [line.get_ydata()[0] for line in axis.lines if line.get_marker() == "o"]
        assert marks == [v.bootstrapped for v in verdict.values.values()]
        assert all(trap in axis.get_title() for trap in verdict.traps) and (name == "sparse") == verdict.sound


def test_the_command_leaves_a_figure_and_the_numbers_behind_it(tmp_path, capsys):
    command.main(command.Arguments(("sparse", "v13"), resets=1, output=tmp_path, json=True))
    told = json.loads(capsys.readouterr().out)
    assert [(row["reward"], row["sound"]) for row in told["rewards"]] == [("sparse", True), ("v13", False)]
    assert Path(told["figure"]).read_bytes().startswith(b"\x89PNG")


def test_the_documented_worths_are_those_that_the_audit_finds():
    told = {name.split("`")[1] if "`" in name else name: rest for name, *rest in documented()}
    _, verdicts = audit(settings.load("drqv2_lift_s3_v13.yaml"), [*told], resets=3)
    for verdict in verdicts:
        *worths, word = told[verdict.reward]
        found = [verdict.values[name].bootstrapped for name in (SUCCESS, "hover open", "hold below", "dip")]
        assert [float(worth) for worth in worths] == pytest.approx(found, rel=0.03, abs=0.02)
        assert word == (", ".join(verdict.traps).replace("hover open", "hover") or "sound")


def documented() -> list[list[str]]:
    """The rows of the first table of docs/bootstrap.md."""
    lines = Path("docs/bootstrap.md").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = takewhile(lambda line: line.startswith("|"), lines[first + 1 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
