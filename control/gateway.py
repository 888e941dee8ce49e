"""A robot on three endpoints: one to drive it, one to watch it, one to stop it.

Whoever drives waits for the robot's clock. Whoever watches must not hold that up, nor wait for it, and whoever stops it
must not wait for anything: so each endpoint has a thread of its own, and only the first touches the robot.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from control import wire
from control.endpoints import STOPPING, WATCHING, beside
from control.errors import CameraError, DriverLost, LinkError, NotPermitted, UserError
from control.interfaces import Robot
from control.keys import Keys
from control.link import Listener, serving_beside
from control.modes import Word
from control.peers import Lease, Peer, permit
from control.remote import RobotService
from control.types import Health, Observation, Status

TRIES = 20
WATCHED_S = 2.0  # after a look, for which what is seen is kept fresh


class Board:
    """Where the driving thread leaves what it last saw, for those who watch."""

    def __init__(self) -> None:
        self._newest: tuple[Observation, Health] | None = None
        self._posted_s = self._wanted_s = -WATCHED_S

    @property
    def wanted(self) -> bool:
        """Whether anybody has looked lately."""
        return time.monotonic() - self._wanted_s < WATCHED_S

    @property
    def age_s(self) -> float:
        """Of what was posted."""
        return time.monotonic() - self._posted_s

    def post(self, seen: Observation, health: Health) -> None:
        """What was posted before does not become younger by the health beside it."""
        if self._newest is None or self._newest[0] is not seen:
            self._posted_s = time.monotonic()
        self._newest = seen, health

    def look(self) -> tuple[Observation, Health]:
        """The newest. Raises LinkError where there is none yet, or no more; it comes soon."""
        self._wanted_s = time.monotonic()
        if self._newest is None or self.age_s > WATCHED_S:
            raise LinkError("nothing was seen lately; look again in a moment")
        return self._newest


class Driving:
    """Whoever asks may look; one at a time may drive."""

    def __init__(self, robot: Robot, board: Board, lease: Lease):
        self._robot, self._board, self._lease = robot, board, lease
        self._service, self._period_s = RobotService(robot, lease), 1.0 / robot.spec.hz

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises LinkError, LeaseHeld, NotPermitted, CommandRefused, and whatever the robot raises."""
        if kind == "status":
            return wire.STATUS.write(status(self._board, self._lease))
        answer = self._service(kind, body, peer)
        if self._board.wanted and self._service.seen is not None:
            self._board.post(self._service.seen, self._robot.health())
        return answer

    def idle(self) -> None:
        """What is to be done while nobody asks: hold where whoever drove is gone, look where somebody watches. What is
        wrong with the arm is told to those who ask: one without eyes or driver is still to be stopped and let go."""
        with suppress(CameraError, DriverLost):
            if self._lease.lapsed:
                self._lease.clear()
                self._robot.halt()
            if self._board.wanted and self._board.age_s > self._period_s:
                self._board.post(self._robot.observe(), self._robot.health())


class Watching:
    """Answers from the board alone."""

    def __init__(self, robot: Robot, board: Board, lease: Lease):
        self._spec, self._board, self._lease = robot.spec, board, lease
        self._answers = {jpeg: wire.answers(robot.spec.cameras, jpeg) for jpeg in (False, True)}

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises NotPermitted for what is no look, LinkError before there is anything to be seen."""
        looks: dict[str, Callable[[], Any]] = {
            "hello": lambda: self._spec,
            "observe": lambda: self._board.look()[0],
            "health": lambda: self._board.look()[1],
            "status": lambda: status(self._board, self._lease),
        }
        if kind not in looks:
            raise NotPermitted(f"this endpoint is for watching, not to {kind}")
        return self._answers[peer.jpeg][kind].write(looks[kind]())


class Stopping:
    """Hears at once a stop from anybody, a halt from whoever may drive, and an operator who lets the arm go."""

    def __init__(self, robot: Robot):
        self._robot = robot

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises NotPermitted for anything else."""
        if kind == "hello":
            return wire.SPEC.write(self._robot.spec)
        word = wire.ASKS[kind].read(body) if kind == "say" else None
        if word not in (Word.STOP, Word.HALT, Word.LIMP):
            raise NotPermitted(f"this endpoint is for stopping, not to {kind}")
        permit(peer, kind, word)
        self._robot.say(word)
        return None


def status(board: Board, lease: Lease) -> Status:
    """Who drives, and how old what is watched is."""
    driver = lease.holder
    return Status(driver.name if driver else "", lease.since if driver else "", board.age_s)


def serve_robot(
    robot: Robot,
    endpoint: str,
    stop: threading.Event,
    ready: Callable[[str], object],
    keys: Keys | None = None,
) -> None:
    """Serve `robot` until `stop` is set; this thread drives it.

    Args:
        ready: called once with the endpoint to drive at; endpoints.beside says where the others are.
        keys: whom to let in, where others than this machine's users may come.
    Raises:
        UserError: an endpoint is malformed, reachable from other machines without keys, or in use.
    """
    board, lease = Board(), Lease()
    driving = Driving(robot, board, lease)
    with ExitStack() as opened:
        at_drive, at_watch, at_stop = open_three(endpoint, keys, opened)
        for listener, handler in ((at_watch, Watching(robot, board, lease)), (at_stop, Stopping(robot))):
            opened.enter_context(serving_beside(listener, handler, stop))
        ready(at_drive.endpoint)
        at_drive.serve(driving, stop, driving.idle)


def open_three(endpoint: str, keys: Keys | None, opened: ExitStack) -> list[Listener]:
    """To drive, watch and stop at. Where any free port will do the two after it must be free as well: others are tried
    where they are not."""
    tries = TRIES if endpoint.endswith(":0") else 1
    while True:
        tries -= 1
        with ExitStack() as three:
            try:
                listeners = [three.enter_context(Listener(endpoint, keys))]
                for which in (WATCHING, STOPPING):
                    listeners.append(three.enter_context(Listener(beside(listeners[0].endpoint, which), keys)))
            except UserError:
                if not tries:
                    raise
                continue
            opened.push(three.pop_all())
            return listeners
