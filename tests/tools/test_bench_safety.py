"""What is read off a twin's record: how soon an arm stood, how far it went, and which limits it broke."""

import json
import subprocess
import sys

import numpy as np
import pytest

from control import arm as kinematics
from control.errors import TwinarmError
from hardware.black_box import ROW, ROW_S, BlackBox, read
from hardware.extremes import extremes
from tools.bench_driver import lateness
from tools.bench_safety import FAULTS, reaction, trial

pytestmark = pytest.mark.clock

HOME = np.array(kinematics.facts()["home_rad"])
STRUCK_S = 100.2


def tool(joints_rad: np.ndarray) -> np.ndarray:
    return kinematics.Arm.from_facts().tool(joints_rad)[0]


def record(goal_until_s: float = 0.0, still_after_s: float = 0.0, duty: float = 0.1) -> np.ndarray:
    """An arm that turns its base at 1 rad/s, struck by something; goals and joints move on for so long."""
    rows = np.zeros(300, ROW)
    rows["stamp_s"] = 100.0 + ROW_S * np.arange(len(rows))
    rows["on"], rows["duty"] = 1, duty
    for name, for_s in (("goal_rad", goal_until_s), ("joints_rad", still_after_s)):
        turned = np.minimum(rows["stamp_s"], STRUCK_S + for_s) - 100.0
        rows[name] = HOME
        rows[name][:, 0] += turned
    rows["speed_rad_s"][:, 0] = rows["stamp_s"] < STRUCK_S + still_after_s
    return rows


@pytest.mark.parametrize(("told_s", "moves_s"), [(0.0, 0.0), (0.04, 0.1), (0.3, 0.4)])
def test_reaction_standstill_and_way_are_what_the_record_shows(told_s, moves_s):
    told_ms, stands_ms, way_mm = reaction(record(told_s, moves_s), STRUCK_S)
    assert told_ms == pytest.approx(1e3 * told_s, abs=2e3 * ROW_S)
    assert stands_ms == pytest.approx(1e3 * moves_s, abs=2e3 * ROW_S)
    struck, stood = (tool(HOME + np.array([turned, 0, 0, 0, 0, 0])) for turned in (0.2, 0.2 + moves_s))
    assert way_mm == pytest.approx(1e3 * np.linalg.norm(stood - struck), abs=2)


def test_an_arm_that_stood_already_tells_nothing_of_a_reaction():
    rows = record(0.04, 0.1)
    with pytest.raises(TwinarmError, match="stood when it was struck"):
        reaction(rows, STRUCK_S + 0.5)


def test_a_record_within_every_limit_breaks_none():
    assert all(extreme.kept for extreme in extremes(record()))


@pytest.mark.parametrize(
    ("column", "joint", "value", "broken"),
    [
        ("duty", 2, 0.7, "elbow_flex pushed"),
        ("duty", 5, 0.4, "gripper pushed"),
        ("speed_rad_s", 1, -4.0, "shoulder_lift turned"),
        ("goal_rad", 4, HOME[4] + 0.4, "wrist_roll told to turn"),
        ("goal_rad", 3, 3.0, "wrist_flex told beyond its range"),
        ("joints_rad", 4, -4.0, "wrist_roll beyond its range"),
        ("joints_rad", 1, 1.0, "lowest fingertip"),
    ],
)
def test_a_broken_limit_is_named(column, joint, value, broken):
    rows = record()
    rows[column][100:, joint] = value
    assert broken in {extreme.what for extreme in extremes(rows) if not extreme.kept}


def test_a_record_is_kept_whole_and_never_overwritten(tmp_path):
    path = tmp_path / "twin.bin"
    box = BlackBox(path)
    for row in record()[:60]:
        box.write(**{name: row[name] for name in ROW.names})
    box.close()
    with path.open("ab") as file:
        file.write(b"cut")
    assert (read(path) == record()[:60]).all()
    told = subprocess.run([sys.executable, "-m", "tools.cli", "limits", str(path)], capture_output=True, text=True)
    assert told.returncode == 0 and "0 of 31 limits broken" in told.stdout
    told = subprocess.run([*told.args, "--json"], capture_output=True, text=True)
    assert [json.loads(line)["kept"] for line in told.stdout.splitlines()] == [True] * 31
    again = [sys.executable, "-m", "tools.cli", "twin", "--log", str(path)]
    told = subprocess.run(again, capture_output=True, text=True)
    assert told.returncode == 2 and "holds a record already" in told.stderr


def test_a_cycle_is_late_by_what_it_begins_after_its_turn():
    late_s, left_out, _ = lateness(1.0, prompt=False)
    assert len(late_s) + left_out == pytest.approx(100, abs=15)
    assert (late_s >= 0).all() and np.median(late_s) < 0.01


@pytest.mark.parametrize("name", ["gateway killed", "driver killed", "silent servo"])
def test_an_arm_in_motion_stands_soon_after(name):
    told_ms, stands_ms, way_mm, broken = trial(FAULTS[name], 1)
    assert 0 < told_ms < 500 and stands_ms < 500 and way_mm < 150 and not broken
