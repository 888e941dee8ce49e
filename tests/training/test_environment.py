"""The lift as Gymnasium and Stable-Baselines3 take it: their checkers, their learner, our judge."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from reaching import Reacher
from stable_baselines3 import SAC
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from control.errors import CommandRefused, UserError
from control.operating import Intent, Order
from sim.robot import SimRobot
from tools.gym import ID
from training import settings
from training.environment import LiftEnv
from training.teachers import Teacher

SMALL = ("robot.camera_px=36", "spaces.camera_px=36")


def walk(env: gymnasium.Env, seed: int, steps: int = 6) -> list:
    env.action_space.seed(seed)
    looks = [env.reset(seed=seed)[0]] + [env.step(env.action_space.sample())[0] for _ in range(steps)]
    return looks + [env.reset()[0]]


def same(a: list, b: list) -> bool:
    return all((x[key] == y[key]).all() for x, y in zip(a, b, strict=True) for key in x)


@pytest.mark.parametrize("changed", [SMALL, (*SMALL, "spaces.actions=joints", "spaces.action_repeat=2")])
def test_the_checkers_of_gymnasium_and_stable_baselines_have_nothing_to_say(changed):
    env = gymnasium.make(ID, set=changed, render_mode="rgb_array")
    check_env(env.unwrapped)
    check_for_sb3(env)
    env.close()


def test_sac_of_stable_baselines_learns_on_it_unmodified():
    env = gymnasium.make(ID, set=(*SMALL, "task.limit_steps=40"))
    agent = SAC("MultiInputPolicy", env, buffer_size=300, learning_starts=100, batch_size=8, train_freq=5, seed=3)
    agent.learn(160)
    assert agent.num_timesteps == 160 and agent._n_updates > 10
    action, _ = agent.predict(env.reset(seed=1)[0])
    assert env.action_space.contains(action)
    env.close()


def test_a_seed_tells_the_episode_and_all_that_follow_it():
    env, other = (gymnasium.make(ID, set=SMALL) for _ in range(2))
    first = walk(env, 7)
    assert same(first, walk(other, 7)) and same(first, walk(env, 7))
    assert not same(first, walk(env, 8))
    for each in (env, other):
        each.close()


def test_a_lift_terminates_and_time_that_runs_out_truncates():
    env = gymnasium.make(ID, set=(*SMALL, "task.limit_steps=60"))
    lift = env.unwrapped
    env.reset(seed=11)
    teacher = Teacher.of(lift.config, "scripted")(lift.robot, 11)
    teacher.reset()
    while True:
        _, reward, terminated, truncated, info = env.step(np.array(teacher.act(lift._seen).action))
        if terminated or truncated:
            break
    assert (terminated, truncated, info["success"], reward) == (True, False, True, 1.0)
    assert info["terms"] == {"success": 1.0}
    env.reset(seed=11)
    ends = [env.step(np.zeros(5))[2:4] for _ in range(60)]
    assert ends == [(False, False)] * 59 + [(False, True)]
    env.close()


def test_a_decision_is_kept_for_as_many_periods_as_the_configuration_says():
    env = gymnasium.make(ID, set=(*SMALL, "spaces.action_repeat=4", "task.limit_steps=10"))
    env.reset(seed=1)
    before = env.unwrapped._seen.seq
    ends = [env.step(np.zeros(5))[2:4] for _ in range(3)]
    assert env.unwrapped._seen.seq - before == 10 and ends == [(False, False)] * 2 + [(False, True)]
    assert env.unwrapped.metadata["render_fps"] == 2
    env.close()


def test_it_is_drawn_from_the_front_or_as_the_policy_sees_it():
    env = gymnasium.make(ID, set=SMALL, render_mode="rgb_array")
    env.reset(seed=2)
    assert env.render().shape == (480, 640, 3) and env.render().std() > 10
    env.close()
    bare = gymnasium.make(ID, robot=Reacher(), render_mode="rgb_array", disable_env_checker=True)
    bare.reset(seed=2)
    assert bare.render().shape == (12, 16, 3)


class Reticent(Reacher):
    """Tells no truth, as an arm."""

    def truth(self) -> None:
        return None


def test_a_robot_that_tells_no_truth_is_judged_by_feel():
    env = gymnasium.make(ID, robot=Reticent(), disable_env_checker=True)
    env.reset(seed=2)
    _, reward, terminated, truncated, info = env.step(np.zeros(5))
    assert (reward, terminated, truncated, info["terms"]) == (0.0, False, False, {"success": 0.0})


def test_a_served_robot_stands_behind_it_as_one_in_process_does(serving, tmp_path):
    flags = ("--config", "lift_fast.yaml", "--set", "robot.camera_px=36")
    own = gymnasium.make(ID, set=SMALL)
    with serving(tmp_path, "--robot", "sim", *flags) as (endpoint, _):
        env = gymnasium.make(ID, robot=endpoint, set=SMALL)
        assert same(walk(own, 5), walk(env, 5))
        env.close()
    own.close()


@pytest.mark.clock
def test_the_twin_stands_behind_it_and_keeps_its_rate():
    env = gymnasium.make(ID, robot="twin", set=SMALL)
    env.reset(seed=5)
    before = env.unwrapped._seen.stamp_s
    for _ in range(20):
        look = env.step(np.array([0.2, 0, 0, 0, 0], np.float32))[0]
    assert env.unwrapped._seen.stamp_s - before == pytest.approx(2.0, abs=0.3) and env.observation_space.contains(look)
    env.close()


def test_mistakes_are_told_in_a_line():
    with pytest.raises(UserError, match="no robot called simm"):
        gymnasium.make(ID, robot="simm")
    env = gymnasium.make(ID, set=SMALL, disable_env_checker=True)
    env.reset(seed=1)
    with pytest.raises(CommandRefused, match="an action must be 5 finite numbers"):
        env.step(np.full(5, np.nan))
    env.close()


def test_gymnasium_finds_it_by_its_module_where_nobody_imported_it():
    program = f"import gymnasium; print(gymnasium.make('tools.gym:{ID}', set={SMALL}).reset(seed=1)[1])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout == "{'seed': 1, 'success': False}\n", told.stderr


class Somebody:
    """Holds the dead-man from the third decision to the fifth, then gives the arm back."""

    def __init__(self) -> None:
        self.asked = -1

    def intent(self) -> Intent | None:
        self.asked += 1
        return Intent((0, 0, 1, 0, 0)) if 2 <= self.asked < 5 else None

    def orders(self) -> tuple[Order, ...]:
        return (Order.GIVE,) if self.asked == 6 else ()

    def close(self) -> None:
        self.asked = None


def test_info_says_who_acted_and_what_was_done():
    config = settings.load("lift_fast.yaml", (*SMALL, "task.stage=home"))
    env, person = LiftEnv(SimRobot(config.robot), config, operator=(somebody := Somebody())), range(2, 6)
    env.reset(seed=3)
    for step in range(9):
        info = env.step(np.full(5, -0.5, np.float32))[-1]
        assert info["who"] == ("person" if step in person else "policy")
        assert (info["action"] == -0.5).all() == (step not in person)
    env.close()
    assert somebody.asked is None
