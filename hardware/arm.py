"""ServoArm: six servos and a camera behind the Robot interface, by the clock."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np

from control import arm as kinematics
from control.actuators import actuator, leash_rad
from control.arm import Arm, within
from control.config import RobotConfig
from control.errors import CommandRefused, DriverLost, UserError
from control.modes import CLEARING, Mode, Word
from control.pacing import Pacer
from control.types import JOINTS, Command, Frame, Health, Observation, ResetRequest, RobotSpec, Truth
from hardware.bus import BAUD, SLACK_S
from hardware.calibration import Calibration
from hardware.orders import GoTo, Say, Target, Task, Telemetry
from hardware.process import DriverProcess

ONE = np.ones(len(JOINTS))
REST_RAD = (0.0, -1.65, 1.55, 1.2, 1.63, 0.0)  # folded onto itself, above the base
WATCHDOG_S = 0.2
ARRIVED_RAD = 0.02  # of a glide's target
GLIDES = 3  # tries: a servo may be silent for a moment
GLIDE_S = 20.0  # the longest one, at half a radian a second
DEAF = (Mode.STOPPED, Mode.FAULT, Mode.LIMP, Mode.REFUSED)  # to commands
LOOK_S = 0.02
HEARD_S = 0.1  # within which a driver has obeyed, or it hangs
SETTLE_S = 0.3  # after a glide, for the last of the way
TOLERANCE_RAD = 0.1  # of a start pose, which a loaded arm reaches less its droop


class Camera(Protocol):
    """What shows the robot's frames."""

    def newest(self) -> Frame: ...

    def close(self) -> None: ...


class ServoArm:
    """The arm on a port. Constructing it only reads; the first reset switches torque on where the arm stands.

    Args:
        cameras: by name; what each shows has the size of a policy's picture.
        starts: where an episode's request starts, (J,); home, where there is nobody to ask.
    Raises:
        DriverLost, UserError: the port cannot be opened, or what is on it may not be driven; the message says why.
    """

    def __init__(
        self,
        config: RobotConfig,
        port: str,
        calibration: Calibration,
        cameras: Mapping[str, Camera],
        starts: Callable[[ResetRequest], np.ndarray] | None = None,
        slack_s: float = SLACK_S,
    ):
        self._home_rad = np.array(kinematics.facts()["home_rad"])
        self.spec = spec_of(config, calibration, {name: camera.newest() for name, camera in cameras.items()})
        self._cameras, self._starts = cameras, starts or (lambda request: self._home_rad)
        self._driver = DriverProcess(task_of(self.spec, port, calibration, slack_s))
        try:
            self._require(Mode.READY, Mode.HOLD, Mode.STOPPED, Mode.FAULT)
        except BaseException:
            self._driver.close()
            raise
        self._pacer = Pacer(config.hz)
        self._seq = 0
        self._cycles: dict[int, int] = {}  # of the latest observations: what the driver had read by then

    def reset(self, request: ResetRequest) -> Observation:
        """Arm it if need be, and glide to the episode's start: over home, from where every start can be reached.

        Raises:
            UserError: it is stopped, at fault or refused, and somebody must see to it first; or it did not arrive.
        """
        goal = self._starts(request)
        if (told := self._driver.newest()).mode == Mode.READY:
            if told.causes:
                raise UserError(f"{_trouble(told)}; {CLEARING}")
            self._driver.tell(Say(Word.ARM))
            self._await(Mode.HOLD)
        self._driver.tell(Say(Word.HALT))
        self._require(Mode.HOLD)
        for pose in (self._home_rad, goal) if (goal != self._home_rad).any() else (goal,):
            self._glide_to(pose)
        time.sleep(SETTLE_S)
        off = np.abs(np.array(self._driver.newest().joints_rad) - goal)
        if off.max() > TOLERANCE_RAD:
            joint = JOINTS[int(off.argmax())]
            raise UserError(f"{joint} came to rest {off.max():.2f} rad from its start; is something in its way?")
        self._seq += 1
        self._pacer.start()
        return self.observe()

    def observe(self) -> Observation:
        """Raises DriverLost where there is nothing to be seen any more."""
        self._seq += self._pacer.missed()
        return self._seen()

    def step(self, command: Command) -> Observation:
        """Raises CommandRefused where a person must see to the arm first."""
        if (told := self._driver.newest()).mode in DEAF:
            raise CommandRefused(f"{_trouble(told)}; nothing was moved")
        self._seq += self._pacer.missed()
        target, answered = tuple(command.target_rad.tolist()), self._cycles.get(command.answers, -1)
        self._driver.tell(Target(target, answered, min(command.ttl_s, WATCHDOG_S)))
        self._pacer.tick()
        self._seq += 1
        return self._seen()

    def halt(self) -> None:
        """Hold the reference in force at this instant. Comes back when the driver has heard of it."""
        self.say(Word.HALT)

    def say(self, word: Word) -> None:
        """A person's word: stop, clear, home, park, limp. Comes back when the driver has heard it."""
        self._driver.tell(GoTo(tuple(self._home_rad.tolist())) if word is Word.HOME else Say(word))
        since, until_s = self._driver.newest().cycle, time.monotonic() + HEARD_S
        while self._driver.newest().cycle < since + 2 and time.monotonic() < until_s:
            time.sleep(HEARD_S / 20)

    @property
    def driver_pid(self) -> int:
        """The process that owns the servos."""
        return self._driver.pid

    def health(self) -> Health:
        told = self._driver.newest()
        return Health(
            state=told.mode,
            volts=float(np.min(told.volts)),
            temperature_c=np.array(told.celsius),
            errors=(*told.causes, *told.faults),
            bus_success=told.success,
            late_ticks=told.late,
            worst_late_s=told.worst_late_s,
            counters=MappingProxyType(told.counters),
        )

    def truth(self) -> Truth | None:
        """Nobody knows."""
        return None

    def close(self) -> None:
        """Let the driver go; the servos hold."""
        self._driver.close()
        for camera in self._cameras.values():
            camera.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seen(self) -> Observation:
        told = self._driver.newest()
        if told.mode == Mode.LOST:
            raise DriverLost(f"{_trouble(told)}; see its cable and its power, and open it again")
        self._cycles[self._seq] = told.cycle
        while len(self._cycles) > 100:
            del self._cycles[next(iter(self._cycles))]
        return sensed(told, self._seq, {name: camera.newest() for name, camera in self._cameras.items()})

    def _glide_to(self, joints_rad: np.ndarray) -> None:
        for _ in range(GLIDES):
            self._driver.tell(GoTo(tuple(joints_rad.tolist())))
            time.sleep(2 * LOOK_S)
            self._await(Mode.HOLD)
            told = self._driver.newest()
            if np.abs(np.array(told.target_rad) - joints_rad).max() < ARRIVED_RAD:
                return
            time.sleep(SETTLE_S)
        raise UserError(f"{_trouble(told)}; see to that, or move the arm away from there")

    def _await(self, wanted: Mode) -> None:
        deadline_s = time.monotonic() + GLIDE_S
        passing = (Mode.READY, Mode.ARMING, Mode.HOMING)
        while (told := self._driver.newest()).mode != wanted:
            if told.mode not in passing or time.monotonic() > deadline_s:
                raise UserError(_trouble(told))
            time.sleep(LOOK_S)

    def _require(self, *modes: Mode) -> None:
        time.sleep(2 * LOOK_S)
        told = self._driver.newest()
        if told.mode not in modes:
            latched = told.mode in (Mode.STOPPED, Mode.FAULT)
            raise UserError(f"{_trouble(told)}; {CLEARING}" if latched else _trouble(told))


