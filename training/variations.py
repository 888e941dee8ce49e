"""A recorded episode as it might have been: in another room, by another arm, and on another way to the same cube.

All need nobody's knowledge but the recording's own. Room and arm are drawn as resets draw them: a stiffer arm's target
is nearer to what was measured, a quicker arm was told later. On the way to the cube the tool is led astray, by less and
less as it comes down, and with the cube in its hand it is too low or too high; the action is what led it there, the
label is what leads back to the recorded way. So a few demonstrations show how to come from all around, with pictures
that were never taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import numpy as np

from control.arm import Arm, heading, turn
from control.episodes import OBSERVED, STEPPED, Episode
from control.errors import UserError
from control.interfaces import Robot
from control.types import GRIPPER
from policies.spaces import Spaces
from sim.robot import SimRobot
from sim.wild import Draw, draw, ranges
from training.experience import pauses
from training.settings import TrainConfig

CAMERA = "wrist_cam"
LOOKS = ("colour", "table", "light", "camera", "picture")  # the factors that change a picture and nothing that moves
OBEDIENCE = ("servo", "delay", "late")  # how an arm obeys: stiffness and whole periods; and how late it is seen
GROUPS = ("frames", "frame_stamp_s", "truth")  # of an episode: rows by name
COMMANDED = ("target_rad", "limited", "answers", "requested_rad", "action", "label")
STREAM = 3  # of random numbers: a reset's scene, a teacher's noise and the wild draw have others
CLEAR_M = 0.02  # tool point above the cube's centre, below which the fingers stand around it
UPRIGHT = np.array([1.0, 1.0, 0.3])  # less up and down than sideways
TURNED_ABOVE_M = 0.06  # where the heading still is all that the detour makes it
FACE_RAD = np.pi / 4  # from the middle of a cube's face to its edge; beyond it another face is nearer
OPENING_RAD_PER_M = 20.0
HANGING = (-0.3, 0.9)  # how much lower than recorded a carried cube is, as a share of its rise
RISEN_M = 0.003
SHUTTING = -0.1  # a gripper's action below this closes it: a person's hand is slow
# How far from the cube the tool may still be when it is down, or a clone that is would stay there. Never so near that
# the teacher would have closed: a clone does not see the difference, and would not close either.
BESIDE_M = (0.010, 0.030)
BESIDE = 0.5  # of the variations
NEARER_M, CENTRED = 0.008, 5  # how far off it may be where the gripper closes; steps until it closes on the middle
ITERATIONS = 6


@dataclass(frozen=True)
class Detour:
    """How far the tool is led astray at each observation."""

    shift_m: np.ndarray  # (T+1, 3)
    carried_m: np.ndarray  # (T+1, 3) of it, how far the cube goes along
    turn_rad: np.ndarray  # (T+1,)
    opening_rad: np.ndarray  # (T+1,) of the gripper: a clone that has never seen it ajar lets it fall shut


class Variations:
    """The variations of one demonstration after another, each from a seed of its own, wild in looks where the task is.

    Args:
        robot: draws the pictures.
        first_seed: of the first variation; the others follow.
    """

    def __init__(self, config: TrainConfig, spaces: Spaces, robot: Robot, first_seed: int):
        self._bootstrap, self._spaces, self._robot, self._seeds = config.bootstrap, spaces, robot, count(first_seed)
        self._factors = [name for name in config.task.wild if name in (*LOOKS, *OBEDIENCE)]

    def __call__(self, episode: Episode) -> Iterator[Episode]:
        """As many as the bootstrap asks for.

        Raises:
            UserError: the robot is no simulator in this process, or nobody knows where the cube was.
        """
        for seed in islice(self._seeds, self._bootstrap.variations):
            if not isinstance(self._robot, SimRobot):
                raise UserError("only a simulator in this process draws variations; use --set bootstrap.variations=0")
            yield varied(self._robot, self._spaces, episode, seed, self._factors, self._bootstrap.stray)


def varied(
    robot: SimRobot, spaces: Spaces, episode: Episode, seed: int, factors: Sequence[str], stray: float
) -> Episode:
    """`episode` in other looks and, by `stray`, on another way.

    Args:
        robot: draws the pictures; its next reset is as it would have been.
        factors: of LOOKS and OBEDIENCE, drawn from `seed`; in all else the draw is the one of the recording.
        stray: standard deviation of the detour, sideways, per metre above the cube.
    Raises:
        UserError: nobody knows where the cube was.
    """
    require_truth(episode)
    own = draw(ranges(), episode.provenance.seed, str(episode.info.recipe.get("wild", "")).split())
    other = draw(ranges(), seed, factors)
    episode = _sooner(_stiffer(episode, robot, own, other), own, other)
    detour = _detour(spaces.arm, episode, stray, np.random.default_rng([seed, STREAM]))
    episode = _led_astray(episode, spaces, detour) if stray else episode
    # Of the servos only stiffness: zeros and play are in what was measured.
    worn = {name: getattr(other, name) for name in factors if name != "servo"}
    if "late" in factors and "delay" not in factors:
        worn["delay"] = None  # it would overrule
    return _redrawn(robot, episode, replace(own, **worn), seed)


def require_truth(episode: Episode) -> None:
    """Raises UserError where nobody knows where the cube was."""
    if episode.truth is None:
        raise UserError(
            "an episode without truth has no variations; use simulated ones, or --set bootstrap.variations=0"
        )


def _stiffer(episode: Episode, robot: SimRobot, own: Draw, other: Draw) -> Episode:
    """The same motion of an arm as stiff as `other`'s: what a servo bears, it bears by another lag of its joint."""
    if own.servo is None or other.servo is None:
        return episode
    target = episode.target_rad + episode.load * robot.force_Nm * (1 / other.servo.kp - 1 / own.servo.kp)
    target[:, GRIPPER] = episode.target_rad[:, GRIPPER]
    return replace(episode, target_rad=np.clip(target, robot.arm.lower_rad, robot.arm.upper_rad))


