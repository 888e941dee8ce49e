"""The driver: alone with the servos and the clock, a hundred times a second.

A cycle reads every servo, names what is wrong, lets the safety machine decide, moves the reference under the governor
and writes the goals. There is no network, no camera and no learning in its process; when the other one is gone the arm
holds.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from control import safety
from control.arm import Arm
from control.errors import BusError, BusLost, CommandRefused, ServoSilent
from control.governor import TICK_S, Governor
from control.modes import DRIVES, HELD, Armed, Commanded, Drive, Event, Faults, Identified, Mode, State, Tick, Word
from control.types import JOINTS, RobotSpec
from hardware.orders import GoTo, Order, Target, Telemetry
from hardware.servos import Servos
from hardware.vitals import STALLED, Reading, Vitals

WEAK, WORKING = 0.4, 0.6  # of the full torque: to hold an arm that is stretched out takes 0.31
GLIDE_RAD_S, ARRIVED_RAD = 0.5, 0.005
BARRED_TICKS = 40  # on which a glide got no nearer: fewer than make a stall
STIR_RAD, LOOK_S = 0.018, 0.2  # an arm that moves more than this when torque comes on is let go again
FADE_S = 2.0
MEMORY_CYCLES = 25  # between looks whether the servos still know their torque limits
OLDEST_CYCLES = 30  # of the telemetry that a command may answer
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
        self._governor = Governor(spec, Arm.from_facts(), leash_rad)
        self._vitals = Vitals(0.0)
        self._goal_rad, self._faded_s = poses.home_rad, 0.0
        self._nearest_rad, self._ticks_barred = math.inf, 0
        self._reading: Reading | None = None
        self._before_arming, self._found_rad, self._look_until_s = [False] * len(JOINTS), poses.home_rad, 0.0

    def open(self) -> None:
        """Read who is there; nothing is written, and nothing moves."""
        self._happen(Word.OPENED)
        try:
            refusals = self.servos.refusals()
            self._reading = self.servos.read(self._clock())
        except BusLost:
            self._happen(Word.LOST)
            return
        self._vitals = Vitals(float(self._reading.volts.min()))
        self._happen(Identified(tuple(refusals or self.servos.outside(self._reading))))

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
        return faults + (self.servos.lapses() if held and self.cycles % MEMORY_CYCLES == 0 else ())

    # Orders

    def _obey(self, order: Order) -> None:
        if isinstance(order, Target):
            self._command(order)
        elif isinstance(order, GoTo):
            self._goal_rad = np.array(order.joints_rad)
            self._happen(Word.HOME)
        elif order.word is Word.HOME:
            self._goal_rad = self._poses.home_rad
            self._happen(Word.HOME)
        else:
            self._happen(order.word)

    def _command(self, target: Target) -> None:
        if not 0 <= self.cycles - target.answers <= OLDEST_CYCLES:
            self._happen(Word.LATE)
        elif self._happen(Commanded(target.ttl_s)) is Drive.FOLLOW:
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
            self._begin_arming()
        elif mode is Mode.FAULT:
            self._governor.start(self._pose())  # pushes no more against what it may have met
            self.servos.limit_torque(WEAK)
        elif mode is Mode.LIMP:
            self.servos.let_go()
        elif mode in (Mode.HOMING, Mode.PARKING):
            self._nearest_rad, self._ticks_barred = math.inf, 0
            self._goal_rad = self._poses.rest_rad if mode is Mode.PARKING else self._goal_rad
        elif mode is Mode.RELEASING:
            self._faded_s = 0.0
        elif mode in (Mode.HOLD, Mode.STOPPED) and before is not Mode.ARMING:
            self._governor.stop()
            self.servos.limit_torque(WORKING)

    def _begin_arming(self) -> None:
        """Each servo's own place as its goal, and a weak torque; what comes of it, the next cycles see."""
        try:
            self._before_arming = self.servos.switched_on()
            self.servos.set_up()
            self.servos.limit_torque(WEAK)
            self._reading = self.servos.read(self._clock())
            self._found_rad, self._look_until_s = self._pose(), self._clock() + LOOK_S
            self._governor.start(self._found_rad)
            self.servos.go_to(self._governor.reference)
            self.servos.switch([True] * len(JOINTS))
        except BusLost:
            raise
        except BusError as error:
            self._happen(Armed(str(error)))

    def _look_after_arming(self) -> None:
        moved = np.abs(self._pose() - self._found_rad)
        if moved.max() > STIR_RAD:
            joint, way = JOINTS[int(moved.argmax())], math.degrees(moved.max())
            self._refuse_to_arm(
                f"{joint} moved {way:.1f} degrees when torque came on, and was let go again; hold the arm still"
            )
        elif self._clock() >= self._look_until_s:
            try:
                off = [name for name, on in zip(JOINTS, self.servos.switched_on(), strict=True) if not on]
            except ServoSilent as error:
                off = [str(error)]
            if off:
                self._refuse_to_arm(f"torque did not come on: {', '.join(off)}")
            else:
                self.servos.limit_torque(WORKING)
                self._happen(Armed())

    def _refuse_to_arm(self, why: str) -> None:
        self.servos.switch(self._before_arming)
        self._happen(Armed(why))

    # Motion

    def _move(self, drive: Drive) -> None:
        """A tick's goals. What has met something backs off: a pose that is measured needs no push."""
        if drive is Drive.ARM:
            self._look_after_arming()
        elif drive is Drive.GLIDE:
            self._glide()
        elif drive in (Drive.STAY, Drive.BRAKE) and any(name.endswith(STALLED) for name, _ in self.state.faults):
            self._governor.start(self._pose())
        if drive in (Drive.STAY, Drive.BRAKE, Drive.FOLLOW, Drive.GLIDE):
            self.servos.go_to(self._governor.tick())
        elif drive is Drive.FADE:
            self._fade()

    def _glide(self) -> None:
        """Straight in joint space, the farthest joint at GLIDE_RAD_S; the others arrive with it."""
        farthest = float(np.abs(self._goal_rad - self._governor.reference).max())
        if farthest < ARRIVED_RAD:
            self._happen(Word.REACHED)
            return
        nearer = farthest < self._nearest_rad - GLIDE_RAD_S * TICK_S / 10
        self._ticks_barred = 0 if nearer else self._ticks_barred + 1
        if self._ticks_barred >= BARRED_TICKS:
            self._governor.start(self._pose())  # what bars it need not be pushed against
            self._happen(Word.BARRED)
            return
        self._nearest_rad = min(self._nearest_rad, farthest)
        way = self._goal_rad - self._governor.target_rad
        ahead = min(1.0, GLIDE_RAD_S * TICK_S / max(np.abs(way).max(), ARRIVED_RAD))
        self._governor.accept(self._governor.target_rad + ahead * way, self._pose())

    def _fade(self) -> None:
        self._faded_s += TICK_S
        self.servos.limit_torque(WEAK * max(0.0, 1.0 - self._faded_s / FADE_S))
        if self._faded_s >= FADE_S:
            self.servos.let_go()
            self._happen(Word.REACHED)

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
            causes=list(self.state.causes),
            faults=[name for name, _ in self.state.faults],
            **{name: (getattr(reading, name) if reading else unknown).tolist() for name in senses},
            target_rad=self._governor.target_rad.tolist(),
            limited=self._governor.limited,
            success=tallies.success,
            late=self.late,
            worst_late_s=self.worst_late_s,
            counters=tallies.counters(),
        )
