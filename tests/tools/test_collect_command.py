import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from control.config import RobotConfig
from control.datasets import Dataset
from control.link import serve
from control.remote import RobotService
from sim.robot import SimRobot
from tools.cli import main

COLLECT = (
    "collect",
    "--config",
    "lift_fast.yaml",
    "--curriculum-stage",
    "3",
    "--set",
    "robot.camera_px=32",
    "--set",
    "spaces.camera_px=32",
)


def digests(folder: Path) -> list[str]:
    dataset = Dataset.open(folder)
    return [dataset.read(index).digest() for index in dataset.indices()]


def test_collect_lifts_and_says_so_in_words_and_in_one_line_of_json(tmp_path, capfd):
    assert main([*COLLECT, "--episodes", "4", "--noise", "0", "--output", str(tmp_path / "set"), "--json"]) == 0
    told, said = capfd.readouterr()
    figures = json.loads(told)
    assert told.count("\n") == 1 and {"success", "n", "low", "high", "median_time_s"} <= figures.keys()
    assert figures["success"] == 1.0 and figures["n"] == 4 and 1.0 < figures["median_time_s"] < 8.0
    assert "4 of 4 lifted (100.0%, 95 % interval" in said
    assert "data audit: labels, pictures, frozen pictures, copies, saturation, success, return, room: all fine" in said
    episode = Dataset.open(tmp_path / "set").read(0)
    assert episode.provenance.source == "scripted" and episode.provenance.stage == "near"
    assert episode.truth is not None and episode.truth["cube_m"][-1, 2] > 0.08 and episode.discount[-1] == 0.0


def test_a_crude_script_is_kept_for_as_many_steps_as_the_configuration_repeats(tmp_path):
    folder, config = tmp_path / "set", ("--config", "drqv2_lift_s3_v13.yaml")
    assert main([*COLLECT, *config, "--script", "crude", "--episodes", "1", "--output", str(folder)]) == 0
    episode = Dataset.open(folder).read(0)
    pairs = episode.action[: len(episode) // 2 * 2].reshape(-1, 2, 5)
    assert (pairs[:, 0] == pairs[:, 1]).all() and len(np.unique(pairs[:, 0], axis=0)) > 10
    assert (episode.action == episode.label).all() and episode.provenance.source == "crude"


def test_a_served_simulator_gives_the_same_bytes_as_one_in_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    config = RobotConfig(camera_px=32)
    stop, opened = threading.Event(), threading.Event()
    endpoint = f"ipc://{tmp_path}/arm"

    def robot() -> None:  # a thread of its own, as a renderer belongs to the thread that made it
        sim = SimRobot(config)
        serve(RobotService(sim), endpoint, stop, lambda _: opened.set())
        sim.close()

    thread = threading.Thread(target=robot)
    thread.start()
    try:
        assert opened.wait(20)
        assert main([*COLLECT, "--episodes", "2", "--output", str(there), "--robot", endpoint]) == 0
    finally:
        stop.set()
        thread.join()
    assert main([*COLLECT, "--episodes", "2", "--output", str(here)]) == 0
    assert digests(here) == digests(there)


def test_a_killed_collect_is_completed_by_the_same_command(tmp_path):
    folder = tmp_path / "set"
    command = [
        sys.executable,
        "-m",
        "tools.cli",
        *COLLECT,
        "--episodes",
        "8",
        "--output",
        str(folder),
        "--workers",
        "2",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        while not list(folder.glob("*.mcap")):
            time.sleep(0.01)
            assert running.poll() is None
        time.sleep(random.uniform(0.0, 0.5))
        os.kill(running.pid, signal.SIGKILL)
    before = {path: path.stat().st_ino for path in folder.glob("episode_??????.mcap")}
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n"] == 8 and json.loads(done.stdout)["found"] >= len(before) > 0
    assert all(path.stat().st_ino == inode for path, inode in before.items())
    assert len(digests(folder)) == 8 and not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("--noise", "-1"), "noise must not be negative, got -1"),
        (("--script", "crude", "--noise", "0.5"), "the crude script is open-loop"),
        (("--episodes", "0"), "episodes must be at least 1, got 0"),
        (("--seed", "999999"), "--seed must be 0 to 999998 for 2 episodes, got 999999: seeds from 1000000 on"),
        (("--seed", "-4"), "--seed must be 0 to 999998"),
        (("--workers", "0"), "--workers must be at least 1"),
        (("--curriculum-stage", "5"), "no curriculum stage 5; there are: 0 home"),
        (("--set", "spaces.step_m=20"), "is it in mm"),
        (("--noise", "0.5"), "holds another dataset: its noise is 0.3, not 0.5; name another folder"),
        (("--config", "lift_fats.yaml"), "did you mean: lift_fast.yaml"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_lost(tmp_path, capfd, words, phrase):
    folder = tmp_path / "set"
    assert main([*COLLECT, "--episodes", "1", "--output", str(folder)]) == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    capfd.readouterr()
    assert main([*COLLECT, "--episodes", "2", "--output", str(folder), *words]) == 2
    told, said = capfd.readouterr()
    assert phrase in said and said.count("\n") == 1 and not told
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_without_a_configuration_a_served_and_an_own_simulator_give_the_same_bytes(tmp_path, serving):
    words = ["collect", "--episodes", "2", "--curriculum-stage", "3", "--workers", "1"]
    with serving(tmp_path) as (endpoint, _):
        assert main([*words, "--output", str(tmp_path / "served"), "--robot", endpoint]) == 0
    assert main([*words, "--output", str(tmp_path / "own")]) == 0
    assert digests(tmp_path / "served") == digests(tmp_path / "own")
    assert Dataset.open(tmp_path / "own").info.hz == 50.0
