"""The one set of limits in front of every robot, simulated or not.

A command's target is clamped to the joint range, to the travel that the speed limit allows in one control period, to a
leash ahead of the measured pose, and to fingertips above the table. Between commands the reference glides towards the
target at 100 Hz, so as to arrive when the period ends, within the speed and acceleration limits.
"""

import math

import numpy as np

from control.arm import Arm, within
from control.errors import CommandRefused
from control.types import RobotSpec

RATE_HZ = 100
TICK_S = 1.0 / RATE_HZ
# The target, not the finger, may lie this far below the table: a servo that droops needs it to reach the table.
LOWEST_TARGET_M = -0.010
BISECTIONS = 5


class Governor:
    """Turns commanded targets (J,) into references (J,) that a servo may be given.

    Args:
        spec: joint ranges, speeds and accelerations; its hz is the rate of commands.
        arm: kinematics for the table guard.
        leash_rad: (J,) how far a target may lie ahead of the measured pose.
    """

    def __init__(self, spec: RobotSpec, arm: Arm, leash_rad: np.ndarray):
        self._spec, self._arm, self.leash_rad = spec, arm, leash_rad
        self._travel, self.pace = spec.speed_rad_s / spec.hz, 1.0  # pace: share of the speed that is allowed
        speeds, accels = spec.speed_rad_s.tolist(), spec.accel_rad_s2.tolist()
        # Of each joint: speed, the change of speed in a tick, and the way that this change is in a tick.
        self._limits = [(v, a * TICK_S, a * TICK_S * TICK_S) for v, a in zip(speeds, accels, strict=True)]
        self.ticks_per_command = round(RATE_HZ / spec.hz)
        self.start((spec.lower_rad + spec.upper_rad) / 2)

    def start(self, joints_rad: np.ndarray) -> None:
        """Hold `joints_rad` (J,): target and reference are there, at rest."""
        self._set(within(joints_rad, self._spec.lower_rad, self._spec.upper_rad))
        self.limited = False
        self._reference = self.target_rad.tolist()
        self._velocity = [0.0] * len(self._reference)
        self._ticks_left = 0

    def stop(self) -> None:
        """Hold the reference in force at this instant."""
        self.start(np.array(self._reference))

    @property
    def reference(self) -> list[float]:
        """(J,) what the servos are told at this instant."""
        return list(self._reference)

    def accept(self, target_rad: np.ndarray, measured_rad: np.ndarray) -> None:
        """Take a new target (J,), clamped to what is allowed from the last one and the measured pose (J,).

        Raises:
            CommandRefused: the target is not finite; the last one stays in force.
        """
        if not np.isfinite(target_rad).all():
            raise CommandRefused(f"target_rad must be finite, got {target_rad}; the last target stays in force")
        travel = self.pace * self._travel
        allowed = within(target_rad, self.target_rad - travel, self.target_rad + travel)
        allowed = within(allowed, measured_rad - self.leash_rad, measured_rad + self.leash_rad)
        allowed = self._above_table(within(allowed, self._spec.lower_rad, self._spec.upper_rad))
        self.limited = bool(np.abs(allowed - target_rad).max() > 1e-9)
        self._set(allowed)
        self._ticks_left = self.ticks_per_command

    def tick(self) -> list[float]:
        """The reference (J,) 10 ms later."""
        remaining_s = max(self._ticks_left, 1) * TICK_S
        self._ticks_left -= 1
        reference, velocity = self._reference, self._velocity
        for j, (goal, speed, change, step) in enumerate(self._goals):
            gap, now = goal - reference[j], velocity[j]
            if gap == 0.0 and now == 0.0:
                continue
            way = gap if gap > 0.0 else -gap
            # The fastest speed from which the joint can still stop within the gap.
            braking = change * (math.sqrt(0.25 + 2 * way / step) - 0.5)
            wanted = way / remaining_s
            if wanted > speed:
                wanted = speed
            if wanted > braking:
                wanted = braking
            if gap < 0.0:
                wanted = -wanted
            if wanted > now + change:
                wanted = now + change
            elif wanted < now - change:
                wanted = now - change
            velocity[j] = wanted
            reference[j] += velocity[j] * TICK_S
        return reference

    def _set(self, target_rad: np.ndarray) -> None:
        self.target_rad = target_rad
        self._goals = [(goal, *limits) for goal, limits in zip(target_rad.tolist(), self._limits, strict=True)]

    def _above_table(self, target_rad: np.ndarray) -> np.ndarray:
        """`target_rad`, or the furthest point on the way to it that keeps the fingertips above the table."""
        lowest = self._arm.lowest_fingertip_m(target_rad)
        if lowest >= LOWEST_TARGET_M or lowest >= self._arm.lowest_fingertip_m(self.target_rad):
            return target_rad
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            there = self.target_rad + middle * (target_rad - self.target_rad)
            low, high = (middle, high) if self._arm.lowest_fingertip_m(there) >= LOWEST_TARGET_M else (low, middle)
        return self.target_rad + low * (target_rad - self.target_rad)
