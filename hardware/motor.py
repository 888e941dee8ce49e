"""What drives an emulated servo: the position loop, its protections, heat and current.

Sources: S, R as in servo.py; F, `configs/so101.yaml`, which says how stiff people measured the servo to be. The loop's
form is R's (gain on the error, on its rate, on its integral, dead zone, least force); its stiffness at the factory's
gains is F's, so that the twin and the simulator droop alike.
"""

import math
from dataclasses import dataclass

from hardware.packets import Fault
from hardware.registers import STEPS_PER_TURN
from hardware.servo import MIDDLE, POSITION_MODE, PWM_MODE, SPEED_MODE, Servo

STEPS_PER_RAD = STEPS_PER_TURN / (2 * math.pi)
FULL = 1000.0  # duty, in 0.1 %
FACTORY_GAIN = 32  # of P and D
STALLED_STEPS_S = 50.0  # slower than this at a high duty is a stall (R)
SUPPLY_TICKS_S = 0.051  # for which voltage or temperature must be out of range (R)
COOLED_C = 5.0  # below the limit, where the fault ends (R)
MILLIAMPERES = 6.5  # per count of current
SPEED_COUNT, ACCELERATION_COUNT = 50.0, 100.0  # steps/s and steps/s^2 per count
INTEGRAL_GAIN = 1 / 500.0  # R


@dataclass(frozen=True)
class Build:
    """What the maker decided, and the room it works in."""

    stall_Nm: float = 2.94
    stiffness_Nm_rad: float = 40.0  # at the factory's P
    damping_Nm_s: float = 1.5  # at the factory's D
    backlash_rad: float = 0.0  # play of the gears, end to end: the goal pulls the joint along only beyond it
    stall_A: float = 2.7
    nominal_V: float = 12.0
    ambient_C: float = 25.0
    heating_C_per_A2_s: float = 0.12  # of the windings, near the sensor
    cooling_per_s: float = 1 / 180.0


