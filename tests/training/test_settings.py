"""A run's configuration: what cannot work is refused at birth, with the key, the value and what would do."""

import pytest

from control import config
from control.config import SHIPPED
from control.errors import ConfigError, UserError
from sim.stages import STAGES as NUMBERS
from training import settings

STAGES = NUMBERS.items()


@pytest.mark.parametrize(
    "assignment, words",
    [
        ("seed=-1", "seed must not be negative, got -1"),
        ("demos.episodes=2000000", "episodes must be at most 100000, got 2000000"),
        ("device=gpu", "device must be cpu or cuda, got gpu"),
        ("name=../../x", "name must name a folder inside the output, got '../../x'"),
        ("name=/etc/x", "inside the output"),
        ("name=''", "inside the output"),
        ("replay.capacity=80", "replay.capacity is 80 frames, an episode takes up to 81"),
        ("replay.capacity=-5", "capacity, n_step and batch must be at least 1"),
        ("task.stage='5'", "no curriculum stage 5; there are: 0 home"),
        ("task.stage=5", "no curriculum stage 5; there are: 0 home"),
        ("task.stage=[3]", "got array - at task.stage"),
        ("task=3", "got int - at task"),
        ("task.reward=v99", "no reward v99; there are: sparse"),
        ("task.cube_x_m=[160,300]", "is it mm"),
        ("task.cube_x_m=[0.3,0.2]", "must go from low to high"),
        ("agent.noise.start=-1", "noise must not be negative"),
        ("agent.cloning.weight=-1", "weight must not be negative"),
        ("agent.lr=3", "lr must lie between 0 and 1"),
        ("schedule.steps=-1", "steps not negative"),
        ("spaces.step_joints_rad=0", "step_joints_rad must be 0 to 0.5, got 0"),
        ("spaces.low_m=[0.1,0.4,0.0]", "low_m must lie below high_m"),
        ("agent.noise_clip=-1", "noise_clip must not be negative, got -1"),
        ("replay.gamma=1", "gamma must be between 0 and 1"),
        ("agent.noize.start=1", "unknown key noize in agent; did you mean: noise"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_before_anything_runs(assignment, words):
    with pytest.raises((ConfigError, UserError), match=words.replace("?", r"\?")):
        settings.load("lift_fast.yaml", [assignment])


def test_settings_at_the_edge_of_what_works_are_taken():
    config = settings.load(
        "lift_fast.yaml", ["replay.capacity=81", "device='cuda:1'", "name=a/b=c d", "task.stage='3'"]
    )
    assert config.task.request(0).stage == "near" and config.replay.capacity == 81


def test_a_stage_may_be_given_by_its_bare_number():
    numbers = {name: settings.load("lift_fast.yaml", [f"task.stage={number}"]).task.stage for name, number in STAGES}
    assert numbers == {name: name for name, _ in STAGES}


@pytest.mark.parametrize(
    "name", [path.name for path in SHIPPED.glob("*.yaml") if "schedule" in config.shipped(path.name)]
)
def test_every_shipped_configuration_of_a_run_is_one_and_learns_the_same_twice(name):
    chosen = settings.load(name)
    assert chosen.name == name.removesuffix(".yaml")
    assert chosen.agent.layout != "auto"  # what is measured may differ, and so would the last bits
