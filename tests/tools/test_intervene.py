"""Somebody at a terminal takes the arm from a running policy and gives it back; the record says who acted."""

import json
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable

import numpy as np
import pytest

from control.arm import facts
from control.datasets import Dataset
from control.diary import written
from control.episodes import Provenance
from control.loop import Step
from tools.cli import main

pytestmark = pytest.mark.clock
RUN = ["run", "scripted", "--config", "lift_fast.yaml", "--curriculum-stage", "home", "--json"]
FROM = Provenance("policy", 3, "home")


def eventually(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def hold(screen: int, key: bytes, seconds: float) -> None:
    """As a plain terminal tells a key that is held."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        os.write(screen, key)
        time.sleep(0.03)


@pytest.mark.parametrize("robot", ["sim", "twin"])
def test_a_take_over_by_the_keys_of_a_terminal_is_smooth_and_recorded(tmp_path, robot):
    screen, keys = pty.openpty()
    command = [sys.executable, "-m", "tools.cli", *RUN, "--robot", robot, "--intervene", "keyboard"]
    with subprocess.Popen(
        [*command, "--output", str(tmp_path / "run")], stdin=keys, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(keys)
        eventually(lambda: bool(list((tmp_path / "run").glob("*.part"))))
        hold(screen, b"u", 0.8)
        time.sleep(0.5)
        os.write(screen, b"g")
        report = json.loads(process.communicate(timeout=60)[0])
    os.close(screen)
    assert process.returncode == 0 and report["success"] == 1.0
    episode = Dataset.open(tmp_path / "run").read(0)
    person = episode.by_person
    assert report["by_person"] == person.sum() > 5 and report["steps"] == len(episode) > person.sum()
    [taken] = np.flatnonzero(np.diff(person.astype(int)) == 1) + 1
    [given] = np.flatnonzero(np.diff(person.astype(int)) == -1) + 1
    period_rad = np.array(facts()["governor"]["speed_rad_s"]) / 10.0
    travelled = np.abs(np.diff(episode.target_rad, axis=0)) / period_rad
    assert travelled[[taken, given]].max() <= 1.0 + 1e-9
    assert (episode.action[taken:given, 2] > 0).any() and (episode.action[given - 2] == 0).all()


def test_a_run_that_is_told_to_end_gives_the_terminal_back(tmp_path):
    screen, keys = pty.openpty()
    before = termios.tcgetattr(keys)
    command = [sys.executable, "-m", "tools.cli", *RUN, "--robot", "sim", "--intervene", "keyboard"]
    with subprocess.Popen([*command, "--output", str(tmp_path / "run")], stdin=keys) as process:
        eventually(lambda: bool(list((tmp_path / "run").glob("*.part"))))
        assert termios.tcgetattr(keys) != before
        process.terminate()
        assert process.wait(20) == 130
    assert termios.tcgetattr(keys) == before
    for end in (screen, keys):
        os.close(end)


def test_runs_add_to_a_dataset_and_what_was_cut_short_is_recovered(tmp_path, capsys):
    words = [*RUN, "--robot", "sim", "--output", str(tmp_path / "run")]
    assert main(words) == 0
    dataset = Dataset.open(tmp_path / "run")
    episode = dataset.read(0)
    with written(dataset, lambda number: FROM) as diary:
        for t in range(3):
            moment = episode.observation(t), episode.truth_at(t)
            later = episode.observation(t + 1), episode.truth_at(t + 1)
            diary.add(Step(*moment, episode.command(t), *later, episode.verdict(t)))
        assert main(words) == 2 and "is being written by another process" in capsys.readouterr().err
    assert main([*words, "--seed", "5"]) == 0
    assert [dataset.read(index).provenance.seed % 1000 for index in dataset.indices()] == [0, 5]
    assert dataset.indices() == [0, 2] and len(dataset.read_incomplete(1)) == 3
    assert not episode.by_person.any()


def test_a_device_that_is_none_is_refused_by_name(capsys):
    assert main([*RUN, "--robot", "sim", "--intervene", "joystick"]) == 2
    assert "no device called joystick; name keyboard" in capsys.readouterr().err
