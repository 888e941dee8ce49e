"""The scripted grasp: a list of waypoints, chosen afresh at every step from what is; and the crude open-loop original.

Two traps that a naive script falls into: the fixed finger lands on the cube unless the tool aims a little along its x
axis, away from that finger; and a vertical tool is out of reach at the edges, so a waypoint asks for position first.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from control.arm import Arm, heading, turn
from control.interfaces import Policy
from control.types import GRIPPER, ROLL, Command, Observation
from policies.spaces import Spaces

Cube = Callable[[], tuple[np.ndarray, float, np.ndarray]]
"""Where cube and tool truly are now: the cube's centre (3,) in metres, its yaw in radians, the tool point (3,)."""

AIM_M = 0.0  # tool point beyond the cube's centre, along the tool's x axis
LOW_M = 0.012  # tool point above the table while closing
ABOVE_M = 0.060
TOP_M = 0.125  # well beyond the goal: encoders whose zeros are off feel it a centimetre lower or higher
OPEN_RAD = 0.7
# Out of reach on purpose: the label is "close" at every step, so a clone that errs a little does not let go.
SHUT_RAD = -1.0
# A gripper told to be narrower than this goes on closing: one that opened again for every millimetre it is led astray
# would teach that a half-closed gripper over the cube may as well open.
SHUTTING_RAD = 0.6
HELD_RAD = 0.25  # a gripper closed further than this, with the cube between the fingers, holds it
AT_REST_RAD_S = 0.5
LATEST = 5  # control steps after which the slowest arm has obeyed
NOISY_SHARE = 0.9


@dataclass(frozen=True)
class View:
    """The grasp as the tool sees it."""

    aside_m: float  # tool to cube along the table
    height_m: float  # tool above the table
    rise_m: float  # tool above the cube's centre
    turn_rad: float  # from the heading to the cube's nearest face
    gripper_rad: float
    shutting: bool  # the gripper is being closed


@dataclass(frozen=True)
class Waypoint:
    """Where to bring the tool, over the cube, and the gripper, while `when` holds."""

    name: str
    when: Callable[[View], bool]
    height_m: Callable[[View], float]
    gripper_rad: float
    upright: bool = False  # straight up or down from where the tool is, instead of over the cube


def _between_fingers(view: View) -> bool:
    return view.aside_m < 0.016 and abs(view.rise_m) < 0.015


def _aligned(view: View) -> bool:
    return view.aside_m < 0.006 and view.turn_rad < 0.12 and view.height_m < LOW_M + 0.006


def _funnel(view: View) -> float:
    """Come down as the tool comes over the cube and turns to it."""
    error_m = max(view.aside_m - 0.006, 0.0) + 0.05 * max(view.turn_rad - 0.15, 0.0)
    return min(LOW_M + 3.0 * error_m, ABOVE_M)


# The first whose condition holds is the one to follow, so a lost cube starts the grasp over by itself.
WAYPOINTS = (
    Waypoint(
        "lift",
        lambda v: _between_fingers(v) and v.shutting and v.gripper_rad < HELD_RAD,
        lambda v: TOP_M,
        SHUT_RAD,
        True,
    ),
    Waypoint("close", lambda v: _aligned(v) or (v.shutting and _between_fingers(v)), lambda v: LOW_M, SHUT_RAD),
    Waypoint("descend", lambda v: v.aside_m < 0.03, _funnel, OPEN_RAD),
    Waypoint("approach", lambda v: True, lambda v: ABOVE_M, OPEN_RAD),
)


