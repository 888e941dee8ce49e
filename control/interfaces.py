"""The protocols every part is written against."""

from typing import Protocol, runtime_checkable

import numpy as np

from control.modes import Word
from control.types import Command, Health, Observation, ResetRequest, RobotSpec, Truth, Verdict


class Robot(Protocol):
    """An arm with cameras. Constructing one never moves it; closing it leaves the arm holding its pose."""

    @property
    def spec(self) -> RobotSpec: ...

    def reset(self, request: ResetRequest) -> Observation:
        """Start an episode; the same request gives the same start."""
        ...

    def observe(self) -> Observation:
        """Look, command nothing; time passes only where it does so by itself, as on an arm."""
        ...

    def step(self, command: Command) -> Observation:
        """Apply, and return the observation of the next absolute tick.

        On a robot that runs by the clock the periods before a late command pass without it, the last target held.
        """
        ...

    def halt(self) -> None:
        """Stop, torque on: hold the reference in force at this instant and drop the rest of the way to the target.

        Not the measured pose: a loaded arm hangs below its reference, and would sink by its droop at every halt.
        """
        ...

    def say(self, word: Word) -> None:
        """A person's word to the safety machine: stop stays until clear; park and limp let go, where there is torque.

        Raises:
            CommandRefused: it means nothing to this robot.
        """
        ...

    def health(self) -> Health: ...

    def truth(self) -> Truth | None:
        """The simulator's own knowledge; None where there is no simulator."""
        ...

    def close(self) -> None:
        """Drop what the caller holds."""
        ...


@runtime_checkable
class Scenic(Protocol):
    """What a robot with `spec.scene_cameras` can do besides."""

    def picture(self, camera: str, height: int, width: int) -> np.ndarray:
        """What one of those cameras sees at the last observation, for people: (height, width, 3) uint8.

        Raises:
            CommandRefused: there is no such camera, or the picture would be larger than 480x640.
        """
        ...


class Policy(Protocol):
    """Something that acts."""

    def reset(self) -> None:
        """Forget the last episode."""
        ...

    def act(self, observation: Observation) -> Command: ...


class Judge(Protocol):
    """Something that says how good a step was."""

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        """Forget the last episode; the next one begins with `observation` (and `truth`)."""
        ...

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        """Judge the step that `command` began and `observation` (with `truth`) ended."""
        ...