class Motor:
    """One servo's motor and the loop around it.

    Args:
        servo: its memory, where goals and gains come from.
        mount: encoder steps where the joint is at zero.
    """

    def __init__(self, servo: Servo, build: Build = Build(), mount: int = MIDDLE):
        self.servo, self.build, self.mount = servo, build, mount
        self.celsius = build.ambient_C
        self.volts = build.nominal_V
        self.duty, self.current_A, self._speed = 0.0, 0.0, 0.0
        self._integral = self._stalled_s = self._over_current_s = self._too_hot_s = self._off_volts_s = 0.0
        self._goal = self._pulled = self._glide_speed = 0.0
        self._half = build.backlash_rad / 2 * STEPS_PER_RAD
        self._was_on = False
        servo.encoder = mount
        self._read_settings()

    def drive(self, angle_rad: float, speed_rad_s: float, seconds: float) -> float:
        """The torque (N·m) on the joint for the next `seconds`, in which the loop runs once."""
        if self.servo.writes != self._seen_writes:
            self._read_settings()
        self._speed = speed_rad_s * STEPS_PER_RAD
        self.servo.encoder = self.mount + math.floor(angle_rad * STEPS_PER_RAD + 0.5)
        wanted = self._wanted(seconds) if self._on else 0.0
        limit = min(self._limit, self._weak) if Fault.OVERLOAD & self._faults & self._unloads else self._limit
        self.duty = max(-limit, min(limit, wanted)) if self._on else 0.0
        self._protect(wanted, seconds)
        return self.duty / FULL * self.build.stall_Nm * self.volts / self.build.nominal_V

    @property
    def goal_rad(self) -> float:
        """Where the joint is told to be."""
        return (self.servo["goal_position_2"] + self.servo["homing_offset"] - self.mount) / STEPS_PER_RAD

    def report(self) -> None:
        """Write what is sensed to the registers."""
        servo = self.servo
        servo.sense(servo.encoder)
        servo["present_speed"] = round(self._speed)
        servo["present_load"] = round(self.duty)
        servo["present_voltage"] = round(self.volts * 10)
        servo["present_temperature"] = max(0, round(self.celsius))
        servo["present_current"] = round(self.current_A * 1000 / MILLIAMPERES)
        servo["moving"] = int(abs(self._speed) > STALLED_STEPS_S)
        servo["status"] = self._faults

    def _read_settings(self) -> None:
        servo = self.servo
        self._seen_writes = servo.writes
        self._on, self._mode = servo["torque_enable"] == 1, servo["mode"]
        if self._on and not self._was_on:
            self._goal, self._glide_speed, self._integral = float(servo._present(servo.encoder)), 0.0, 0.0
            self._pulled = self._goal
        self._was_on = self._on
        self._limit, self._weak = float(servo["torque_limit"]), servo["protective_torque"] * 10.0
        per_step = self.build.stiffness_Nm_rad / self.build.stall_Nm * FULL / STEPS_PER_RAD / FACTORY_GAIN
        per_rate = self.build.damping_Nm_s / self.build.stall_Nm * FULL / STEPS_PER_RAD / FACTORY_GAIN
        self._p, self._d = servo["p_gain"] * per_step, servo["d_gain"] * per_rate
        self._i, self._least = servo["i_gain"] * INTEGRAL_GAIN, float(servo["min_start_force"])
        self._dead = servo["clockwise_dead_zone"], servo["counterclockwise_dead_zone"]
        fastest = servo["max_speed"] * SPEED_COUNT
        self._fastest = min(abs(servo["goal_speed"]) or fastest, fastest)
        self._acceleration = (servo["acceleration"] or servo["max_acceleration"]) * ACCELERATION_COUNT
        self._faults, self._unloads = servo.faults, Fault(servo["unloading_condition"])
        self._overload, self._patience_s = servo["overload_torque"] * 10.0, servo["protection_time"] / 100
        self._most_A = servo["protection_current"] * MILLIAMPERES / 1000
        self._surge_s = servo["over_current_time"] / 100

    def _wanted(self, seconds: float) -> float:
        """The duty that the loop asks for."""
        servo = self.servo
        if self._mode == PWM_MODE:
            return float(servo["goal_time"])
        if self._mode == SPEED_MODE:
            return (servo["goal_speed"] - self._speed) * self._d + servo["goal_speed"] / self._fastest * FULL
        assert self._mode >= POSITION_MODE
        self._glide(servo["goal_position_2"], seconds)
        self._pulled = max(self._goal - self._half, min(self._goal + self._half, self._pulled))
        error = self._pulled - servo._present(servo.encoder)
        if -self._dead[1] <= error <= self._dead[0]:
            error = 0.0
        self._integral = max(-FULL, min(FULL, self._integral + self._i * error * seconds * FULL))
        least = math.copysign(self._least, error) if error else 0.0
        return error * self._p + least + self._integral * (self._i > 0) - (self._speed - self._glide_speed) * self._d

    def _glide(self, goal: int, seconds: float) -> None:
        """Let the loop's own goal go to `goal`, as fast as speed and acceleration allow."""
        gap, change = goal - self._goal, self._acceleration * seconds
        # From this speed it can still stop within the gap.
        stopping = math.sqrt(2 * self._acceleration * abs(gap))
        wanted = math.copysign(min(self._fastest, stopping, abs(gap) / seconds), gap)
        self._glide_speed = max(self._glide_speed - change, min(self._glide_speed + change, wanted))
        step = self._glide_speed * seconds
        self._goal = float(goal) if abs(step) >= abs(gap) and step * gap >= 0 else self._goal + step

    # Protections

    def _protect(self, wanted: float, seconds: float) -> None:
        build = self.build
        self.current_A = self.duty / FULL * build.stall_A
        heat = build.heating_C_per_A2_s * self.current_A**2 - (self.celsius - build.ambient_C) * build.cooling_per_s
        self.celsius += heat * seconds
        stalled = abs(self.duty) >= self._overload and abs(self._speed) < STALLED_STEPS_S
        self._stalled_s = self._stalled_s + seconds if stalled else 0.0
        faults = self._faults
        if self._stalled_s > self._patience_s:
            faults |= Fault.OVERLOAD
        elif abs(wanted) < self._weak:
            faults &= ~Fault.OVERLOAD
        self._over_current_s = self._over_current_s + seconds if abs(self.current_A) >= self._most_A else 0.0
        if self._over_current_s > self._surge_s:
            faults |= Fault.CURRENT
        faults = self._supplied(faults, seconds)
        if faults != self._faults:
            self.complain(faults)

    def _supplied(self, faults: Fault, seconds: float) -> Fault:
        servo = self.servo
        hottest, most_V, least_V = servo["max_temperature"], servo["max_voltage"] / 10, servo["min_voltage"] / 10
        self._too_hot_s = self._too_hot_s + seconds if self.celsius > hottest else 0.0
        if self._too_hot_s > SUPPLY_TICKS_S:
            faults |= Fault.TEMPERATURE
        elif self.celsius < hottest - COOLED_C:
            faults &= ~Fault.TEMPERATURE
        self._off_volts_s = 0.0 if least_V <= self.volts <= most_V else self._off_volts_s + seconds
        return faults | Fault.VOLTAGE if self._off_volts_s > SUPPLY_TICKS_S else faults & ~Fault.VOLTAGE

    def complain(self, faults: Fault) -> None:
        """A fault that the mask names takes the torque away, save an overload, which only weakens."""
        news, servo = faults & ~self._faults, self.servo
        servo["status"] = self._faults = faults
        if news & self._unloads & ~Fault.OVERLOAD:
            servo["torque_enable"] = 0
            servo.writes += 1
