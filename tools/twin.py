"""`twinarm twin`: the emulated arm, its camera, and the truth about both, each where a real one would be found."""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType

import mujoco
import numpy as np
import yaml

from control.arm import Arm
from control.config import RobotConfig
from control.errors import CommandRefused, GraphicsError, TwinarmError
from control.link import Listener
from control.modes import Word
from control.outputs import appearing
from control.remote import RobotService
from control.spawning import SPAWN, spawned
from control.types import JOINTS, Command, Health, Observation, ResetRequest, RobotSpec, Truth
from hardware.black_box import BlackBox
from hardware.calibration import Calibration
from hardware.mishaps import load
from hardware.promptness import be_prompt
from hardware.slot import Slot
from sim import graphics
from sim.cameras import Eye
from sim.plant import Plant
from sim.scene import SENSOR_HW
from sim.webcam import FPS, Webcam
from tools.flags.twin import Arguments
from tools.robots import robot_section
from tools.world import VIEW, World, twin_calibration

LOOK_S = 0.02  # between looks at what ails the camera
PRIORITY = 40  # below a driver's: a real wire does not wait for whoever listens either


def main(arguments: Arguments) -> None:
    """Say in one line where everything is, then let time pass."""
    robot = robot_section(arguments.config, *arguments.set)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory() as folder:
        calibration = twin_calibration(Arm.from_facts())
        mishaps = load(arguments.faults) if arguments.faults else ()
        with (
            Listener(arguments.truth or f"ipc://{folder}/truth") as listener,
            World(robot, calibration, arguments.link, mishaps=mishaps) as world,
            filming(robot, world) as (slot, url),
            ExitStack() as described,
        ):
            world.settle()
            if arguments.arm:
                described.enter_context(an_arm_of(arguments.arm, world.line.port, url, calibration))
            if arguments.log:
                world.record(BlackBox(arguments.log))
            where = {"port": world.line.port, "camera": url, "truth": listener.endpoint}
            line = json.dumps(where) if arguments.json else "twin: " + ", ".join(f"{k} {v}" for k, v in where.items())
            be_prompt(PRIORITY)  # before anybody hears of the port: it takes longer than a client may wait
            teller = threading.Thread(target=tell_truth, args=(listener, world, stop))
            teller.start()
            try:
                print(line, flush=True)
                if arguments.json:
                    threading.Thread(target=_end_with, args=(sys.stdin.fileno(), stop), daemon=True).start()
                world.run(stop, slot.write)
            finally:
                stop.set()
                teller.join()


@contextmanager
def an_arm_of(path: Path, port: str, url: str, calibration: Calibration) -> Iterator[None]:
    """While this lasts, `path` is the file of an arm, with its calibration beside it.

    Raises:
        UserError: something is at either place already.
    """
    beside = path.with_name(f"{path.stem}_calibration.json")
    with appearing(path) as part, appearing(beside) as calibration_part:
        calibration.save(calibration_part)
        content = {"port": port, "calibration": beside.name, "cameras": {"wrist_cam": {"source": url}}}
        part.write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)


def tell_truth(listener: Listener, world: World, stop: threading.Event) -> None:
    """Until `stop` is set; as prompt as the world, which waits for whoever holds a lock of its."""
    be_prompt(PRIORITY)
    listener.serve(RobotService(Oracle(world)), stop)


def _end_with(pipe: int, stop: threading.Event) -> None:
    """Whoever started this may be killed: then nobody else would end it."""
    while os.read(pipe, 1):
        pass
    stop.set()


class Oracle:
    """What knows the truth, as a robot that nobody can move: its reset lays the cube down, and says where to start."""

    def __init__(self, world: World):
        self._world = world
        arm, ones = world.plant.arm, np.ones(len(JOINTS))
        self.spec = RobotSpec(JOINTS, arm.lower_rad, arm.upper_rad, ones, ones, 10.0, {}, "oracle", "exact")

    def reset(self, request: ResetRequest) -> Observation:
        """`target_rad` is where an episode of this request starts. Raises UserError for a request that is none."""
        begin = self._world.prepare(request)
        nothing = np.zeros(len(JOINTS))
        return Observation(0, 0.0, nothing, nothing, nothing, begin.joints_rad, False, MappingProxyType({}))

    def truth(self) -> Truth:
        return self._world.truth()

    def health(self) -> Health:
        unknown = np.full(len(JOINTS), np.nan)
        return Health("oracle", float("nan"), unknown, (), 1.0, 0, self._world.lost_s, MappingProxyType({}))

    def observe(self) -> Observation:
        raise CommandRefused("an oracle has no sensors; the servos are on the twin's port")

    def step(self, command: Command) -> Observation:
        raise CommandRefused("an oracle moves nothing; the servos are on the twin's port")

    def halt(self) -> None:
        """It does not move."""

    def say(self, word: Word) -> None:
        raise CommandRefused("an oracle moves nothing; the servos are on the twin's port")

    def close(self) -> None:
        pass


@contextmanager
def filming(robot: RobotConfig, world: World) -> Iterator[tuple[Slot, str]]:
    """The wrist camera, in a process of its own as drawing would hold up the servos: the slot it reads, its address."""
    state = world.view()
    slot = Slot(len(state))
    slot.write(state)
    near, far = SPAWN.Pipe()
    process = spawned(film, robot, multiprocessing.reduction.DupFd(slot.fd), len(state), far)
    far.close()
    try:
        try:
            url = near.recv()
        except EOFError:
            raise TwinarmError("the twin's camera did not start; its own words are above") from None
        yield slot, url
    finally:
        near.close()
        process.join()
        slot.close()


def film(robot: RobotConfig, fd: object, size: int, pipe: Connection) -> None:
    """Serve what the wrist camera sees until the pipe ends."""
    try:
        graphics.require_gl()
    except GraphicsError as error:
        sys.exit(f"twinarm: {error}")
    slot, plant = Slot(size, fd.detach()), Plant(robot)  # type: ignore[attr-defined]
    eyes: list[Eye] = []

    def look() -> np.ndarray:
        if not eyes:
            eyes.append(Eye(plant.model, SENSOR_HW))  # where it is used: a graphics context belongs to a thread
        view = np.frombuffer(slot.read()[1])
        plant.data.qpos[:] = view[: -len(VIEW)]
        mujoco.mj_fwdPosition(plant.model, plant.data)
        return eyes[0].look(plant.data, "wrist_cam", *SENSOR_HW)

    webcam = Webcam(look)
    pipe.send(webcam.url)
    with suppress(EOFError, OSError):
        while not pipe.poll(LOOK_S):
            ails = dict(zip(VIEW, np.frombuffer(slot.read()[1])[-len(VIEW) :], strict=True))
            webcam.frozen, webcam.dark, webcam.fps = bool(ails["frozen"]), bool(ails["black"]), ails["slow"] or FPS
    webcam.close()
