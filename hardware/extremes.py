"""How far an arm went by its twin's own record, beside how far it may."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.governor import LOWEST_TARGET_M
from control.types import GRIPPER, JOINTS
from hardware.black_box import ROW_S
from hardware.calibration import STEPS_PER_RAD
from hardware.servos import GRIP, WORKING

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
    """Every limit that a driver owes its arm, judged of each joint while its torque was on.

    Args:
        rows: (n,) of black_box.ROW.
    """
    on = rows["on"] > 0
    if on.any(axis=1).sum() <= WINDOW:
        return
    arm, speed_rad_s = Arm.from_facts(), np.array(kinematics.facts()["governor"]["speed_rad_s"])
    told_s = np.maximum(rows["stamp_s"][WINDOW:] - rows["stamp_s"][:-WINDOW], WINDOW * ROW_S)
    told = np.abs(rows["goal_rad"][WINDOW:] - rows["goal_rad"][:-WINDOW]) / told_s[:, None]
    told *= on[WINDOW:] & on[:-WINDOW]
    for j, name in enumerate(JOINTS):
        if on[:, j].any():
            yield from _of_joint(j, name, rows[on[:, j]], float(told[:, j].max()), arm, float(speed_rad_s[j]))
    if len(held := rows[on.all(axis=1)]):
        lowest = min(arm.lowest_fingertip_m(joints.astype(float)) for joints in held["joints_rad"][::5])
        yield Extreme("lowest fingertip", lowest, LOWEST_TARGET_M / 2, "m above the table", least=True)


def _of_joint(j: int, name: str, held: np.ndarray, told: float, arm: Arm, speed_rad_s: float) -> Iterator[Extreme]:
    """Of one joint, in the rows in which it held; `told` is how fast its goal went at most."""
    beyond = [_beyond(held[key][:, j], arm.lower_rad[j], arm.upper_rad[j]) for key in ("goal_rad", "joints_rad")]
    fastest, hardest = (float(np.abs(held[key][:, j]).max()) for key in ("speed_rad_s", "duty"))
    yield Extreme(f"{name} told beyond its range", beyond[0], STEP_RAD, "rad")
    yield Extreme(f"{name} beyond its range", beyond[1], OVERSHOOT_RAD, "rad")
    # A window may hold eleven ticks of the driver, and goals are whole steps.
    yield Extreme(f"{name} told to turn", told, speed_rad_s * 1.1 + STEP_RAD / (WINDOW * ROW_S), "rad/s")
    yield Extreme(f"{name} turned", fastest, speed_rad_s * SWING, "rad/s")
    yield Extreme(f"{name} pushed", hardest, (GRIP if j == GRIPPER else WORKING) + DUTY, "of full torque")


def _beyond(joint_rad: np.ndarray, low_rad: float, high_rad: float) -> float:
    return float(max(low_rad - joint_rad.min(), joint_rad.max() - high_rad, 0.0))
