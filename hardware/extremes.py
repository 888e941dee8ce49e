"""How far an arm went by its twin's own record, beside how far it may."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.governor import LOWEST_TARGET_M
from control.types import GRIPPER, JOINTS
from hardware.calibration import STEPS_PER_RAD
from hardware.driver import WORKING
from hardware.servos import GRIP

WINDOW = 25  # rows, a tenth of a second: goals come in steps
STEP_RAD = 1.0 / STEPS_PER_RAD
SWING = 1.25  # of the speed that is told: a loaded servo lags behind and catches up
OVERSHOOT_RAD = 0.05
DUTY = 0.005


@dataclass(frozen=True)
class Extreme:
    """The worst of something in a record, and its limit: an upper one, or a lower one where `least`."""

    what: str
    worst: float
    limit: float
    unit: str
    least: bool = False

    @property
    def kept(self) -> bool:
        return self.worst >= self.limit if self.least else self.worst <= self.limit


def extremes(rows: np.ndarray) -> Iterator[Extreme]:
    """Every limit that a driver owes its arm, judged while torque was on.

    Args:
        rows: (n,) of black_box.ROW.
    """
    rows = rows[rows["on"].all(axis=1)]
    if len(rows) <= WINDOW:
        return
    arm, speed_rad_s = Arm.from_facts(), np.array(kinematics.facts()["governor"]["speed_rad_s"])
    told_s = rows["stamp_s"][WINDOW:] - rows["stamp_s"][:-WINDOW]
    told = np.abs(rows["goal_rad"][WINDOW:] - rows["goal_rad"][:-WINDOW]) / np.maximum(told_s, WINDOW * 0.004)[:, None]
    for j, name in enumerate(JOINTS):
        beyond = [_beyond(rows[key][:, j], arm.lower_rad[j], arm.upper_rad[j]) for key in ("goal_rad", "joints_rad")]
        yield Extreme(f"{name} told beyond its range", beyond[0], STEP_RAD, "rad")
        yield Extreme(f"{name} beyond its range", beyond[1], OVERSHOOT_RAD, "rad")
        yield Extreme(f"{name} told to turn", float(told[:, j].max()), speed_rad_s[j] * 1.1, "rad/s")
        yield Extreme(f"{name} turned", float(np.abs(rows["speed_rad_s"][:, j]).max()), speed_rad_s[j] * SWING, "rad/s")
        share = GRIP if j == GRIPPER else WORKING
        yield Extreme(f"{name} pushed", float(np.abs(rows["duty"][:, j]).max()), share + DUTY, "of full torque")
    lowest = min(arm.lowest_fingertip_m(joints.astype(float)) for joints in rows["joints_rad"][::5])
    yield Extreme("lowest fingertip", lowest, LOWEST_TARGET_M / 2, "m above the table", least=True)


def _beyond(joint_rad: np.ndarray, low_rad: float, high_rad: float) -> float:
    return float(max(low_rad - joint_rad.min(), joint_rad.max() - high_rad, 0.0))
