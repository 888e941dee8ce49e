"""An arm's six servos on a bus, in radians: what a driver asks of them and tells them."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from control.errors import BusError, BusLost, ServoSilent
from control.modes import Faults, Mode, Severity
from control.types import GRIPPER, JOINTS
from hardware.bus import Bus
from hardware.calibration import Calibration
from hardware.registers import COUNTS_TURNS, STS3215, ZERO_IS_FASTEST
from hardware.vitals import FIRST, SIZE, Reading, Senses

MODEL = 777
# Shares of the full torque: to hold an arm that is stretched out takes 0.31. What is latched has a limit of its own, by
# which whoever opens the arm next knows of it.
WEAK, WORKING, FAULTY, STOPPED = 0.4, 0.6, 0.39, 0.59
LATCHES = {Mode.FAULT: FAULTY, Mode.STOPPED: STOPPED}
GRIP = 0.27  # of the full torque: 0.8 N·m, a firm hold that burns nothing
OUTSIDE_RAD = 0.015  # less than what counts as having moved when torque comes on
ENABLED, TORQUE_LIMIT = STS3215["torque_enable"], STS3215["torque_limit"]
OFF_TRIES = 3
STRAIGHTEN = "twinarm calibrate puts that right, and so does twinarm setup-servos"
# What the bus's pace and the loop's stiffness rest on, and that a firm grip is no overload: LeRobot lets the gripper's
# servo give way at 25 % after two seconds. Written only where a servo has something else.
SETTINGS = {
    "response_level": 1,
    "return_delay": 0,
    "mode": 0,
    "p_gain": 32,
    "d_gain": 32,
    "i_gain": 0,
    "overload_torque": 80,
}
UNBOUNDED = {"acceleration": 0, "goal_speed": 0}


class Servos:
    """The six servos of one calibration. Every method raises BusLost when the port is gone."""

    def __init__(self, bus: Bus, calibration: Calibration):
        self.bus, self.calibration = bus, calibration
        self._ids, self._senses = calibration.ids, Senses(calibration)
        self._limits: list[int] = []  # of torque, as last told

    def read(self, now_s: float) -> Reading:
        """Everything they sense; of a silent one what it last said."""
        return self._senses.read(self.bus.sync_read_bytes(self._ids, FIRST, SIZE), now_s)

    @property
    def astray(self) -> np.ndarray:
        """(J,) bool: whose encoder has jumped and stayed there."""
        return self._senses.astray

    def go_to(self, joints_rad: Iterable[float], but: np.ndarray) -> None:
        """Give them these goals (J,), but for some (J,) bool. A goal switches torque on, whatever was said before."""
        steps = self.calibration.to_steps(np.fromiter(joints_rad, float, len(JOINTS))).tolist()
        told = {id: goal for id, goal, left in zip(self._ids, steps, but.tolist(), strict=True) if not left}
        if told:
            self.bus.sync_write("goal_position", told)

    def stay(self, believed_rad: np.ndarray, now_s: float) -> None:
        """Let each hold where it is; one that does not answer, where it was believed to be (J,)."""
        reading = self.read(now_s)
        pose = np.where(np.isfinite(reading.heard_s), reading.joints_rad, believed_rad)
        self.go_to(pose, reading.unloaded)

    def limit_torque(self, share: float) -> None:
        """Let none push harder than `share` of what it can, the gripper no harder than a firm hold needs."""
        self._limits = [round(1000 * (min(share, GRIP) if j == GRIPPER else share)) for j in range(len(JOINTS))]
        self._tell("torque_limit", self._limits)

    def lapses(self, driven: bool) -> Faults:
        """Which servos have another torque limit than they were told: one that loses power forgets all it was told. And
        where they are `driven`, whose torque is off though nobody switched it off."""
        first, size = ENABLED.address, TORQUE_LIMIT.address + TORQUE_LIMIT.size - ENABLED.address
        held = self.bus.sync_read_bytes(self._ids, first, size).data
        told = zip(JOINTS, self._ids, self._limits, strict=True) if self._limits else ()
        found = []
        for name, id, limit in told:
            if id in held and TORQUE_LIMIT.decode(held[id][-TORQUE_LIMIT.size :]) != limit:
                found.append((f"{name}: lost power for a moment", Severity.FAULT))
            elif id in held and driven and not held[id][0]:
                found.append((f"{name}: has let go by itself", Severity.FAULT))
        return tuple(found)

    def latched(self) -> Mode | None:
        """Whether somebody left them stopped or at fault, as the torque limits of those that are on tell; the gripper
        has one of its own. Raises ServoSilent too."""
        on = zip(self._ids[:GRIPPER], self.switched_on(), strict=False)
        shares = {self.bus.read(id, "torque_limit") / 1000 for id, is_on in on if is_on}
        return next((mode for mode, share in LATCHES.items() if share in shares), None)

    def switch(self, on: list[bool]) -> None:
        """Torque on or off, of each."""
        self._tell("torque_enable", [int(one) for one in on])

    def switched_on(self) -> list[bool]:
        """Raises ServoSilent too."""
        return [bool(self.bus.read(id, "torque_enable")) for id in self._ids]

    def goals_rad(self) -> np.ndarray:
        """(J,) the goals they were given last, which hold those that are on. Raises ServoSilent too."""
        return self.calibration.to_rad(np.array([self.bus.read(id, "goal_position") for id in self._ids]))

    def all_on(self) -> bool:
        """Whether each says that its torque is on."""
        try:
            return all(self.switched_on())
        except ServoSilent:
            return False

    def let_go(self) -> tuple[str, ...]:
        """Torque off everywhere, at once and then each by itself, whatever the others say; who did not confirm it."""
        silent = let_go(self.bus, self._ids)
        return tuple(name for name, id in zip(JOINTS, self._ids, strict=True) if id in silent)

    def set_up(self) -> None:
        """Bring their settings to what a driver relies on, and lock them. Raises ServoSilent, NotKept too."""
        for id in self._ids:
            self.bus.remember(id, SETTINGS)

    def unbound(self) -> None:
        """Take away what bound of speed or acceleration another program left. Only once each has a goal where it is: a
        goal of speed may switch torque on as well. Raises ServoSilent too."""
        for register, value in UNBOUNDED.items():
            if any(self.bus.read(id, register) != value for id in self._ids):
                self._tell(register, [value] * len(JOINTS))

    def refusals(self) -> list[str]:
        """Why these servos may not be driven, in words. Only reads."""
        found: list[str] = []
        silent: list[str] = []
        for name, id in zip(JOINTS, self._ids, strict=True):
            try:
                found += self._unfit(name, id)
            except ServoSilent as error:
                silent.append(f"{name}: {error}")
        if len(silent) == len(JOINTS):
            where = f"{self.bus.port} at {self.bus.baud} baud"
            return [
                f"no servo answers on {where}; see the supply and that it is the arm's port: twinarm doctor says more"
            ]
        return found + silent or self._mixed()

    def outside(self, reading: Reading, lower_rad: np.ndarray, upper_rad: np.ndarray) -> list[str]:
        """Joints beyond these limits (J,), to which the first goal would drive them back, in words."""
        return [
            f"{name}: stands at {math.degrees(angle):.0f} degrees, beyond its limits; move it inside by hand"
            for name, angle, low, high in zip(JOINTS, reading.joints_rad, lower_rad, upper_rad, strict=True)
            if not low - OUTSIDE_RAD <= angle <= high + OUTSIDE_RAD
        ]

    def _tell(self, register: str, values: list[int]) -> None:
        self.bus.sync_write(register, dict(zip(self._ids, values, strict=True)))

    def _unfit(self, name: str, id: int) -> list[str]:
        model, volts = self.bus.read(id, "model"), self.bus.read(id, "present_voltage") / 10
        if model != MODEL:
            return [f"{name}: servo {id} is model {model}, not an STS3215 ({MODEL})"]
        found = []
        for register, value in self.calibration.joints[name].remembered.items():
            if (held := self.bus.read(id, register)) != value:
                found.append(
                    f"{name}: servo {id} holds {register} {held}, the calibration {value}; is it another arm's?"
                )
        if turned := misled(self.bus, id):
            found.append(f"{name}: servo {id}: {turned}; {STRAIGHTEN}")
        low, high = (self.bus.read(id, register) / 10 for register in ("min_voltage", "max_voltage"))
        if not low <= volts <= high:
            found.append(f"{name}: servo {id} gets {volts:.1f} V and is made for {low:.1f} to {high:.1f} V")
        return found

    def _mixed(self) -> list[str]:
        versions = {
            name: f"{self.bus.read(id, 'firmware_major')}.{self.bus.read(id, 'firmware_minor')}"
            for name, id in zip(JOINTS, self._ids, strict=True)
        }
        if len(set(versions.values())) == 1:
            return []
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        return [f"the servos' firmware is not the same ({told}); bring them to one version with Feetech's tool"]


def straight(phase: int) -> int:
    """The register `phase` of a servo whose angle is within one turn and whose speed of 0 is no stop, else as it is."""
    return phase & ~COUNTS_TURNS | ZERO_IS_FASTEST


def misled(bus: Bus, id: int) -> str:
    """What is wrong with a servo's `phase`, in words. Arming leaves it alone: a servo that holds would jump."""
    phase = bus.read(id, "phase")
    faults = {"counts whole turns": phase & COUNTS_TURNS, "stands still at speed 0": not phase & ZERO_IS_FASTEST}
    told = " and ".join(words for words, wrong in faults.items() if wrong)
    return f"it {told} (phase is {phase}, wanted {straight(phase)})" if told else ""


def settings(bus: Bus, id: int) -> dict[str, int]:
    """What a servo whose torque is off is to remember."""
    return SETTINGS | {"phase": straight(bus.read(id, "phase"))}


def let_go(bus: Bus, ids: Sequence[int]) -> tuple[int, ...]:
    """Torque off, at once and then each by itself, whatever some complain of; who did not confirm. Raises BusLost."""
    for _ in range(OFF_TRIES):
        bus.sync_write("torque_enable", dict.fromkeys(ids, 0))
    return tuple(id for id in ids if not _confirmed_off(bus, id))


def _confirmed_off(bus: Bus, id: int) -> bool:
    try:
        bus.write(id, "torque_enable", 0)
        return bus.read(id, "torque_enable") == 0
    except BusLost:
        raise
    except BusError:
        return False
