"""A robot, a policy and a judge for tests: the first joint walks to a goal drawn from the seed."""

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from control.modes import Word
from control.types import Command, Frame, Health, Observation, ResetRequest, RobotSpec, Truth, Verdict

SPEC = RobotSpec(
    joints=("a", "b", "c", "d", "e", "f"),
    lower_rad=np.full(6, -2.0),
    upper_rad=np.full(6, 2.0),
    speed_rad_s=np.full(6, 1.0),
    accel_rad_s2=np.full(6, 1.0),
    hz=10.0,
    cameras={"wrist_cam": ((12, 16), (12, 16))},
    profile="none",
    calibration="exact",
)


class Reacher:
    """Its picture and its truth tell the goal."""

    spec = SPEC

    def __init__(self, pause_s: float = 0.0):
        self._pause_s = pause_s

    def reset(self, request: ResetRequest) -> Observation:
        self._goal = float(np.random.default_rng(request.seed).uniform(0.2, 1.0))
        self._joints, self._seq = np.zeros(6), 0
        return self.observe()

    def observe(self) -> Observation:
        frame = Frame(np.full((12, 16, 3), int(self._goal * 255), np.uint8), 0.1 * self._seq)
        zero, joints = np.zeros(6), self._joints.copy()
        return Observation(self._seq, 0.1 * self._seq, joints, zero, zero, joints, False, {"wrist_cam": frame})

    def step(self, command: Command) -> Observation:
        time.sleep(self._pause_s)
        self._joints, self._seq = command.target_rad.copy(), self._seq + 1
        return self.observe()

    def halt(self) -> None:
        pass

    def say(self, word: Word) -> None:
        pass

    def health(self) -> Health:
        return Health("active", 7.4, np.full(6, 25.0), (), 1.0, 0, 0.0, {})

    def truth(self) -> Truth:
        goal = np.array([self._goal, 0.0, 0.0])
        return Truth(goal, np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3), np.zeros(3), (False, False))

    def close(self) -> None:
        pass


class Walk:
    """Steps of 0.1 rad and noise drawn from the seed. Every tenth seed never moves."""

    def __init__(self, robot: Reacher, seed: int):
        self._rng, self._size = np.random.default_rng(seed), 0.1 if seed % 10 else 0.0

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        noise = self._size * float(self._rng.uniform(-0.2, 0.2))
        target = observation.target_rad + np.eye(6)[0] * (self._size + noise)
        command = Command(target, observation.seq, action=(self._size + noise,))
        return replace(command, label=(self._size,))


class Arrival:
    """Success at the goal."""

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        pass

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        assert truth is not None
        arrived = bool(observation.joints_rad[0] >= truth.cube_m[0])
        return Verdict(float(arrived), float(not arrived), arrived, {"arrived": float(arrived)})


@dataclass(frozen=True)
class SuicidalOnce:
    """Makes walks; the process that makes the one of `seed` is killed, the first time."""

    seed: int
    mark: Path

    def __call__(self, robot: Reacher, seed: int) -> Walk:
        if seed == self.seed and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Walk(robot, seed)
