"""A round trip to a robot that costs nothing, and a bare ZeroMQ echo of the same bytes beside it."""

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import zmq

from control import wire
from control.link import serve
from control.modes import Word
from control.remote import RemoteRobot, RobotService
from control.types import JOINTS, Command, Frame, Health, Observation, ResetRequest, RobotSpec, Truth

BLOCK = 200  # round trips
ONES = np.ones(len(JOINTS))


class StillRobot:
    """A robot whose every method is free: it sees the same joints and 84x84 picture for ever."""

    def __init__(self) -> None:
        self.spec = RobotSpec(
            joints=JOINTS,
            lower_rad=-ONES,
            upper_rad=ONES,
            speed_rad_s=ONES,
            accel_rad_s2=ONES,
            hz=10.0,
            cameras={"wrist_cam": ((480, 640), (84, 84))},
            profile="still",
            calibration="exact",
        )
        picture = np.random.default_rng(0).integers(0, 256, (84, 84, 3), np.uint8)
        frames = {"wrist_cam": Frame(picture, 4.1)}
        self._seen = Observation(41, 4.1, ONES, ONES, ONES, ONES, limited=False, frames=frames)

    def reset(self, request: ResetRequest) -> Observation:
        return self._seen

    def observe(self) -> Observation:
        return self._seen

    def step(self, command: Command) -> Observation:
        return self._seen

    def halt(self) -> None:
        pass

    def say(self, word: Word) -> None:
        pass

    def health(self) -> Health:
        return Health("still", float("nan"), np.zeros(len(JOINTS)), (), 1.0, 0, 0.0, {})

    def truth(self) -> Truth | None:
        return None

    def close(self) -> None:
        pass


def bench_wire(blocks: int = 20) -> dict[str, float]:
    """Round trips over ipc (us): ours, a bare echo of the same bytes, and the ratio of the medians.

    Ours is `RemoteRobot.step` with joints and one picture, packed, checked and made the house's types at both ends.
    Bare is REQ and REP in two processes, which send and answer what ours sends and answers. They take turns in blocks.
    """
    command = Command(np.linspace(0, 1, len(JOINTS)), answers=41, action=(0.0,) * 4)
    asked, answered = messages(command)
    with tempfile.TemporaryDirectory() as folder:
        ours_at, bare_at = f"ipc://{folder}/ours", f"ipc://{folder}/bare"
        with beside(serve_still, ours_at), beside(echo, bare_at, answered), bare_peer(bare_at) as peer:
            robot = RemoteRobot(ours_at)
            try:
                times = interleaved({"ours": lambda: robot.step(command), "bare": lambda: bounce(peer, asked)}, blocks)
            finally:
                robot.close()
    return summary(times["ours"], times["bare"])


def messages(command: Command) -> tuple[bytes, bytes]:
    """What a step sends, and what it is answered."""
    robot, nobody = StillRobot(), wire.NOBODY
    seen = wire.answers(robot.spec.cameras)["step"].write(robot.observe())
    return (
        wire.pack("step", nobody, 1, nobody, wire.COMMAND.write(command)),
        wire.pack("step", nobody, 1, nobody, seen),
    )


@contextmanager
def beside(work: Callable[..., None], *given: object) -> Iterator[None]:
    """`work` in a process of its own while this lasts."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def serve_still(endpoint: str) -> None:
    serve(RobotService(StillRobot()), endpoint, threading.Event(), ready=lambda opened: None)


def echo(endpoint: str, answered: bytes) -> None:
    """Answer whatever comes with `answered`, with nothing but pyzmq."""
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        while True:
            socket.recv()
            socket.send(answered)


@contextmanager
def bare_peer(endpoint: str) -> Iterator[zmq.Socket]:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(endpoint)
        yield socket


def bounce(socket: zmq.Socket, asked: bytes) -> None:
    socket.send(asked)
    socket.recv()


def interleaved(rounds: dict[str, Callable[[], object]], blocks: int) -> dict[str, list[float]]:
    """Seconds of each call, by name, in blocks that take turns; the first block of each is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(1 + blocks):
        for name, call in rounds.items():
            for _ in range(BLOCK):
                began_s = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - began_s)
    return {name: times[BLOCK:] for name, times in seconds.items()}


def summary(ours_s: list[float], bare_s: list[float]) -> dict[str, float]:
    """Percentiles in microseconds and the ratio of the medians."""
    (ours, ours_slow), (bare, bare_slow) = (np.percentile(times, [50, 99]) * 1e6 for times in (ours_s, bare_s))
    return {
        "ours_us_p50": float(ours),
        "ours_us_p99": float(ours_slow),
        "bare_us_p50": float(bare),
        "bare_us_p99": float(bare_slow),
        "ratio": float(ours / bare),
    }
