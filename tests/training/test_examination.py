"""An evaluation is the same whoever plays which reset, here or on a local Ray."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from tools.cli import main
from tools.progress import bar

EVAL = ["eval", "--config", "lift_fast.yaml", "--set", "robot.camera_px=24", "--set", "spaces.camera_px=24", "--json"]
SHORT = ["--set", "task.limit_steps=30", "--episodes", "4"]


def episodes(folder: Path) -> list[dict]:
    return json.loads(next(folder.glob("*/episodes.json")).read_text())


@pytest.mark.parametrize("policy", ["random", "scripted", "crude"])
def test_two_processes_find_what_one_finds(tmp_path, policy):
    for workers in ("1", "2"):
        assert main([*EVAL, *SHORT, policy, "--workers", workers, "--output", str(tmp_path / workers)]) == 0
    assert episodes(tmp_path / "1") == episodes(tmp_path / "2")
    assert len({episode["seed"] for episode in episodes(tmp_path / "1")}) == 4


def test_a_local_ray_finds_what_one_process_finds(tmp_path):
    assert main([*EVAL, *SHORT, "random", "--workers", "1", "--output", str(tmp_path / "here")]) == 0
    there = [*EVAL, *SHORT, "random", "--cluster", "local", "--output", str(tmp_path / "there")]
    told = subprocess.run([sys.executable, "-m", "tools.cli", *there], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert episodes(tmp_path / "here") == episodes(tmp_path / "there")


def test_every_factor_of_the_wild_is_told_apart(tmp_path, capsys):
    words = ["scripted", "--wild", "--by-factor", "--workers", "1", "--output", str(tmp_path)]
    assert main([*EVAL, "--curriculum-stage", "3", "--episodes", "1", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [*told["factors"]][:3] == ["nothing", "cube", "colour"] and len(told["factors"]) == 10
    assert json.loads((Path(told["output"]) / "report.json").read_text())["factors"] == told["factors"]
    assert told["factors"]["nothing"]["success"] == 1.0 and {"low", "high", "n"} <= told["factors"]["delay"].keys()


def test_what_was_found_before_ctrl_c_is_kept_and_told(tmp_path):
    words = ["scripted", "--by-factor", "--curriculum-stage", "3", "--episodes", "3", "--workers", "1"]
    command = [sys.executable, "-m", "tools.cli", *EVAL, *words, "--output", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not any("nothing" in path.read_text() for path in tmp_path.glob("*/report.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    [path] = tmp_path.glob("*/report.json")
    kept = json.loads(path.read_text())
    factors = f"the evaluation and {len(kept['factors'])} of 10 factors alone are kept in {path.parent}"
    assert kept["n"] == 3 and factors in said.replace("\n", "")


@pytest.mark.parametrize("flag", ["--wild", "--by-factor"])
def test_an_arm_is_not_evaluated_as_if_it_were_wild(tmp_path, capsys, flag):
    assert main(["eval", "scripted", "--robot", "twin", flag, "--output", str(tmp_path / "eval")]) == 2
    assert f"twin is one arm in one room, and stays so; {flag} is for a simulator" in capsys.readouterr().err


def test_an_evaluation_that_is_interrupted_says_how_far_it_was():
    words = "interrupted; evaluating was at 2 of 9 episodes, 1 lifted, and none of it is kept"
    with pytest.raises(KeyboardInterrupt, match=words), bar(Console(stderr=True), "evaluating", 9) as tell:
        tell(True)
        tell(False)
        raise KeyboardInterrupt


def test_a_failure_in_a_process_is_one_line(tmp_path, capsys):
    far = ["--set", "task.cube_x_m=[0.9, 0.95]", "--workers", "2", "--output", str(tmp_path)]
    assert main([*EVAL, *SHORT, "scripted", *far]) == 2
    said = capsys.readouterr().err
    assert "is out of reach" in said and "Traceback" not in said
