"""The driver: alone with the servos and the clock, a hundred times a second.

A cycle reads every servo, names what is wrong, lets the safety machine decide, moves the reference under the governor
and writes the goals. There is no network, no camera and no learning in its process; when the other one is gone the arm
holds.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from control import safety
from control.arm import Arm
from control.errors import BusLost, CommandRefused, ServoSilent
from control.governor import TICK_S, Governor
from control.modes import DRIVES, HELD, POWERED, Commanded, Drive, Event, Faults, Identified, Mode, State, Tick, Word
from control.types import JOINTS, RobotSpec
from hardware.arming import Arming
from hardware.glide import Glide
from hardware.orders import GoTo, Order, Target, Telemetry
from hardware.servos import FAULTY, LATCHES, STOPPED, WEAK, WORKING, Servos
from hardware.vitals import NOBODY, STALLED, Reading, Vitals, told

HALF = 0.5  # of the speed, for an arm that is derated
FADE_S = 2.0
MEMORY_CYCLES = 25  # between looks whether the servos still know their torque limits, and are on
TELLINGS = 3  # of where to stay: nobody acknowledges a goal, and who missed it would go on pushing unnoticed
DOUBT_CYCLES = 10  # for which one looks in each once somebody answers again, or complains no more
OLDEST_CYCLES = 30  # of the telemetry that a command may answer
DRIVEN = (Mode.HOLD, Mode.ACTIVE, Mode.HOMING)  # what is latched, or parked for it, may have a servo that let go
ABSENT = (Mode.CLOSED, Mode.IDENTIFYING, Mode.LOST)


@dataclass(frozen=True)
class Poses:
    """Where it glides: (J,) to start, and (J,) to let go."""

    home_rad: np.ndarray
    rest_rad: np.ndarray


class Driver:
    """The cycle. Knows no processes.

    Args:
        spec: the governor's limits.
        leash_rad: (J,) how far a target may lie ahead of the measured pose.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        servos: Servos,
        spec: RobotSpec,
        leash_rad: np.ndarray,
        poses: Poses,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.servos, self.state, self.cycles = servos, State(), 0
        self.late, self.worst_late_s = 0, 0.0
        self._poses, self._clock = poses, clock
        self._spec, self._governor = spec, Governor(spec, Arm.from_facts(), leash_rad)
        self._doubted = 0  # until which cycle somebody may have lost power
        self._written: list[float] = []  # the goals that the servos were told last
        self._tellings = 0  # of them that are still to come
        self._vitals = Vitals(0.0)
        self._glide, self._faded_s = Glide(self._governor), 0.0
        self._arming = Arming(servos, self._governor, clock)
        self._reading: Reading | None = None

    def open(self) -> None:
        """Read who is there; nothing is written, and nothing moves."""
        self._happen(Word.OPENED)
        try:
            reading = self._reading = self.servos.read(self._clock())
            refusals, left = self._met(reading)
        except BusLost:
            self._happen(Word.LOST)
            return
        self._vitals = Vitals(float(reading.volts.min()))
        if left is not None:
            self._governor.start(self._pose())
            self._written = list(self._governor.reference)
        self._happen(Identified(tuple(refusals), left))

    def _met(self, reading: Reading) -> tuple[list[str], Mode | None]:
        """Why it may not be driven, in words; and whether somebody left it stopped or at fault."""
        try:
            refusals = self.servos.refusals()
            refusals = refusals or self.servos.outside(reading, self._spec.lower_rad, self._spec.upper_rad)
            return refusals, None if refusals else self.servos.latched()
        except ServoSilent as error:
            return [str(error)], None

    def cycle(self, orders: Iterable[Order]) -> Telemetry:
        """A hundredth of a second's work."""
        self.cycles += 1
        now_s = self._clock()
        try:
            if self.state.mode not in ABSENT:
                self._reading = self.servos.read(now_s)
            for order in orders:
                self._obey(order)
            self._move(self._happen(Tick(self._faults(now_s))))
        except BusLost:
            self._happen(Word.LOST)
        return self._telemetry(now_s)

    def _faults(self, now_s: float) -> Faults:
        if self._reading is None or self.state.mode in ABSENT:
            return ()
        held = self.state.mode in HELD
        reference = np.array(self._governor.reference) if held else self._reading.joints_rad
        faults = self._vitals.faults(self._reading, self.servos.astray, reference, now_s)
        absent = bool((self._reading.heard_s < now_s).any())
        fresh = absent and self.cycles > self._doubted  # to wait for that one again would keep the arm from being held
        if absent or self._reading.unloaded.any():
            self._doubted = self.cycles + DOUBT_CYCLES
        look = (self.cycles <= self._doubted and not absent) or (self.cycles % MEMORY_CYCLES == 0 and not fresh)
        driven = self.state.mode in DRIVEN and bool(self._written)  # once cleared its goals are yet to be written
        return faults + (self.servos.lapses(driven) if held and look else ())

    # Orders

    def _obey(self, order: Order) -> None:
        if isinstance(order, Target):
            self._command(order)
        elif isinstance(order, GoTo):
            self._happen(Word.HOME)
            if self.state.mode is Mode.HOMING:
                self._glide.set_out(np.array(order.joints_rad))
        else:
            self._happen(order.word)

    def _command(self, target: Target) -> None:
        if not 0 <= self.cycles - target.answers <= OLDEST_CYCLES:
            self._happen(Word.LATE)
        elif self._happen(Commanded(target.ttl_s)) is Drive.FOLLOW:
            self._governor.pace = HALF if self.state.derated else 1.0
            try:
                self._governor.accept(np.array(target.target_rad), self._pose())
            except CommandRefused:
                self._happen(Word.HALT)

    def _happen(self, event: Event) -> Drive:
        """Tell the machine, and do at once what comes with another mode."""
        before = self.state.mode
        self.state, drive = safety.step(self.state, event, self._clock())
        if self.state.mode is not before:
            self._enter(self.state.mode, before)
        return DRIVES[self.state.mode]

    def _enter(self, mode: Mode, before: Mode) -> None:
        if mode is Mode.ARMING:
            self._written = self._arming.begin()
        elif mode is Mode.FAULT:
            self._governor.start(self._pose())  # pushes no more against what it may have met
            self.servos.limit_torque(FAULTY)
        elif mode is Mode.LIMP:
            self._let_go()
        elif mode in (Mode.HOMING, Mode.PARKING):
            self._glide.set_out(self._poses.rest_rad if mode is Mode.PARKING else self._poses.home_rad)
        elif mode is Mode.RELEASING:
            self._faded_s = 0.0
        elif mode is Mode.STOPPED:
            if before is Mode.RELEASING:
                self._governor.start(self._pose())  # it has sunk, and is not pulled up again
            elif before in POWERED:
                self._governor.stop()
            self.servos.limit_torque(STOPPED)
        elif mode is Mode.HOLD and before is not Mode.ARMING:
            self._hold_again(before)

    def _hold_again(self, before: Mode) -> None:
        """Where it was told to be; after what was latched, where it is, if a servo let go meanwhile."""
        if before in LATCHES and not self.servos.all_on():
            self._governor.start(self._pose())
            self._written = []  # or it would not be told where it is, and stay off
        else:
            self._governor.stop()
        self.servos.limit_torque(WORKING)

    def _let_go(self) -> None:
        if holding := self.servos.let_go():
            self.state = replace(self.state, causes=(f"{', '.join(holding)} may still hold; switch the supply off",))
        else:
            self.servos.limit_torque(WORKING)  # whoever switches it on next may be another program, and set none

    # Motion

    def _move(self, drive: Drive) -> None:
        """A tick's goals. What has met something backs off: a pose that is measured needs no push."""
        end: Event | None = None
        if drive is Drive.ARM:
            end = self._arming.look(self._pose())
        elif drive is Drive.GLIDE:
            end = self._glide.on(self._pose())
        elif drive is Drive.STAY and any(name.endswith(STALLED) for name, _ in self.state.faults):
            self._governor.start(self._pose())
        if end is not None:
            self._happen(end)
        if drive in (Drive.STAY, Drive.FOLLOW, Drive.GLIDE):
            self._tell_goals(drive)
        elif drive is Drive.FADE:
            self._fade()
        elif drive is Drive.LIMP and self.state.causes:  # who did not confirm it may have been silent for a moment
            self.state = replace(self.state, causes=())
            self._let_go()

    def _tell_goals(self, drive: Drive) -> None:
        """Not to a servo that switched itself off, and no more while it stays: a goal would switch torque on."""
        goals = self._governor.tick()
        if goals != self._written:
            self._written, self._tellings = list(goals), TELLINGS
        if drive is not Drive.STAY or self._tellings:
            self.servos.go_to(goals, self._reading.unloaded if self._reading else NOBODY)
            self._tellings = max(0, self._tellings - 1)

    def _fade(self) -> None:
        self._faded_s += TICK_S
        self.servos.limit_torque(WEAK * max(0.0, 1.0 - self._faded_s / FADE_S))
        if self._faded_s >= FADE_S:
            self._happen(Word.REACHED)
            self._let_go()

    def _pose(self) -> np.ndarray:
        assert self._reading is not None
        return self._reading.joints_rad

    def _telemetry(self, now_s: float) -> Telemetry:
        reading, tallies = self._reading, self.servos.bus.tallies
        unknown = np.full(len(JOINTS), math.nan)
        senses = ("joints_rad", "speed_rad_s", "load", "volts", "celsius", "amperes")
        return Telemetry(
            cycle=self.cycles,
            stamp_s=now_s,
            mode=self.state.mode,
            causes=[told(name, reading) for name in self.state.causes],
            faults=[told(name, reading) for name, _ in self.state.faults],
            **{name: (getattr(reading, name) if reading else unknown).tolist() for name in senses},
            target_rad=self._governor.target_rad.tolist(),
            limited=self._governor.limited,
            success=tallies.success,
            late=self.late,
            worst_late_s=self.worst_late_s,
            counters=tallies.counters(),
        )
