"""The driver: alone with the port and the clock, a hundred times a second.

A cycle reads every servo, names what is wrong, lets the safety machine decide, moves the reference under the governor
and writes the goals. There is no network, no camera and no learning in this process; when the other one is gone the arm
holds.
"""

import math
import time
from collections.abc import Callable, Iterable

import numpy as np

from control import safety
from control.arm import Arm
from control.errors import BusError, BusLost, CommandRefused
from control.governor import RATE_HZ, TICK_S, Governor
from control.safety import Armed, Commanded, Drive, Identified, Mode, State, Tick, Word
from control.types import GRIPPER, JOINTS, RobotSpec
from hardware.bus import Bus
from hardware.calibration import Calibration
from hardware.orders import GoTo, Order, Say, Target, Telemetry
from hardware.vitals import FIRST, SIZE, Reading, Senses, Vitals

MODEL = 777
WEAK, FULL = 400, 600  # torque limits, 0.1 %: to hold while something is wrong, and to work
GRIP = 270  # what a gripper needs for a firm hold, 0.8 N·m
GLIDE_RAD_S = 0.5
STIR_RAD, SETTLE_S = 0.018, 0.2  # who moves more than this when torque comes on is let go again
FADE_S = 2.0
NEAR_RAD = 0.03  # of a glide's end
OLDEST_CYCLES = 30  # that a command may answer
# What the loop's stiffness and the bus's speed rest on; written only where a servo has something else.
EEPROM = {
    "return_delay": 0,
    "response_level": 1,
    "mode": 0,
    "p_gain": 32,
    "d_gain": 32,
    "i_gain": 0,
}


