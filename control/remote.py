"""A robot in another process: what serves one, and what stands in for it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from control import wire
from control.errors import CommandRefused
from control.interfaces import Robot, Scenic
from control.link import Caller
from control.modes import SPOKEN, Word
from control.types import Command, Health, Observation, PictureRequest, ResetRequest, RobotSpec, Truth


class RobotService:
    """The handler that puts `robot` behind `link.serve`."""

    def __init__(self, robot: Robot):
        self._answers = wire.answers(robot.spec.cameras)
        self._methods: dict[str, Callable[[Any], Any]] = {
            "hello": lambda _: robot.spec,
            "reset": robot.reset,
            "observe": lambda _: robot.observe(),
            "step": robot.step,
            "halt": lambda _: robot.halt(),
            "say": lambda word: _say(robot, word),
            "health": lambda _: robot.health(),
            "truth": lambda _: robot.truth(),
            "picture": lambda wanted: _picture(robot, wanted),
        }

    def __call__(self, kind: str, body: Any) -> Any:
        """Raises LinkError for a body of another form, CommandRefused, and whatever the robot raises."""
        return self._answers[kind].write(self._methods[kind](wire.ASKS[kind].read(body)))


def _say(robot: Robot, word: str) -> None:
    if word not in SPOKEN:
        raise CommandRefused(f"{word!r:.20} is no word for a robot; there are {', '.join(SPOKEN)}")
    robot.say(Word(word))


def _picture(robot: Robot, wanted: PictureRequest) -> np.ndarray:
    if not isinstance(robot, Scenic):
        raise CommandRefused("this robot has no scene to draw; its own cameras' frames are in every observation")
    return robot.picture(wanted.camera, wanted.height, wanted.width)


class RemoteRobot:
    """A robot that is served at `endpoint`. Opening it moves nothing, closing it leaves it as it is.

    Every method raises LinkTimeout, PeerRestarted, or what the robot itself raised.

    Args:
        timeout_s: how long one question may take.
    Raises:
        LinkTimeout: nobody answered.
        VersionMismatch: the server speaks another version or schema.
        UserError: the endpoint is malformed or on another machine.
    """

    spec: RobotSpec

    def __init__(self, endpoint: str, timeout_s: float = 5.0):
        self._caller = Caller(endpoint, timeout_s)
        try:
            self.spec = wire.SPEC.read(self._caller.greeting)
        except BaseException:
            self.close()
            raise
        self._answers = wire.answers(self.spec.cameras)

    def reset(self, request: ResetRequest) -> Observation:
        """Start an episode; the same request gives the same start."""
        return self._ask("reset", request)

    def observe(self) -> Observation:
        """Look, command nothing."""
        return self._ask("observe")

    def step(self, command: Command) -> Observation:
        """Apply, and return the observation of the next tick. Never executed twice."""
        return self._ask("step", command)

    def halt(self) -> None:
        """Stop, torque on: hold the reference in force at this instant."""
        self._ask("halt")

    def say(self, word: Word) -> None:
        """A person's word: stop, clear, home, park, limp. Raises CommandRefused too."""
        self._ask("say", word)

    def health(self) -> Health:
        """The robot's own condition."""
        return self._ask("health")

    def truth(self) -> Truth | None:
        """The simulator's own knowledge; None where there is no simulator."""
        return self._ask("truth")

    def picture(self, camera: str, height: int, width: int) -> np.ndarray:
        """What one of `spec.scene_cameras` sees, for people: (height, width, 3) uint8. Raises CommandRefused too."""
        return self._ask("picture", PictureRequest(camera, height, width))

    def close(self) -> None:
        """Drop the connection."""
        self._caller.close()

    def _ask(self, kind: str, value: Any = None) -> Any:
        return self._answers[kind].read(self._caller.ask(kind, wire.ASKS[kind].write(value)))
