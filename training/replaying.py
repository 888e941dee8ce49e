"""A recorded episode played again, by the clock, and how far the arm then is from where it was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from control.arm import Arm
from control.episodes import Episode
from control.errors import UserError
from control.interfaces import Robot
from control.types import AS_FOUND, JOINTS, Command, Observation, ResetRequest, Spawn

GLIDE_RAD_S = 0.5  # of the joint that goes farthest, to the start
OBEYED_RAD = 0.01  # of a target: then it is in force
UNLOADED = ("shoulder_pan", "wrist_roll", "gripper")  # gravity bends the others by what a servo is soft


@dataclass(frozen=True, eq=False)
class Divergence:
    """An episode and its replay at the same moments: R looks of the replay, J joints."""

    stamp_s: np.ndarray  # (R,) since the start, on the clock of the robot that replays
    commanded_rad: np.ndarray  # (R, J) in force in the episode
    recorded_rad: np.ndarray  # (R, J) measured in the episode
    replayed_rad: np.ndarray  # (R, J) measured now
    tool_m: np.ndarray  # (R,) between the two tool points
    missed: int  # control periods in which the arm did not do as commanded: none came, too late, or clamped

    @property
    def error_rad(self) -> np.ndarray:
        """(R, J)."""
        return self.replayed_rad - self.recorded_rad

    def figures(self) -> dict[str, Any]:
        """Degrees and millimetres: of every joint the median, 95 % and largest error, and the tool's."""

        def spread(rows: np.ndarray) -> list[float]:
            return [round(float(value), 2) for value in (*np.percentile(rows, (50, 95)), rows.max())]

        joints = {name: spread(np.degrees(np.abs(rows))) for name, rows in zip(JOINTS, self.error_rad.T, strict=True)}
        unloaded = max(joints[name][-1] for name in UNLOADED)
        return {
            "joints_deg": joints,
            "unloaded_deg": unloaded,
            "tool_mm": spread(1e3 * self.tool_m),
            "missed": int(self.missed),
        }


def request_of(episode: Episode) -> ResetRequest:
    """The reset that brings the episode's start about again, with the cube where it was if anybody knows; a start that
    only its own run could prepare is gone to from home."""
    if (truth := episode.truth_at(0)) is None:
        return ResetRequest(AS_FOUND, episode.provenance.seed)
    x, y, yaw = float(truth.cube_m[0]), float(truth.cube_m[1]), truth.cube_yaw_rad
    spawn = Spawn((x, x), (y, y), (yaw, yaw))
    wild = str(episode.info.recipe.get("wild", "")).split()
    return ResetRequest(episode.provenance.stage, episode.provenance.seed, spawn, tuple(wild))


def require_fit(episode: Episode, robot: Robot) -> None:
    """Raises UserError for a robot that keeps another time."""
    if episode.info.hz != robot.spec.hz:
        raise UserError(f"the episode keeps {episode.info.hz:g} Hz, the robot {robot.spec.hz:g}; set robot.hz to that")


def glide(robot: Robot, seen: Observation, goal_rad: np.ndarray) -> Observation:
    """Go to `goal_rad` (J,) straight in joint space, slowly."""
    start_rad = seen.target_rad
    steps = int(np.ceil(np.abs(goal_rad - start_rad).max() * robot.spec.hz / GLIDE_RAD_S))
    for step in range(1, steps + 1):
        target = start_rad + step / steps * (goal_rad - start_rad)
        seen = robot.step(Command(target, seen.seq))
    return seen


def replay(
    episode: Episode, robot: Robot, arm: Arm, watch: Callable[[int, Observation], object] = lambda t, seen: None
) -> Divergence:
    """Reset, glide to the episode's start, then command at each tick the target that was then in force.

    Args:
        watch: called with every look and which step of the episode it is of.
    Raises:
        UserError: the robot keeps another time.
    """
    require_fit(episode, robot)
    seen = glide(robot, robot.reset(request_of(episode)), episode.target_rad[0])
    first, rows, missed = seen, [seen], 0
    try:
        while (t := seen.seq - first.seq) < len(episode):
            command = Command(episode.target_rad[t + 1], seen.seq)
            after = robot.step(command)
            obeyed = np.abs(after.target_rad - command.target_rad).max() < OBEYED_RAD
            missed += after.seq - seen.seq - obeyed
            seen = after
            rows.append(seen)
            watch(min(t + 1, len(episode)), seen)
    finally:
        robot.halt()
    return compare(episode, rows, arm, missed)


def compare(episode: Episode, rows: list[Observation], arm: Arm, missed: int) -> Divergence:
    """What was measured at each look of the replay, and at that moment of the episode."""
    stamp_s = np.array([row.stamp_s - rows[0].stamp_s for row in rows])
    then_s = episode.stamp_s - episode.stamp_s[0]
    recorded = np.stack([np.interp(stamp_s, then_s, joint) for joint in episode.joints_rad.T], axis=1)
    since = np.clip(np.searchsorted(then_s, stamp_s + 1e-6, side="right") - 1, 0, len(then_s) - 1)
    replayed = np.array([row.joints_rad for row in rows])
    tools = [arm.tool(now)[0] - arm.tool(then)[0] for now, then in zip(replayed, recorded, strict=True)]
    return Divergence(stamp_s, episode.target_rad[since], recorded, replayed, np.linalg.norm(tools, axis=1), missed)