class Driver:
    """The cycle. Knows no processes.

    Args:
        spec: limits for the governor.
        leash_rad: (J,) how far a target may lie ahead of the measured pose.
        home_rad, rest_rad: (J,) where it glides to start and to let go.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        bus: Bus,
        calibration: Calibration,
        spec: RobotSpec,
        leash_rad: np.ndarray,
        home_rad: np.ndarray,
        rest_rad: np.ndarray,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ):
        self.bus, self.calibration, self.spec = bus, calibration, spec
        self.state, self.cycles = State(), 0
        self.late, self.worst_late_s = 0, 0.0
        self._clock, self._sleep = clock, sleep
        self._governor = Governor(spec, Arm.from_facts(), leash_rad)
        self._senses, self._vitals = Senses(calibration), Vitals(0.0)
        self._goal_rad, self._home_rad, self._rest_rad = home_rad, home_rad, rest_rad
        self._fading_s = 0.0
        self.reading: Reading | None = None
        self._drives = {
            Drive.STAY: self._stay,
            Drive.BRAKE: self._stay,
            Drive.FOLLOW: self._follow,
            Drive.GLIDE: self._glide,
            Drive.FADE: self._fade,
        }

    def open(self) -> None:
        """Read who is there; nothing is written."""
        self._happen(Word.OPENED)
        self._happen(Identified(tuple(self._refusals())))

    def cycle(self, orders: Iterable[Order]) -> Telemetry:
        """One hundredth of a second's work."""
        self.cycles += 1
        now_s = self._clock()
        try:
            self._sense(now_s)
            for order in orders:
                self._obey(order)
            drive = self._happen(Tick(self._faults(now_s)))
            if drive in self._drives:
                self._drives[drive]()
        except BusLost:
            self._happen(Word.LOST)
        return self._telemetry(now_s)

    # What a cycle is made of

    def _sense(self, now_s: float) -> None:
        if self.state.mode not in (Mode.CLOSED, Mode.LOST):
            answers = self.bus.sync_read_bytes(self.calibration.ids, FIRST, SIZE)
            self.reading = self._senses.read(answers, now_s)

    def _faults(self, now_s: float) -> safety.Faults:
        if self.reading is None or self.state.mode in (Mode.CLOSED, Mode.LOST):
            return ()
        return self._vitals.faults(self.reading, self._senses.astray, self._reference(), now_s)

    def _obey(self, order: Order) -> None:
        if isinstance(order, GoTo):
            self._goal_rad = np.array(order.joints_rad)
        elif isinstance(order, Say):
            self._hear(order.word)
        else:
            self._command(order)

    def _hear(self, word: Word) -> None:
        before = self.state.mode
        drive = self._happen(word)
        if word is Word.ARM and drive is Drive.ARM:
            self._happen(Armed(self._arm()))
        elif drive is Drive.LIMP and before is not Mode.LIMP:
            self._limp()
        elif drive is Drive.GLIDE and before is not self.state.mode:
            self._goal_rad = self._rest_rad if self.state.mode is Mode.PARKING else self._goal_rad

    def _command(self, target: Target) -> None:
        if not self.cycles - OLDEST_CYCLES <= target.answers <= self.cycles:
            self._happen(Word.LATE)
            return
        if self._happen(Commanded(target.ttl_s)) is Drive.FOLLOW:
            assert self.reading is not None
            try:
                self._governor.accept(np.array(target.target_rad), self.reading.joints_rad)
            except CommandRefused:
                self._happen(Word.HALT)

    def _happen(self, event: safety.Event) -> Drive:
        """Tell the machine; what changes with the mode is done at once."""
        before = self.state.mode
        self.state, drive = safety.step(self.state, event, self._clock())
        mode = self.state.mode
        if mode is before:
            return drive
        if mode in (Mode.HOLD, Mode.FAULT, Mode.STOPPED) and before in safety.POWERED | {Mode.FAULT, Mode.STOPPED}:
            self._governor.stop()
        if mode is Mode.FAULT:
            # Back off: what pushes against something pushes no more.
            assert self.reading is not None
            self._governor.start(self.reading.joints_rad)
            self._limit_torque(WEAK)
        elif before is Mode.FAULT and mode is Mode.HOLD:
            self._limit_torque(FULL)
        elif mode is Mode.RELEASING:
            self._fading_s = 0.0
        return drive

    # What the servos are told

    def _reference(self) -> np.ndarray:
        return np.array(self._governor.reference)

    def _stay(self) -> None:
        self._write(self._governor.tick())

    def _follow(self) -> None:
        self._write(self._governor.tick())

    def _glide(self) -> None:
        """Straight in joint space, the farthest joint at GLIDE_RAD_S; the others arrive with it."""
        assert self.reading is not None
        reference = self._reference()
        way = self._goal_rad - reference
        farthest = np.abs(way).max()
        ahead_rad = GLIDE_RAD_S / self.spec.hz
        self._governor.accept(reference + way * min(1.0, ahead_rad / max(farthest, 1e-9)), self.reading.joints_rad)
        self._write(self._governor.tick())
        if farthest < NEAR_RAD:
            self._happen(Word.REACHED)

    def _fade(self) -> None:
        self._fading_s += TICK_S
        share = max(0.0, 1.0 - self._fading_s / FADE_S)
        self._limit_torque(round(WEAK * share))
        if share == 0.0:
            self._limp()
            self._happen(Word.REACHED)

    def _write(self, reference_rad: Iterable[float]) -> None:
        steps = self.calibration.to_steps(np.array(list(reference_rad)))
        self.bus.sync_write("goal_position", dict(zip(self.calibration.ids, steps.tolist(), strict=True)))

    def _limit_torque(self, limit: int) -> None:
        ids = self.calibration.ids
        self.bus.sync_write(
            "torque_limit", {id: min(limit, GRIP) if j == GRIPPER else limit for j, id in enumerate(ids)}
        )

    def _limp(self) -> None:
        """Everyone at once, several times over, for nobody acknowledges; then each, as often as it takes."""
        off = dict.fromkeys(self.calibration.ids, 0)
        for _ in range(3):
            self.bus.sync_write("torque_enable", off)
        for id in self.calibration.ids:
            try:
                self.bus.write(id, "torque_enable", 0)
            except BusLost:
                raise
            except BusError:
                continue

    # Arming

    def _refusals(self) -> list[str]:
        """Why this chain may not be driven; reads only."""
        found = []
        ids = self.calibration.ids
        for name, id in zip(JOINTS, ids, strict=True):
            try:
                found += self._unlike(name, id)
            except BusLost:
                raise
            except BusError as error:
                found.append(f"{name}: {error}")
        if not found:
            volts = [self.bus.read(id, "present_voltage") / 10 for id in ids]
            self._vitals = Vitals(min(volts))
            now_s = self._clock()
            self._sense(now_s)
            found += self._outside()
        return found

    def _unlike(self, name: str, id: int) -> list[str]:
        read = lambda register: self.bus.read(id, register)  # noqa: E731
        found = []
        if (model := read("model")) != MODEL:
            found.append(f"{name}: servo {id} is model {model}, not an STS3215 ({MODEL})")
        joint = self.calibration.joints[name]
        wanted = {
            "homing_offset": joint.homing_offset,
            "min_position": joint.lowest_steps,
            "max_position": joint.highest_steps,
        }
        for register, value in wanted.items():
            if (found_there := read(register)) != value:
                found.append(
                    f"{name}: servo {id} has {register} {found_there}, the calibration {value}; "
                    "is this another arm's calibration? twinarm calibrate makes one"
                )
        least_V, most_V, volts = read("min_voltage") / 10, read("max_voltage") / 10, read("present_voltage") / 10
        if not least_V <= volts <= most_V:
            found.append(f"{name}: servo {id} gets {volts:.1f} V and is made for {least_V:.1f} to {most_V:.1f} V")
        return found

    def _outside(self) -> list[str]:
        """Joints that the firmware would drive to their limit with the first goal."""
        assert self.reading is not None
        joints = self.reading.joints_rad
        lower, upper = self.calibration.lower_rad - 0.02, self.calibration.upper_rad + 0.02
        return [
            f"{name}: stands at {math.degrees(joints[j]):.0f} degrees, outside its limits; move it inside by hand"
            for j, name in enumerate(JOINTS)
            if not lower[j] <= joints[j] <= upper[j]
        ]

    def _arm(self) -> str:
        """Hold the pose that is found: goals first, then a weak torque, then a look. Empty when nothing stirred."""
        assert self.reading is not None
        ids = self.calibration.ids
        torque = [self.bus.read(id, "torque_enable") for id in ids]
        self._set_up()
        self._limit_torque(WEAK)
        self._sense(self._clock())
        found = self.reading.joints_rad
        self._governor.start(found)
        self._write(self._governor.reference)  # which by itself switches torque on
        self.bus.sync_write("torque_enable", dict.fromkeys(ids, 1))
        refusal = self._stirred(found)
        if refusal:
            self.bus.sync_write("torque_enable", dict(zip(ids, torque, strict=True)))
            return refusal
        self._limit_torque(FULL)
        return ""

    def _stirred(self, found_rad: np.ndarray) -> str:
        until_s = self._clock() + SETTLE_S
        while self._clock() < until_s:
            self._sleep(TICK_S)
            self._sense(self._clock())
            assert self.reading is not None
            moved = np.abs(self.reading.joints_rad - found_rad)
            if (moved > STIR_RAD).any():
                j = int(moved.argmax())
                return f"{JOINTS[j]} moved {math.degrees(moved[j]):.1f} degrees when torque came on; was the arm held?"
        off = [id for id in self.calibration.ids if not self.bus.read(id, "torque_enable")]
        return f"servos {off} did not switch torque on" if off else ""

    def _set_up(self) -> None:
        """What the driver relies on, written to EEPROM only where it is different, and locked again."""
        for id in self.calibration.ids:
            different = {name: value for name, value in EEPROM.items() if self.bus.read(id, name) != value}
            if different:
                self.bus.write(id, "lock", 0)
                for name, value in different.items():
                    self.bus.write(id, name, value)
            self.bus.write(id, "lock", 1)

    def _telemetry(self, now_s: float) -> Telemetry:
        reading, governor = self.reading, self._governor
        nothing = [math.nan] * len(JOINTS)
        counters = {"noise_bytes": self.bus.tallies.noise_bytes, "strangers": self.bus.tallies.strangers}
        counters |= {f"silent_{id}": tally.silent for id, tally in self.bus.tallies.servos.items()}
        return Telemetry(
            cycle=self.cycles,
            stamp_s=now_s,
            mode=self.state.mode,
            causes=list(self.state.causes),
            faults=[name for name, _ in self.state.faults],
            joints_rad=reading.joints_rad.tolist() if reading else nothing,
            speed_rad_s=reading.speed_rad_s.tolist() if reading else nothing,
            load=reading.load.tolist() if reading else nothing,
            target_rad=governor.target_rad.tolist(),
            limited=governor.limited,
            volts=reading.volts.tolist() if reading else nothing,
            celsius=reading.celsius.tolist() if reading else nothing,
            amperes=reading.amperes.tolist() if reading else nothing,
            success=self.bus.tallies.success,
            late=self.late,
            worst_late_s=self.worst_late_s,
            counters=counters,
        )


def cycles(driver: Driver, orders: Callable[[], list[Order]], tell: Callable[[Telemetry], object]) -> None:
    """Run a driver by the clock until `orders` raises EOFError: whoever gave them is gone, and the arm holds.

    Cycles that were missed are counted and left out, never caught up with.
    """
    period_s = 1.0 / RATE_HZ
    next_s = time.monotonic()
    while True:
        try:
            given = orders()
        except EOFError:
            driver.cycle([Say(Word.HALT)])
            return
        tell(driver.cycle(given))
        next_s += period_s
        late_s = time.monotonic() - next_s
        if late_s > 0:
            missed = math.ceil(late_s / period_s)
            driver.late += missed
            driver.worst_late_s = max(driver.worst_late_s, late_s)
            next_s += missed * period_s
        time.sleep(max(0.0, next_s - time.monotonic()))
