"""A leader arm on a pseudo-terminal: limp emulated servos, turned by a hand."""

import time
from contextlib import suppress

import numpy as np

from control.arm import Arm
from control.types import JOINTS
from hardware.calibration import STEPS_PER_RAD, Calibration
from hardware.chain import Chain
from hardware.line import Line
from hardware.motor import Motor
from hardware.servo import Servo
from tools.world import twin_calibration

CALIBRATION = twin_calibration(Arm.from_facts())


class HeldLeader:
    """Its servos stand wherever `turn` puts them. Bytes flow only in `live`."""

    def __init__(self, calibration: Calibration = CALIBRATION):
        self.calibration = calibration
        joints = [calibration.joints[name] for name in JOINTS]
        self.motors = [Motor(Servo({"id": j.id} | j.remembered), mount=j.zero_steps + j.homing_offset) for j in joints]
        self.line = Line(Chain(self.motors), paced=False)
        self.turn(np.zeros(len(JOINTS)))

    @property
    def port(self) -> str:
        return self.line.port

    def turn(self, joints_rad: np.ndarray) -> None:
        """Every joint to its angle (J,)."""
        for motor, angle in zip(self.motors, joints_rad.tolist(), strict=True):
            motor.servo.encoder = motor.mount + round(angle * STEPS_PER_RAD)

    def live(self) -> None:
        """For a few milliseconds."""
        with suppress(OSError):
            self.line.pass_on(time.monotonic() + 0.004)

    def close(self) -> None:
        self.line.close()
