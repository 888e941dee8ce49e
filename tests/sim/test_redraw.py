"""A recorded episode drawn anew: exactly what was seen in its own looks, and something else in others."""

from dataclasses import replace

import numpy as np
import pytest

from control.datasets import Dataset
from control.errors import UserError
from sim.redraw import LOOKS, redrawn
from sim.robot import SimRobot
from sim.wild import FACTORS
from tools.cli import main
from training import settings

SIZES = ("robot.camera_px=32", "spaces.camera_px=32")
CONFIG = settings.load("lift_fast.yaml", SIZES)


@pytest.fixture(scope="module")
def episode(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "wild"
    changed = [*SIZES, f"task.wild=[{','.join(FACTORS)}]"]
    words = [word for change in changed for word in ("--set", change)]
    assert main(["collect", "--output", str(folder), "--episodes", "1", "--workers", "1", "--seed", "3", *words]) == 0
    return Dataset.open(folder).read(0)


@pytest.fixture
def robot():
    with SimRobot(CONFIG.robot) as robot:
        yield robot


def test_in_its_own_looks_an_episode_is_as_it_was_recorded(robot, episode):
    again = redrawn(robot, episode, episode.provenance.seed, LOOKS)
    apart = np.abs(again.frames["wrist_cam"].astype(int) - episode.frames["wrist_cam"])
    assert apart.max() <= 2  # the zero of a joint, taken off what was measured, rounds


def test_in_other_looks_only_the_pictures_differ(robot, episode):
    first, again, other = (redrawn(robot, episode, seed, LOOKS) for seed in (900, 900, 901))
    frames = [one.frames["wrist_cam"] for one in (first, again, other, episode)]
    assert (frames[0] == frames[1]).all()
    assert (frames[0] != frames[2]).mean() > 0.5 and (frames[0] != frames[3]).mean() > 0.5
    assert first.action is episode.action and first.joints_rad is episode.joints_rad


def test_a_reset_after_a_redraw_is_as_it_would_have_been(robot, episode):
    task = CONFIG.task
    before = robot.reset(task.request(7)).frames["wrist_cam"].rgb
    redrawn(robot, episode, 900, LOOKS)
    assert (robot.reset(task.request(7)).frames["wrist_cam"].rgb == before).all()


def test_an_episode_without_truth_is_not_drawn_anew(robot, episode):
    with pytest.raises(UserError, match="without truth"):
        redrawn(robot, replace(episode, truth=None), 900, LOOKS)
