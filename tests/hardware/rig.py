"""A driver on the twin's world in time of its own: no clock, no pseudo-terminal, the same servos and the same arm.

And what goes on beside a test that does use a pseudo-terminal: `running`.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.config import RobotConfig
from control.errors import BusLost
from control.modes import Mode, Word
from control.types import JOINTS, RobotSpec
from hardware.bus import Bus
from hardware.calibration import Calibration
from hardware.chain import Chain
from hardware.driver import Driver, Poses
from hardware.line import NoLine
from hardware.mishaps import Mishap
from hardware.orders import Order, Say, Target, Telemetry
from hardware.servos import Servos
from sim.plant import STEP_S
from tools.world import World, twin_calibration

ARM, FACTS = Arm.from_facts(), kinematics.facts()
CALIBRATION = twin_calibration(ARM)
HOME = np.array(FACTS["home_rad"])
REST = np.array([0.0, -1.6, 1.5, 1.0, 1.6, 0.0])
CYCLE_S = 0.01
TTL_S = 0.15
SPEC = RobotSpec(
    joints=JOINTS,
    lower_rad=ARM.lower_rad,
    upper_rad=ARM.upper_rad,
    speed_rad_s=np.array(FACTS["governor"]["speed_rad_s"]),
    accel_rad_s2=np.array(FACTS["governor"]["accel_rad_s2"]),
    hz=10.0,
    cameras={},
    profile="measured",
    calibration=CALIBRATION.digest,
)


class Adapter(NoLine):
    """What was sent is kept; `cut` takes it away."""

    def __init__(self, chain: Chain, clock: Callable[[], float]):
        super().__init__(chain, clock)
        self.sent: list[bytes] = []
        self.cut = False

    def send(self, packet: bytes) -> None:
        if self.cut:
            raise BusLost("cut")
        self.sent.append(packet)
        super().send(packet)


class Rig:
    """World, servos and driver, and the time they share."""

    def __init__(self, calibration: Calibration = CALIBRATION, mishaps: Sequence[Mishap] = ()):
        self.now_s = 100.0
        self.world = World(RobotConfig(hz=10.0, camera_px=32), CALIBRATION, mishaps=mishaps)
        self.port = Adapter(self.world.line.chain, lambda: self.now_s)
        self.bus = Bus(self.world.line.port, opened=lambda port, baud: self.port)
        servos = Servos(self.bus, calibration)
        leash = np.full(len(JOINTS), 0.2)
        self.driver = Driver(servos, SPEC, leash, Poses(HOME, REST), lambda: self.now_s)
        self.telemetry: list[Telemetry] = []
        self.fastest_rad_s = np.zeros(len(JOINTS))

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.world.tick()
            self.world.suffer(self.now_s)
            self.fastest_rad_s = np.maximum(self.fastest_rad_s, np.abs(self.world.plant.speed_rad_s))
        self.now_s += seconds

    def cycle(self, *orders: Order) -> Telemetry:
        told = self.driver.cycle(orders)
        self.telemetry.append(told)
        self.pass_time(CYCLE_S)
        return told

    def live(self, seconds: float, *orders: Order) -> Telemetry:
        """Cycles for so long, the orders in the first; the last one's telemetry."""
        told = self.cycle(*orders)
        for _ in range(round(seconds / CYCLE_S) - 1):
            told = self.cycle()
        return told

    def say(self, *words: Word, then_s: float = CYCLE_S) -> Telemetry:
        return self.live(then_s, *map(Say, words))

    def command(self, target_rad: np.ndarray, answers: int | None = None) -> Telemetry:
        """One command and its control period."""
        newest = self.driver.cycles if answers is None else answers
        return self.live(0.1, Target(tuple(target_rad.tolist()), newest, TTL_S))

    @property
    def mode(self) -> Mode:
        return self.driver.state.mode

    def registers(self, name: str) -> list[int]:
        return [motor.servo[name] for motor in self.world.motors]

    def close(self) -> None:
        self.bus.close()
        self.world.close()


def held(*mishaps: Mishap) -> Rig:
    """An arm that stands at home and has just been armed."""
    rig = Rig(mishaps=mishaps)
    rig.driver.open()
    rig.say(Word.ARM, then_s=0.25)
    assert rig.mode is Mode.HOLD, rig.driver.state
    return rig


@contextmanager
def running(work: Callable[[], object]) -> Iterator[None]:
    """`work` again and again in a thread while this lasts."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            work()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
