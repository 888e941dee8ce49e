"""The twin's world: emulated servos on a serial line drive the simulated arm by the clock."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from control import arm as kinematics
from control.actuators import actuator
from control.arm import Arm
from control.config import RobotConfig
from control.types import AS_FOUND, JOINTS, ResetRequest, Truth
from hardware.black_box import BlackBox
from hardware.calibration import STEPS_PER_RAD, Calibration, JointCalibration
from hardware.chain import Chain
from hardware.line import Line
from hardware.mishaps import Mishap, Spoiler
from hardware.motor import FULL, Build, Motor
from hardware.servo import Servo
from sim.plant import STEP_S, Plant
from sim.stages import Start, found, start
from tools.fate import Fate

BEHIND_S = 0.05  # of the clock: then time is lost rather than caught up with
PUBLISHED = 4  # ticks
SETTLE_S = 6.0
VIEW = ("frozen", "black", "slow")  # of the camera: yes, yes, pictures a second where it is slow
BACKLASH_RAD = 0.0087  # half a degree, as the maker specifies
SUPPLY_V, SUPPLY_OHM = 12.0, 0.15
ZEROS = (1890, 2201, 2048, 1770, 2150, 1502)  # where this twin's horns were put on, none of them in the middle
OFFSETS = (0, -731, 1204, 85, -1990, 402)


def twin_calibration(arm: Arm) -> Calibration:
    """How the twin was calibrated: its stops are the model's."""
    limits = zip(arm.lower_rad.tolist(), arm.upper_rad.tolist(), strict=True)
    rows = {}
    for id, (name, zero, offset, ends) in enumerate(zip(JOINTS, ZEROS, OFFSETS, limits, strict=True), 1):
        low, high = (zero + round(end * STEPS_PER_RAD) for end in ends)
        rows[name] = JointCalibration(id, offset, zero, low, high)
    return Calibration(rows)


class World:
    """Six servos on a port, an arm, a table and a cube. Time passes only in `run`.

    Args:
        calibration: what the servos' EEPROM holds, and how their horns sit.
        link: a name for the port.
        paced: let bytes take the time that they take on a wire.
        mishaps: what goes wrong in it, and when.
        black_box: where it is recorded.
    """

    def __init__(
        self,
        config: RobotConfig,
        calibration: Calibration,
        link: Path | None = None,
        paced: bool = True,
        mishaps: Sequence[Mishap] = (),
        black_box: BlackBox | None = None,
    ):
        self.plant, self._home_rad = Plant(config), np.array(kinematics.facts()["home_rad"])
        gains = actuator(config.profile)
        build = Build(gains.force_Nm, gains.kp, gains.kv, backlash_rad=gains.backlash_rad or BACKLASH_RAD)
        joints = [calibration.joints[name] for name in JOINTS]
        self.motors = [Motor(Servo({"id": j.id} | j.remembered), build, j.zero_steps + j.homing_offset) for j in joints]
        spoiler = Spoiler([j.id for j in joints])
        self.line = Line(Chain(self.motors), link, paced, spoiler)
        self.lost_s, self.supply_V, self.nominal_V = 0.0, SUPPLY_V, SUPPLY_V
        self.film = dict.fromkeys(VIEW, 0.0)
        self._fate, self._black_box = Fate(self, spoiler, mishaps), black_box
        self._busy = threading.Lock()
        self.tick()  # so that the encoders know where the joints are

    def run(self, stop: threading.Event, publish: Callable[[bytes], object] = lambda state: None) -> None:
        """Let time pass by the clock until `stop` is set; `publish` gets every few milliseconds' `view`."""
        next_s, ticks = time.monotonic(), 0
        while not stop.is_set():
            behind_s = time.monotonic() - next_s
            if behind_s > BEHIND_S:
                self.lost_s += behind_s
                next_s += behind_s
            with self._busy:
                self.tick()
            next_s, ticks = next_s + STEP_S, ticks + 1
            if ticks % PUBLISHED == 0:
                self.suffer(next_s)
                publish(self.view())
                self._record()
            self.line.pass_on(next_s)

    def record(self, box: BlackBox) -> None:
        """From now on, in this one."""
        self._black_box = box

    def tick(self) -> None:
        """Let STEP_S pass."""
        plant = self.plant
        angles, speeds = plant.joints_rad.tolist(), plant.speed_rad_s.tolist()
        sag_V = SUPPLY_OHM * sum(abs(motor.current_A) for motor in self.motors)
        torques = []
        for motor, angle, speed in zip(self.motors, angles, speeds, strict=True):
            motor.volts = self.supply_V - sag_V
            torques.append(motor.drive(angle, speed, STEP_S))
        plant.advance(np.array(torques))

    def settle(self) -> None:
        """Let the arm, which nobody holds yet, sink to where it stays: found creeping, it would be refused."""
        for _ in range(round(SETTLE_S / STEP_S)):
            self.plant.advance(np.zeros(len(JOINTS)))
        self.tick()

    def suffer(self, now_s: float) -> None:
        """Let happen what is due."""
        self._fate.step(now_s)

    def view(self) -> bytes:
        """What a camera in another process needs: positions, and what ails it, as float64."""
        return np.append(self.plant.data.qpos, [self.film[name] for name in VIEW]).tobytes()

    def prepare(self, request: ResetRequest) -> Start:
        """Lay the cube where the request has it, at once, or leave it; the arm has to go to its start by itself.

        Raises:
            UserError: an unknown stage, or a cube out of reach.
        """
        if request.stage == AS_FOUND:
            return found(self.truth(), self._home_rad)
        begin = start(request, self.plant.arm, self._home_rad, self.plant.cube_m)
        with self._busy:
            self.plant.put_cube(begin.cube_m, begin.yaw_rad)
        return begin

    def truth(self) -> Truth:
        with self._busy:
            return self.plant.truth()

    def close(self) -> None:
        self.line.close()
        if self._black_box is not None:
            self._black_box.close()

    def _record(self) -> None:
        if self._black_box is None:
            return
        self._black_box.write(
            stamp_s=time.monotonic(),
            joints_rad=self.plant.joints_rad,
            speed_rad_s=self.plant.speed_rad_s,
            goal_rad=[motor.goal_rad for motor in self.motors],
            duty=[motor.duty / FULL for motor in self.motors],
            on=[motor.servo["torque_enable"] for motor in self.motors],
            cube_m=self.plant.cube_at_m,
            mishaps=len(self._fate.names),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
