"""The twin without the clock: the real driver on the emulated servos, a cycle and ten milliseconds of arm in turn."""

from types import MappingProxyType

import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.config import RobotConfig
from control.errors import TwinarmError
from control.governor import TICK_S
from control.modes import Mode, Word
from control.pictures import policy_picture, squeezed, unsqueezed
from control.types import JOINTS, Command, Frame, Health, Observation, ResetRequest, Truth
from hardware.arm import SETTLE_S, WATCHDOG_S, sensed, spec_of, task_of
from hardware.bus import Bus
from hardware.driver import Driver, Poses
from hardware.line import NoLine
from hardware.orders import GoTo, Order, Say, Target, Telemetry
from hardware.servos import Servos
from sim.cameras import Eye
from sim.plant import STEP_S
from sim.scene import SENSOR_HW
from sim.webcam import Grain
from sim.wrist import WRIST, Past
from tools.world import World, twin_calibration

LONGEST_S = 20.0  # of a glide


class LockstepTwin:
    """A twin in which time passes in `step` and `reset` alone, as in the simulator: same request, same episode.

    Args:
        picture_s: how old a picture is when it is acted upon; a whole number of ticks.
    """

    def __init__(self, config: RobotConfig, picture_s: float):
        calibration = twin_calibration(Arm.from_facts())
        self._world, self._now_s, self._seq, self._px = World(config, calibration), 0.0, 0, config.camera_px
        nothing = Frame(np.zeros((config.camera_px, config.camera_px, 3), np.uint8), 0.0)
        self.spec = spec_of(config, calibration, {"wrist_cam": nothing})
        task = task_of(self.spec, self._world.line.port, calibration, 0.0)
        adapter = NoLine(self._world.line.chain, lambda: self._now_s)
        servos = Servos(Bus(task.port, opened=lambda port, baud: adapter), calibration)
        poses = Poses(np.array(task.home_rad), np.array(task.rest_rad))
        self._driver = Driver(servos, self.spec, np.array(task.leash_rad), poses, lambda: self._now_s)
        self._home_rad, self._grain = np.array(kinematics.facts()["home_rad"]), Grain()
        self._eye = Eye(self._world.plant.model)
        self._past = Past(self._world.plant.model, round(picture_s / TICK_S))
        self._world.settle()
        self._driver.open()

    def reset(self, request: ResetRequest) -> Observation:
        """As an arm does: armed where it lies, and then over home to its start."""
        begin = self._world.prepare(request)
        if self._driver.state.mode is Mode.READY:
            self._until_held(Say(Word.ARM))
        self._until_held(Say(Word.HALT))
        for pose in (self._home_rad, begin.joints_rad):
            self._until_held(GoTo(tuple(pose.tolist())))
        self._pass_time(SETTLE_S)
        self._seq += 1
        return self.observe()

    def step(self, command: Command) -> Observation:
        target = Target(tuple(command.target_rad.tolist()), self._driver.cycles, min(command.ttl_s, WATCHDOG_S))
        self._pass_time(1.0 / self.spec.hz, target)
        self._seq += 1
        return self.observe()

    def observe(self) -> Observation:
        return sensed(self._told, self._seq, {"wrist_cam": self._frame()})

    def halt(self) -> None:
        self.say(Word.HALT)

    def say(self, word: Word) -> None:
        self._pass_time(TICK_S, Say(word))

    def health(self) -> Health:
        unknown = np.full(len(JOINTS), np.nan)
        return Health(self._told.mode, float("nan"), unknown, (*self._told.causes,), 1.0, 0, 0.0, MappingProxyType({}))

    def truth(self) -> Truth:
        return self._world.truth()

    def close(self) -> None:
        self._eye.close()
        self._world.close()

    def _until_held(self, order: Order) -> None:
        self._pass_time(TICK_S, order)
        until_s = self._now_s + LONGEST_S
        while self._told.mode != Mode.HOLD:
            if self._now_s > until_s:
                raise TwinarmError(f"the arm is {self._told.mode}: {'; '.join(self._told.causes)}")
            self._pass_time(TICK_S)

    def _pass_time(self, seconds: float, *orders: Order) -> None:
        for n in range(round(seconds / TICK_S)):
            self._told: Telemetry = self._driver.cycle(orders if n == 0 else ())
            for _ in range(round(TICK_S / STEP_S)):
                self._world.tick()
            self._now_s += TICK_S
            self._past.see(self._world.plant.data.qpos)

    def _frame(self) -> Frame:
        """As a USB camera had it: grain, JPEG, and down to the policy's size."""
        rgb = self._grain(self._eye.look(self._past.then(), WRIST, *SENSOR_HW))
        rgb = unsqueezed(squeezed(rgb), *SENSOR_HW)
        return Frame(policy_picture(rgb, self._px), self._now_s - self._past.age_s)