class ScriptedGrasp:
    """Follows the waypoints with the cube's pose told by `cube` at every step."""

    def __init__(self, spaces: Spaces, arm: Arm, cube: Cube, waypoints: Sequence[Waypoint] = WAYPOINTS):
        self._spaces, self._arm, self._cube, self._waypoints = spaces, arm, cube, waypoints
        self.reset()

    def reset(self) -> None:
        self._droop = np.zeros(3)  # (3,) tool point of the target minus that of the pose, at rest
        self._targets: deque[np.ndarray] = deque(maxlen=LATEST)  # their tool points (3,), newest last

    def act(self, observation: Observation) -> Command:
        action = np.clip(self._action(observation), -1.0, 1.0)
        return replace(self._spaces.command(action, observation), label=tuple(action.tolist()))

    def _action(self, observation: Observation) -> np.ndarray:
        cube_m, yaw_rad, true_tool = self._cube()
        felt, rotation = self._arm.tool(observation.joints_rad)
        astray = _beyond_rounding(felt - true_tool)  # encoders whose zeros are off feel the tool elsewhere
        tool = felt - astray
        now = heading(rotation)
        goal_heading = now + self._to_face(turn(yaw_rad - now, np.pi / 2), observation.joints_rad[ROLL])
        aim = cube_m + AIM_M * np.array([np.cos(goal_heading), np.sin(goal_heading), 0.0])
        view = View(
            aside_m=float(np.hypot(*(aim - tool)[:2])),
            height_m=float(tool[2]),
            rise_m=float(tool[2] - cube_m[2]),
            turn_rad=abs(goal_heading - now),
            gripper_rad=float(observation.joints_rad[GRIPPER]),
            shutting=bool(observation.target_rad[GRIPPER] < SHUTTING_RAD),
        )
        waypoint = next(waypoint for waypoint in self._waypoints if waypoint.when(view))
        goal = np.array([*(tool[:2] if waypoint.upright else aim[:2]), waypoint.height_m(view)])
        goal_heading = now if waypoint.upright else goal_heading
        goal = goal + astray + self._sag(observation, felt)
        return self._spaces.toward(goal, goal_heading, waypoint.gripper_rad, observation)

    def _to_face(self, turn_rad: float, roll_rad: float) -> float:
        """`turn_rad` to the nearest face of the cube, or the turn the other way when the wrist would hit its end."""
        beyond = not self._arm.lower_rad[ROLL] < roll_rad + turn_rad < self._arm.upper_rad[ROLL]
        return turn_rad - np.copysign(np.pi / 2, turn_rad) if beyond else turn_rad

    def _sag(self, observation: Observation, tool_m: np.ndarray) -> np.ndarray:
        """How far the tool hangs below its target (3,), learned while the arm is slow.

        An arm that obeys late rests while its target is on the way; so of the latest targets the nearest counts.
        """
        self._targets.append(self._arm.tool(observation.target_rad)[0])
        if np.abs(observation.speed_rad_s[:GRIPPER]).max() < AT_REST_RAD_S:
            hanging = min((target - tool_m for target in self._targets), key=np.linalg.norm)
            self._droop += 0.5 * (hanging - self._droop)
        return self._droop


def _beyond_rounding(error_m: np.ndarray) -> np.ndarray:
    return error_m if np.abs(error_m).max() > 1e-6 else np.zeros(3)


class Noisy:
    """A teacher whose executed actions stray, while its labels stay clean: it shows how to recover.

    Args:
        std: of the noise on every dimension but the gripper's, in action units; on NOISY_SHARE of the steps.
    """

    def __init__(self, teacher: Policy, spaces: Spaces, std: float, rng: np.random.Generator):
        self._teacher, self._spaces, self._std, self._rng = teacher, spaces, std, rng

    def reset(self) -> None:
        self._teacher.reset()

    def act(self, observation: Observation) -> Command:
        clean = self._teacher.act(observation)
        noise = self._std * self._rng.standard_normal(self._spaces.action_size)
        noise[-1] = 0.0
        if self._rng.random() > NOISY_SHARE:
            return clean
        strayed = np.clip(np.array(clean.action) + noise, -1.0, 1.0)
        return replace(self._spaces.command(strayed, observation), label=clean.label)
