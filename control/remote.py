"""A robot in another process: what serves one, and what stands in for it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from control import wire
from control.caller import Caller
from control.errors import CommandRefused, LinkError, TwinarmError
from control.interfaces import Robot, Scenic
from control.keys import own_ticket
from control.modes import Word
from control.peers import DRIVING, MOVING, Lease, Peer, permit
from control.types import Command, Health, Observation, PictureRequest, ResetRequest, RobotSpec, Status, Truth

RESET_S = 60.0  # an arm is armed, glides home, and from there to the start, each glide 20 s at most


class RobotService:
    """A robot as a handler of questions. Whoever asks may look; one at a time may drive."""

    def __init__(self, robot: Robot, lease: Lease | None = None):
        self._robot, self._lease = robot, lease or Lease()
        self.seen: Observation | None = None  # the last one that was given away
        self._answers = {jpeg: wire.answers(robot.spec.cameras, jpeg) for jpeg in (False, True)}
        self._methods: dict[str, Callable[[Any], Any]] = {
            "hello": lambda _: robot.spec,
            "reset": robot.reset,
            "observe": lambda _: robot.observe(),
            "step": robot.step,
            "halt": lambda _: robot.halt(),
            "release": lambda _: None,
            "say": robot.say,
            "health": lambda _: robot.health(),
            "truth": lambda _: robot.truth(),
            "picture": lambda wanted: _picture(robot, wanted),
        }

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises LinkError for a body of another form, LeaseHeld, NotPermitted, and whatever the robot raises."""
        if kind not in self._methods:
            raise LinkError(f"a robot does not {kind}; is that the endpoint of a policy that was meant?")
        asked = wire.ASKS[kind].read(body)
        permit(peer, kind, asked if kind == "say" else None)
        if kind == "say" and asked in MOVING:
            self._lease.require(peer)
        fresh = kind in DRIVING and self._lease.take(peer)
        if fresh or (kind == "release" and self._lease.drop(peer)):
            self._robot.halt()
        try:
            answer = self._methods[kind](asked)
        except TwinarmError:
            if fresh:
                self._lease.drop(peer)  # whoever was refused at once drives nothing, and keeps nobody away
            raise
        if kind in DRIVING:
            self._lease.keep(peer)
        self.seen = answer if isinstance(answer, Observation) else self.seen
        return self._answers[peer.jpeg][kind].write(answer)


def _picture(robot: Robot, wanted: PictureRequest) -> np.ndarray:
    if not isinstance(robot, Scenic):
        raise CommandRefused("this robot has no scene to draw; its own cameras' frames are in every observation")
    return robot.picture(wanted.camera, wanted.height, wanted.width)


class RemoteRobot:
    """A robot that is served at `endpoint`. Opening it moves nothing, closing it lets it hold.

    Every method raises LinkTimeout, PeerRestarted, LeaseHeld, NotPermitted, or what the robot itself raised.

    Args:
        timeout_s: how long one question may take; a reset may take RESET_S.
        jpeg: whether pictures come compressed, which costs some truth and saves a slow line.
    Raises:
        LinkTimeout: nobody answered.
        VersionMismatch: the server speaks another version or schema.
        UserError: the endpoint is malformed or on another machine.
    """

    spec: RobotSpec

    def __init__(self, endpoint: str, timeout_s: float = 5.0, jpeg: bool = False):
        self._caller, self._drives = Caller(endpoint, timeout_s, jpeg=jpeg, ticket=own_ticket()), False
        try:
            self.spec = wire.SPEC.read(self._caller.greeting)
        except LinkError:
            self.close()
            raise LinkError(f"{endpoint} is no robot; is that the endpoint of a policy, or of a learner?") from None
        self._answers = wire.answers(self.spec.cameras, jpeg)

    def reset(self, request: ResetRequest) -> Observation:
        """Start an episode; the same request gives the same start."""
        return self._ask("reset", request, RESET_S)

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

    def status(self) -> Status:
        """Who drives it."""
        return self._ask("status")

    def truth(self) -> Truth | None:
        """The simulator's own knowledge; None where there is no simulator."""
        return self._ask("truth")

    def picture(self, camera: str, height: int, width: int) -> np.ndarray:
        """What one of `spec.scene_cameras` sees, for people: (height, width, 3) uint8. Raises CommandRefused too."""
        return self._ask("picture", PictureRequest(camera, height, width))

    def close(self) -> None:
        """Drop the connection; whoever drove lets others."""
        if self._drives:
            self._caller.tell("release")
        self._drives = False
        self._caller.close()

    def _ask(self, kind: str, value: Any = None, patience_s: float = 0.0) -> Any:
        self._drives = self._drives or kind in DRIVING
        return self._answers[kind].read(self._caller.ask(kind, wire.ASKS[kind].write(value), patience_s))
