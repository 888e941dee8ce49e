"""What somebody at the controls wants, whatever is in their hands: keys, a gamepad, a page, another arm."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from control.types import JOINTS, keep_vectors

AXES = ("x", "y", "z", "roll", "gripper")


class Order(StrEnum):
    """What is asked for once, by a key or a button, while the arm is driven or stands."""

    HOME = "home"  # glide to the start
    FRAME = "frame"  # forwards is from now on where the tool points
    TAKE = "take"  # a person drives from now on, not the policy
    GIVE = "give"  # the policy drives from now on, not the person
    SUCCESS = "success"  # this episode did what it was to do; it ends
    FAILURE = "failure"  # it did not; it ends
    KEEP = "keep"  # what was recorded
    REDO = "redo"  # record it again
    DISCARD = "discard"  # what was recorded
    STOP = "stop"  # brake, hold, and stay so
    CLEAR = "clear"  # somebody has seen why it was stopped
    QUIT = "quit"


@dataclass(frozen=True, eq=False)
class Intent:
    """What is wanted at this instant: that the tool moves, or that the joints are somewhere."""

    motion: tuple[float, ...] = (0.0,) * len(AXES)  # shares of full speed in [-1, 1]; x is forwards, y to the left
    joints_rad: np.ndarray | None = None  # (J,) a leader arm's; motion means nothing beside it

    def __post_init__(self) -> None:
        if len(self.motion) != len(AXES) or not all(-1.0 <= share <= 1.0 for share in self.motion):  # nan, too
            raise ValueError(f"motion must be {len(AXES)} shares in [-1, 1], got {self.motion}")
        if self.joints_rad is not None:
            keep_vectors(self, ("joints_rad",), len(JOINTS))


class Operator(Protocol):
    """Somebody at the controls. Both questions are answered at once, and may be asked from one thread only."""

    def intent(self) -> Intent | None:
        """What is wanted now; None while nobody holds the dead-man, on which the arm stands."""
        ...

    def orders(self) -> tuple[Order, ...]:
        """What was asked for since the last question, in order, each once."""
        ...

    def close(self) -> None:
        """Let keys, port or page go."""
        ...
