"""The scripts lift cubes, in the simulator, from seeded starts."""

import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.loop import run_episode
from control.types import Command, ResetRequest
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot
from sim.scene import CUBE
from training.lift import LiftTask, load_reward
from training.teachers import Teacher

SPACES = SpacesConfig()


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig(camera_px=16)) as robot:
        yield robot


def lifts(robot, script, stage, episodes, noise=0.0, first_seed=500):
    task, policy = LiftTask(load_reward("sparse"), 0.97), Teacher(SPACES, script, noise)
    return [
        run_episode(robot, policy(robot, seed), task, ResetRequest(stage, seed), 200)[-1].success
        for seed in range(first_seed, first_seed + episodes)
    ]


@pytest.mark.parametrize("stage", ["near", "far", "home", "grasped", "lifted"])
def test_the_scripted_grasp_lifts_from_every_stage(robot, stage):
    assert sum(lifts(robot, "scripted", stage, 15)) == 15


def test_the_crude_script_lifts_some_and_loses_some(robot):
    assert 5 <= sum(lifts(robot, "crude", "near", 20)) <= 19


def test_the_crude_script_acts_the_same_however_late_the_clock_when_it_began(robot):
    def actions():
        policy, seen, acted = Teacher(SPACES, "crude")(robot, 1), robot.reset(ResetRequest("near", 1)), []
        for _ in range(40):
            command = policy.act(seen)
            acted.append(command.action)
            seen = robot.step(command)
        return acted

    first = actions()
    robot.reset(ResetRequest("home", 2))
    assert actions() == first


def test_noise_strays_from_the_label_and_the_teacher_recovers(robot):
    policy = Teacher(SPACES, noise=0.3)(robot, 1)
    seen, strayed = robot.reset(ResetRequest("near", 1)), []
    for _ in range(12):
        command = policy.act(seen)
        strayed.append(np.abs(np.array(command.action) - command.label))
        seen = robot.step(command)
    assert np.mean(strayed, axis=0)[:4].min() > 0.05
    assert np.max(strayed, axis=0)[4] == 0
    assert sum(lifts(robot, "scripted", "near", 15, noise=0.3)) >= 13


def test_a_cube_knocked_away_is_fetched_again(robot):
    policy = Teacher(SPACES)(robot, 0)
    task = LiftTask(load_reward("sparse"), 0.97)
    seen, done = robot.reset(ResetRequest("near", 4)), False
    for t in range(80):
        if t == 9:
            start = robot.model.joint(CUBE).qposadr[0]
            robot.data.qpos[start : start + 3] = [0.2, -0.06, 0.03]
        command = policy.act(seen)
        seen = robot.step(command)
        done = done or task.judge(seen, command, robot.truth()).success
    assert done


def test_the_same_seed_gives_the_same_noise(robot):
    def actions():
        policy, seen = Teacher(SPACES, noise=0.3)(robot, 9), robot.reset(ResetRequest("near", 9))
        commands: list[Command] = []
        for _ in range(6):
            commands.append(policy.act(seen))
            seen = robot.step(commands[-1])
        return [command.action for command in commands]

    assert actions() == actions()


def test_a_wrist_near_its_end_turns_the_other_way_round(robot):
    spaces = Spaces(SPACES, Arm.from_facts())
    policy = Teacher(SPACES)(robot, 0)
    seen = robot.reset(ResetRequest("near", 2))
    for _ in range(12):  # towards the end of wrist_roll, away from the cube's face
        seen = robot.step(spaces.command(np.array([0, 0, 0, 1.0, 0]), seen))
    for _ in range(40):
        seen = robot.step(policy.act(seen))
    assert robot.truth().cube_m[2] > 0.08