def sensed(told: Telemetry, seq: int, frames: Mapping[str, Frame]) -> Observation:
    """What a driver tells, as an observation."""
    return Observation(
        seq=seq,
        stamp_s=told.stamp_s,
        joints_rad=np.array(told.joints_rad),
        speed_rad_s=np.array(told.speed_rad_s),
        load=within(np.array(told.load), -ONE, ONE),
        target_rad=np.array(told.target_rad),
        limited=told.limited,
        frames=MappingProxyType(dict(frames)),
    )


def _trouble(told: Telemetry) -> str:
    faults = () if told.mode == Mode.REFUSED else told.faults  # its causes name them
    somebody = "a person let it go; serve it again to go on" if told.mode == Mode.LIMP else "no reason told"
    why = "; ".join([*told.causes, *faults]) or somebody
    return f"the arm is {told.mode}: {why}"


def spec_of(config: RobotConfig, calibration: Calibration, frames: Mapping[str, Frame]) -> RobotSpec:
    """What a calibrated arm can do. `frames` are those of its cameras, by name."""
    limits, arm = kinematics.facts()["governor"], Arm.from_facts()
    return RobotSpec(
        joints=JOINTS,
        lower_rad=np.maximum(arm.lower_rad, calibration.lower_rad),
        upper_rad=np.minimum(arm.upper_rad, calibration.upper_rad),
        speed_rad_s=np.array(limits["speed_rad_s"]),
        accel_rad_s2=np.array(limits["accel_rad_s2"]),
        hz=config.hz,
        cameras={name: ((480, 640), frame.rgb.shape[:2]) for name, frame in frames.items()},
        profile=config.profile,
        calibration=calibration.digest,
    )


def task_of(spec: RobotSpec, port: str, calibration: Calibration, slack_s: float) -> Task:
    """All that its driver has to know."""
    return Task(
        port=port,
        baud=BAUD,
        calibration=calibration,
        lower_rad=tuple(spec.lower_rad.tolist()),
        upper_rad=tuple(spec.upper_rad.tolist()),
        speed_rad_s=tuple(spec.speed_rad_s.tolist()),
        accel_rad_s2=tuple(spec.accel_rad_s2.tolist()),
        hz=spec.hz,
        leash_rad=(leash_rad(actuator(spec.profile).kp),) * len(JOINTS),
        home_rad=tuple(kinematics.facts()["home_rad"]),
        rest_rad=REST_RAD,
        slack_s=slack_s,
    )
