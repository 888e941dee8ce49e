"""The three protocols every part is written against."""

from typing import Protocol

from control.types import Command, Health, Observation, ResetRequest, RobotSpec, Truth, Verdict


class Robot(Protocol):
    """An arm with cameras. Constructing one never moves it; closing it leaves the arm holding its pose."""

    @property
    def spec(self) -> RobotSpec: ...

    def reset(self, request: ResetRequest) -> Observation:
        """Start an episode; the same request gives the same start."""
        ...

    def observe(self) -> Observation:
        """Look, command nothing, let no time pass."""
        ...

    def step(self, command: Command) -> Observation:
        """Apply, and return the observation of the next absolute tick."""
        ...

    def halt(self) -> None:
        """Hold the present pose, torque on."""
        ...

    def health(self) -> Health: ...

    def truth(self) -> Truth | None:
        """The simulator's own knowledge; None where there is no simulator."""
        ...

    def close(self) -> None:
        """Drop what the caller holds."""
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
