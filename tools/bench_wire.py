"""A round trip to a robot that costs nothing, beside a bare ZeroMQ echo of the same bytes and the forms of peers."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from control import wire
from control.keys import TICKET, Keys, write
from control.link import Listener
from control.modes import Word
from control.remote import RemoteRobot, RobotService
from control.spawning import spawned
from control.types import JOINTS, Command, Frame, Health, Observation, ResetRequest, RobotSpec, Truth
from tools.echoes import START_S, Said, bouncing, echo, over_remote_call, over_websocket, remote_call, websocket

BLOCK = 200  # round trips
BARE = "bare pyzmq echo, ipc"
ONES = np.ones(len(JOINTS))
COMMAND = Command(np.linspace(0, 1, len(JOINTS)), answers=41, action=(0.0,) * 4)
Row = tuple[float, ...]  # us p50, us p99, us p50 of the quietest block, times bare


class StillRobot:
    """A robot whose every method is free: it sees the same joints and picture of that height and width for ever."""

    def __init__(self, size: tuple[int, int] = (84, 84)) -> None:
        self.spec = RobotSpec(
            joints=JOINTS,
            lower_rad=-ONES,
            upper_rad=ONES,
            speed_rad_s=ONES,
            accel_rad_s2=ONES,
            hz=10.0,
            cameras={"wrist_cam": ((480, 640), size)},
            profile="still",
            calibration="exact",
        )
        frames = {"wrist_cam": Frame(scenery(size), 4.1)}
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


def scenery(size: tuple[int, int]) -> np.ndarray:
    """A picture of that height and width, about as hard to compress as a camera's: (H, W, 3) uint8."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.integers(30, 220, (9, 12, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def bench_wire(blocks: int = 20) -> dict[str, Row]:
    """Round trips in microseconds: p50, p99, p50 of the quietest block, and the p50 in bare echoes of the same size.

    Ours is `RemoteRobot.step` with joints and one picture, packed, checked and made the house's types at both ends.
    Bare is REQ and REP in two processes, which send and answer what ours sends and answers. They take turns in blocks.
    """
    return {
        f"{width}x{height} {name}": row
        for height, width in ((84, 84), (480, 640))
        for name, row in compared((height, width), blocks).items()
    }


def compared(size: tuple[int, int], blocks: int) -> dict[str, Row]:
    """The rows of pictures of that height and width."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        times = interleaved(ways(size, Path(folder), opened), blocks)
    bare_s = float(np.median(times[BARE]))
    return {name: (*figures(taken), round(float(np.median(taken)) / bare_s, 2)) for name, taken in times.items()}


def ways(size: tuple[int, int], folder: Path, opened: ExitStack) -> dict[str, Callable[[], object]]:
    """Calls that make a round trip each, by name; their servers run until `opened` is closed."""
    asked, answered = messages(COMMAND, size)
    said, seen = {"target_rad": COMMAND.target_rad, "answers": COMMAND.answers}, told(StillRobot(size).observe())
    keys, ticket = Keys.draw().admit("bench", "commander")
    write(folder / "ticket.yaml", ticket)
    bare, ours, small = (f"ipc://{folder}/{name}" for name in ("bare", "ours", "jpeg"))
    plain, curve = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    web, rpc = free_port(), free_port()
    for server in (
        beside(echo, bare, answered),
        beside(serve_still, ours, size),
        beside(serve_still, small, size),
        beside(serve_still, plain, size),
        beside(serve_still, curve, size, keys),
        beside(websocket, web, seen),
        beside(remote_call, rpc, seen),
    ):
        opened.enter_context(server)
    return {
        BARE: opened.enter_context(bouncing(bare, asked)),
        "ours, ipc": stepping(opened, ours),
        "ours, ipc, JPEG": stepping(opened, small, jpeg=True),
        "ours, tcp": stepping(opened, plain),
        "ours, tcp, CURVE": stepping(opened, curve, ticket=folder / "ticket.yaml"),
        "websockets, msgpack, tcp": opened.enter_context(over_websocket(web, said)),
        "gRPC, msgpack, tcp": opened.enter_context(over_remote_call(rpc, said)),
    }


def messages(command: Command, size: tuple[int, int] = (84, 84)) -> tuple[bytes, bytes]:
    """What a step sends, and what it is answered."""
    robot, nobody = StillRobot(size), wire.NOBODY
    seen = wire.answers(robot.spec.cameras)["step"].write(robot.observe())
    return (
        wire.pack("step", nobody, 1, nobody, wire.COMMAND.write(command)),
        wire.pack("step", nobody, 1, nobody, seen),
    )


def told(seen: Observation) -> Said:
    """An observation as peers send theirs: numbers and arrays by name."""
    pictures = {name: frame.rgb for name, frame in seen.frames.items()}
    return {name: value for name, value in vars(seen).items() if name != "frames"} | pictures


def stepping(opened: ExitStack, endpoint: str, jpeg: bool = False, ticket: Path | None = None) -> Callable[[], object]:
    """A call that lets the robot at `endpoint` make a step."""
    os.environ.pop(TICKET, None)
    if ticket:
        os.environ[TICKET] = str(ticket)
    robot = opened.enter_context(closing(RemoteRobot(endpoint, START_S, jpeg)))
    os.environ.pop(TICKET, None)
    return partial(robot.step, COMMAND)


@contextmanager
def beside(work: Callable[..., None], *given: object) -> Iterator[None]:
    """`work` in a process of its own while this lasts."""
    process = spawned(work, *given)
    try:
        yield
    finally:
        process.terminate()
        process.join()


def serve_still(endpoint: str, size: tuple[int, int], keys: Keys | None = None) -> None:
    with Listener(endpoint, keys) as listener:
        listener.serve(RobotService(StillRobot(size)), threading.Event())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


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


def figures(taken_s: list[float]) -> Row:
    """p50, p99, and the p50 of the block that was disturbed least, microseconds."""
    quietest_s = np.median(np.reshape(taken_s, (-1, BLOCK)), axis=1).min()
    return tuple(round(1e6 * float(each), 1) for each in (*np.percentile(taken_s, (50, 99)), quietest_s))
