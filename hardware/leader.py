"""An operator with a second arm in their hands: six servos without torque, whose angles the first arm follows.

Nothing is ever written to a leader. It is followed from the order to take over until one to give back, a stop, or its
silence; whoever follows sees to it that the two stand alike when that begins.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import numpy as np

from control import config
from control.arm import Arm
from control.errors import BusLost, UserError
from control.operating import Intent, Operator, Order
from control.types import GRIPPER, JOINTS
from hardware.bus import SLACK_S, Bus
from hardware.calibrating import IDS
from hardware.calibration import STEPS_PER_RAD, Calibration
from hardware.registers import STS3215

LOOK_S = 0.02  # between readings
STALE_S = 0.1  # without a reading of all six, after which nobody holds it
TRIES = 2  # again, of a servo that was silent: each costs the slack, and all must come before it is stale
POSITION = STS3215["present_position"]


class LeaderAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leader's file; an arm's own will do."""

    port: str
    calibration: str
    slack_s: float = SLACK_S
    cameras: dict[str, object] = {}


class Leader:
    """The arm on a bus, as an operator.

    Args:
        console: who gives the orders, as a leader has no buttons; closed here.
        tell: is told in words what somebody should know.
    Raises:
        UserError: its servos hold, so it is no leader.
        BusError: one does not answer, or the port is gone.
    """

    def __init__(self, bus: Bus, calibration: Calibration, console: Operator, tell: Callable[[str], object]):
        require_limp(bus, calibration.ids)
        self._bus, self._calibration, self._console, self._tell = bus, calibration, console, tell
        self._arm = Arm.from_facts()
        self._newest: tuple[float, np.ndarray] = (time.monotonic(), self._read(calibration))
        self._engaged, self._over = False, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def intent(self) -> Intent | None:
        """Where it stands; None unless it was taken over with and still answers."""
        heard_s, joints_rad = self._newest
        if self._engaged and time.monotonic() - heard_s > STALE_S:
            self._engaged = False
            self._tell(f"the leader at {self._bus.port} fell silent: the arm stands; see its cable, then press t")
        return Intent(joints_rad=joints_rad) if self._engaged else None

    def orders(self) -> tuple[Order, ...]:
        """The console's. It is taken and given back by some of them."""
        given = self._console.orders()
        for order in given:
            if order is Order.TAKE:
                self._engaged = True
            elif order in (Order.GIVE, Order.STOP, Order.HOME, Order.QUIT):
                self._engaged = False
        return given

    def close(self) -> None:
        """Let go of port and console."""
        self._over.set()
        self._thread.join()
        self._bus.close()
        self._console.close()

    def _watch(self) -> None:
        try:
            while not self._over.wait(LOOK_S):
                answers = self._bus.sync_read(self._calibration.ids, POSITION.name)
                if not answers.missing:
                    self._newest = (time.monotonic(), self._angles(answers.data))
        except BusLost:
            return  # it grows stale

    def _read(self, calibration: Calibration) -> np.ndarray:
        """Raises ServoSilent, BusLost."""
        return self._angles({id: POSITION.encode(self._bus.read(id, POSITION.name)) for id in calibration.ids})

    def _angles(self, data: Mapping[int, bytes]) -> np.ndarray:
        """(J,) of the model; a leader's trigger turns less than a gripper, so its whole way is the gripper's."""
        calibration = self._calibration
        joints = calibration.to_rad(np.array([POSITION.decode(data[id]) for id in calibration.ids], float))
        ways = ((calibration.lower_rad, calibration.upper_rad), (self._arm.lower_rad, self._arm.upper_rad))
        theirs, ours = ([float(ends[GRIPPER]) for ends in way] for way in ways)
        joints[GRIPPER] = np.interp(joints[GRIPPER], theirs, ours)
        return joints


def open_leader(where: str, console: Operator, tell: Callable[[str], object]) -> Leader:
    """The leader at a port, calibrated by what its servos remember, or the one whose file is named.

    Raises:
        ConfigError, CalibrationError, PortError, UserError, BusError: the message says why.
    """
    address, path = None, Path(where)
    if path.suffix in (".yaml", ".yml"):
        address = config.build(LeaderAddress, config.own(path), where)
    with ExitStack() as opened:
        port, slack_s = (address.port, address.slack_s) if address else (where, SLACK_S)
        bus = opened.enter_context(closing(Bus(port, slack_s=slack_s, retries=TRIES)))
        calibration = Calibration.load(path.parent / address.calibration) if address else remembered(bus)
        leader = Leader(bus, calibration, console, tell)
        opened.pop_all()
        return leader


def remembered(bus: Bus) -> Calibration:
    """From the servos' own offsets and limits, as LeRobot's calibration leaves them: zeros lie in the middles.

    Raises:
        CalibrationError: they are no SO-101's, as where it was never calibrated.
        ServoSilent, BusLost: one does not answer, or the port is gone.
    """
    arm, rows = Arm.from_facts(), {}
    limits = {name: (float(arm.lower_rad[j]), float(arm.upper_rad[j])) for j, name in enumerate(JOINTS)}
    for name, id in zip(JOINTS, IDS, strict=True):
        low, high = bus.read(id, "min_position"), bus.read(id, "max_position")
        offset = bus.read(id, "homing_offset")
        rows[name] = {"id": id, "drive_mode": 0, "homing_offset": offset, "range_min": low, "range_max": high}
    trigger = rows["gripper"]
    limits["gripper"] = (0.0, (trigger["range_max"] - trigger["range_min"]) / STEPS_PER_RAD)  # any way it has
    return Calibration.from_lerobot(rows, limits)


def require_limp(bus: Bus, ids: tuple[int, ...]) -> None:
    """Raises UserError where a servo holds: a leader is limp, and an arm that holds would fall if it were let go."""
    if holding := [id for id in ids if bus.read(id, "torque_enable")]:
        raise UserError(
            f"servo {', '.join(map(str, holding))} at {bus.port} holds its pose, and a leader is limp; "
            "is that the arm to be driven? if not, switch its supply off and on"
        )