def _sooner(episode: Episode, own: Draw, other: Draw) -> Episode:
    """The same motion of an arm that obeys as soon as `other`'s, if that is sooner: commands come that much later."""
    steps = max(own.delay.action - other.delay.action, 0) if own.delay and other.delay else 0
    if not steps:
        return episode

    def later(rows: Any) -> Any:
        return {name: value[steps:] for name, value in rows.items()} if isinstance(rows, Mapping) else rows[steps:]

    observed: dict[str, Any] = {name: getattr(episode, name)[:-steps] for name in COMMANDED}
    observed |= {name: later(getattr(episode, name)) for name in (*OBSERVED, *STEPPED, *GROUPS) if name not in observed}
    return replace(episode, **observed)


def _redrawn(robot: SimRobot, episode: Episode, worn: Draw, seed: int) -> Episode:
    assert episode.truth is not None
    robot.wear(worn, seed)
    moments = zip(episode.joints_rad, episode.truth["cube_m"], episode.truth["cube_quat"], strict=True)
    shown = [*robot.watched(moments, episode.stamp_s)]
    return replace(
        episode,
        frames={**episode.frames, CAMERA: np.stack([frame.rgb for frame in shown])},
        frame_stamp_s={**episode.frame_stamp_s, CAMERA: np.array([frame.stamp_s for frame in shown])},
    )


def _detour(arm: Arm, episode: Episode, stray: float, rng: np.random.Generator) -> Detour:
    assert episode.truth is not None
    poses = [arm.tool(joints) for joints in episode.joints_rad]
    cube_z = episode.truth["cube_m"][:, 2]
    above = np.maximum(np.array([tool[2] for tool, _ in poses]) - cube_z - CLEAR_M, 0.0)
    # Once down, down: what is lifted again has the cube in its hand.
    down = int(np.argmax(above == 0.0)) if (above == 0.0).any() else len(above) - 1
    above[down:] = 0.0
    way = stray * rng.standard_normal(3) * UPRIGHT
    # A heading is as likely as any other, or a clone would not know the rarer side of a face.
    grasp = heading(poses[down][1])
    off = np.array([turn(heading(rotation) - grasp) for _, rotation in poses])
    turned = np.minimum(np.sqrt(above / TURNED_ABOVE_M), 1.0) * (rng.uniform(-FACE_RAD, FACE_RAD) - off)
    beside = _beside(episode, down, rng) if down else np.zeros((len(above), 3))  # none where the cube is in the hand
    opening = above * stray * OPENING_RAD_PER_M * rng.standard_normal()
    carried = np.zeros((len(above), 3))
    carried[:, 2] = -rng.uniform(*HANGING) * np.maximum(cube_z - cube_z[0], 0.0)
    return Detour(above[:, None] * way + beside + carried, carried, turned, opening)


