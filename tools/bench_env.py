"""`twinarm bench env`: a full environment step against the bare physics and picture of the same scene."""

import time
from dataclasses import dataclass, field
from statistics import median

import mujoco
import numpy as np

from control.arm import Arm
from control.config import RobotConfig
from control.loop import play
from control.types import ResetRequest
from policies.spaces import Spaces, SpacesConfig
from sim.cameras import Eye
from sim.robot import SimRobot
from training.lift import LiftTask, load_reward
from training.teachers import Teacher

PX, HZ, ROUNDS, NOISE = 84, 10.0, 15, 0.3


@dataclass
class Take:
    """What one episode of ours did: where its physics began and what it told the servos."""

    state: np.ndarray
    actions: list[np.ndarray] = field(default_factory=list)
    controls: list[np.ndarray] = field(default_factory=list)


def bench_env(rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of a step: action, IK, governor, 100 ms of physics, 84x84 picture, truth and reward; and of the bare two.

    Both go through the same scripted grasps with noise, by turns. Returns medians over the episodes.
    """
    robot = SimRobot(RobotConfig(hz=HZ, camera_px=PX))
    spaces = Spaces(SpacesConfig(camera_px=PX), Arm.from_facts())
    judge = LiftTask(load_reward("v19"), 0.99)
    data, eye = mujoco.MjData(robot.model), Eye(robot.model, (PX, PX))
    ours, bare = [], []
    for seed in range(rounds):
        take = rehearse(robot, spaces, judge, seed)
        ours.append(timed_ours(robot, spaces, judge, take, seed))
        bare.append(timed_bare(robot.model, data, eye, take))
    eye.close()
    robot.close()
    ours_s, bare_s = median(ours), median(bare)
    return {
        "steps_per_s": 1 / ours_s,
        "ours_ms": ours_s * 1e3,
        "bare_ms": bare_s * 1e3,
        "overhead_ms": median(a - b for a, b in zip(ours, bare, strict=True)) * 1e3,
        "ratio": ours_s / bare_s,
    }


def rehearse(robot: SimRobot, spaces: Spaces, judge: LiftTask, seed: int) -> Take:
    """Let the teacher lift the cube once, untimed, and write down its actions and the servos' targets."""
    policy = Teacher(spaces.config, noise=NOISE)(robot, seed)
    request = ResetRequest("near", seed)
    robot.reset(request)
    take = Take(state_of(robot.model, robot.data))
    for step in play(robot, policy, judge, request, 80):
        take.actions.append(np.array(step.command.action))
        take.controls.append(robot.data.ctrl.copy())
    return take


def timed_ours(robot: SimRobot, spaces: Spaces, judge: LiftTask, take: Take, seed: int) -> float:
    """Seconds of one of our steps."""
    seen = robot.reset(ResetRequest("near", seed))
    judge.reset(seen, robot.truth())
    started = time.perf_counter()
    for action in take.actions:
        command = spaces.command(action, seen)
        seen = robot.step(command)
        judge.judge(seen, command, robot.truth())
    return (time.perf_counter() - started) / len(take.actions)


def timed_bare(model: mujoco.MjModel, data: mujoco.MjData, eye: Eye, take: Take) -> float:
    """Seconds of the same physics in one call, and of the picture."""
    substeps = round(1 / HZ / model.opt.timestep)
    mujoco.mj_setState(model, data, take.state, mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(model, data)
    started = time.perf_counter()
    for control in take.controls:
        data.ctrl[:] = control
        mujoco.mj_step(model, data, substeps)
        eye.look(data, "wrist_cam", PX, PX)
    return (time.perf_counter() - started) / len(take.controls)


def state_of(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Everything the physics goes on from."""
    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(model, kind))
    mujoco.mj_getState(model, data, state, kind)
    return state
