"""A made-up person at the controls: sees late, aims badly, trembles, lets go, and lifts the cube all the same.

It stands in for somebody at the keys where there is nobody: for tests, and to try recording and training by command.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from control.arm import turn
from control.operating import AXES, Intent, Order
from control.types import Truth

REACTION_S = (0.20, 0.25)
HESITATION_S, PAUSE_S = (0.3, 1.0), (0.3, 1.2)  # before an episode; in it
PAUSES_PER_S = 0.15
AIM_M, AIM_RAD = 0.003, 0.06  # standard deviations of where a grasp is aimed, drawn anew for each try
TREMOR, CARELESS = 0.04, 0.15  # of a share: at any speed, and in proportion to it
IDLE = 0.06  # a smaller push is none
BRAKE_M, BRAKE_RAD = 0.045, 0.7  # from the goal, where pushing less than fully begins: too late for such a reaction
ABOVE_M, LOW_M, HIGH_M = 0.065, 0.012, 0.125  # of the tool point
OVER_M, TURNED_RAD, BESIDE_M, DOWN_M = 0.012, 0.2, 0.008, 0.017
GAP_OPEN_M, GAP_SHUT_M = 0.045, 0.025  # tool point to moving pad, along the table
SURE_S = 0.4  # that the fingers have closed
STUCK_S, STUCK_M, ON_TOP_M = 0.8, 0.002, 0.05  # coming down no further, and not down: a finger is on the cube
OVER = 11  # questions for orders in a row by which an episode is: an action may be kept for ten steps
RISEN_M, LOST_M, DONE_M = 0.10, 0.03, 0.08


@dataclass(frozen=True)
class Scene:
    """What can be seen of arm and cube."""

    aside_m: np.ndarray  # (2,) tool to cube along the table
    height_m: float  # of the tool
    cube_m: float  # height of the cube
    turn_rad: float  # from the fingers to the cube's nearest face
    gap_m: float

    @classmethod
    def of(cls, truth: Truth) -> "Scene":
        gap = (truth.moving_pad_m - truth.tool_m)[:2]
        faces = turn(truth.cube_yaw_rad - math.atan2(gap[1], gap[0]), np.pi / 2)
        aside, gap_m = (truth.cube_m - truth.tool_m)[:2], float(np.linalg.norm(gap))
        return cls(aside, float(truth.tool_m[2]), float(truth.cube_m[2]), faces, gap_m)


class SyntheticPerson:
    """An Operator who lifts the cube with the scene's truth for eyes.

    After an episode it keeps what lifted the cube and asks to redo what did not.

    Args:
        eyes: looks at the scene, once for every `intent`.
        hz: how often it will be asked what it wants.
    """

    def __init__(self, eyes: Callable[[], Truth | None], hz: float, rng: np.random.Generator):
        self._eyes, self._hz, self._rng = eyes, hz, rng
        self._asked = 0  # for orders, since it was last asked what it wants
        self._lifted = False
        self._sit_down()

    def intent(self) -> Intent | None:
        if self._asked >= OVER:
            self._sit_down()
        self._asked = 0
        truth = self._eyes()
        if truth is None:
            return None
        self._remembered.append(Scene.of(truth))
        self._lifted = truth.cube_m[2] > DONE_M
        motion = next(self._hand)  # goes on thinking while it rests
        if self._rng.random() < PAUSES_PER_S / self._hz:
            self._resting = self._steps(PAUSE_S)
        self._resting -= 1
        return Intent(motion) if self._resting < 0 else None

    def orders(self) -> tuple[Order, ...]:
        self._asked += 1
        if self._asked != OVER:
            return ()
        return (Order.KEEP if self._lifted else Order.REDO,)

    def close(self) -> None:
        """Nothing is held."""

    def _sit_down(self) -> None:
        late = self._hz * self._rng.uniform(*REACTION_S)
        self._remembered: deque[Scene] = deque(maxlen=int(late) + (self._rng.random() < late % 1) + 1)
        self._resting = self._steps(HESITATION_S)
        self._hand: Iterator[tuple[float, ...]] = self._lift()

    def _steps(self, span_s: tuple[float, float]) -> int:
        return max(1, round(self._hz * self._rng.uniform(*span_s)))

    @property
    def _scene(self) -> Scene:
        """As it was a reaction time ago."""
        return self._remembered[0]

    def _lift(self) -> Iterator[tuple[float, ...]]:
        """What the hand does, from one look to the next."""
        while True:
            off, off_rad = AIM_M * self._rng.standard_normal(2), float(AIM_RAD * self._rng.standard_normal())
            yield from self._go(ABOVE_M, off, off_rad, OVER_M)
            yield from self._go(LOW_M, off, off_rad, BESIDE_M)
            if self._scene.height_m < DOWN_M:
                yield from self._close()
                yield from self._raise()

    def _go(self, height_m: float, off: np.ndarray, off_rad: float, near_m: float) -> Iterator[tuple[float, ...]]:
        """Bring the open hand over the cube, this high; or only until it is seen to stand on the cube."""
        patience = round(STUCK_S * self._hz)
        heights = deque[float](maxlen=patience + 1)
        while len(heights) <= patience or not DOWN_M < heights[-1] < ON_TOP_M or heights[0] - heights[-1] > STUCK_M:
            scene = self._scene
            heights.append(scene.height_m)
            aside, faces = scene.aside_m + off, scene.turn_rad + off_rad
            there = scene.height_m > ON_TOP_M if height_m == ABOVE_M else scene.height_m < DOWN_M
            if there and np.linalg.norm(aside) < near_m and abs(faces) < TURNED_RAD:
                return
            # Stays up until it is over the cube: knocking it away takes longer.
            aim_m = height_m if np.linalg.norm(aside) < 2 * OVER_M else ABOVE_M
            up = (aim_m - scene.height_m) / BRAKE_M
            open_up = 1.0 if scene.gap_m < GAP_OPEN_M else 0.0
            yield self._push(*(aside / BRAKE_M), up, faces / BRAKE_RAD, open_up)

    def _close(self) -> Iterator[tuple[float, ...]]:
        sure = round(SURE_S * self._hz)
        while sure > 0:
            sure -= self._scene.gap_m < GAP_SHUT_M
            yield self._push(0.0, 0.0, 0.0, 0.0, -1.0)

    def _raise(self) -> Iterator[tuple[float, ...]]:
        """Up with it, until it is seen to be lost."""
        while not (self._scene.height_m > 2 * LOST_M and self._scene.cube_m < LOST_M):
            up = (HIGH_M - self._scene.height_m) / BRAKE_M
            yield self._push(0.0, 0.0, up, 0.0, -0.6 if self._scene.cube_m < RISEN_M else 0.0)

    def _push(self, *wanted: float) -> tuple[float, ...]:
        """Shares in [-1, 1] as a hand gives them."""
        full = np.clip(wanted, -1.0, 1.0)
        shaken = full * (1 + CARELESS * self._rng.standard_normal(len(AXES)))
        shaken[full != 0] += TREMOR * self._rng.standard_normal(np.count_nonzero(full))
        return tuple(np.where(np.abs(shaken) < IDLE, 0.0, np.clip(shaken, -1.0, 1.0)).tolist())