def _beside(episode: Episode, down: int, rng: np.random.Generator) -> np.ndarray:
    """(T+1, 3) how far along the table the tool is off its way, down at the cube or before it."""
    shut, off = _shut(episode), np.zeros((len(episode) + 1, 3))
    off[down:shut] = off[shut : shut + CENTRED] = _aside(rng, NEARER_M * np.sqrt(rng.random()))
    off[shut : shut + CENTRED] *= np.linspace(1.0, 0.0, CENTRED, endpoint=False)[: len(off) - shut, None]
    if rng.random() < BESIDE:
        off[:shut] = _aside(rng, rng.uniform(*BESIDE_M))
    return off


def _aside(rng: np.random.Generator, way_m: float) -> np.ndarray:
    """(3,) of that length, any way along the table."""
    angle = rng.uniform(-np.pi, np.pi)
    return way_m * np.array([np.cos(angle), np.sin(angle), 0.0])


def _shut(episode: Episode) -> int:
    """The observation from which on the gripper closes, and is then not opened before the cube rises."""
    assert episode.truth is not None
    cube_z = episode.truth["cube_m"][:-1, 2]
    rising = np.argmax(np.append(cube_z, np.inf) > cube_z[0] + RISEN_M)
    opened = np.flatnonzero(episode.label[:rising, -1] >= SHUTTING)
    return int(opened[-1]) + 1 if len(opened) else 0


def _led_astray(episode: Episode, spaces: Spaces, detour: Detour) -> Episode:
    """Joints, targets, actions and labels on the detour; where it has ended they are the recorded ones."""
    assert episode.truth is not None
    joints, target = (_moved(spaces.arm, rows, detour) for rows in (episode.joints_rad, episode.target_rad))
    truth = {**episode.truth}
    for name in ("tool_m", "moving_pad_m"):
        truth[name] = truth[name] + detour.shift_m
    truth["cube_m"] = truth["cube_m"] + detour.carried_m
    moved = replace(episode, joints_rad=joints, target_rad=target, truth=truth)
    action, label = episode.action.copy(), episode.label.copy()
    # Where a person lets the arm stand on the recorded way, it stands on the detour, too.
    for t in np.flatnonzero(detour.shift_m[:-1].any(axis=1) & ~pauses(episode)).tolist():
        ways = (episode.observation(t), moved.observation(t))
        was, now = (
            spaces.aim(rows[t + 1], seen) for rows, seen in zip((episode.target_rad, target), ways, strict=True)
        )
        action[t] = np.clip(action[t] + now - was, -1, 1)
        meant = spaces.command(episode.label[t], ways[0]).target_rad
        was, now = (spaces.aim(meant, seen) for seen in ways)
        label[t] = np.clip(label[t] + now - was, -1, 1)
    return replace(moved, action=action, label=label)


def _moved(arm: Arm, rows: np.ndarray, detour: Detour) -> np.ndarray:
    """Joints (T+1, J) whose tool is where that of `rows` is, and the detour beyond."""
    moved = rows.copy()
    for t in np.flatnonzero(detour.shift_m.any(axis=1)):
        tool, rotation = arm.tool(rows[t])
        there = arm.solve(rows[t], tool + detour.shift_m[t], heading(rotation) + detour.turn_rad[t], ITERATIONS)
        # The difference of two solutions: the recorded pose need not be one itself.
        moved[t] += there - arm.solve(rows[t], tool, heading(rotation), ITERATIONS)
        moved[t, GRIPPER] += detour.opening_rad[t]
    return np.clip(moved, arm.lower_rad, arm.upper_rad)
