"""`twinarm export` and `twinarm import`: whole or not there, never over anything, and fit to learn from."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from control.arm import Arm
from control.datasets import Dataset
from policies.spaces import Spaces
from sim.robot import SimRobot
from tools.cli import main
from tools.world import twin_calibration
from training import settings
from training.collect import dataset_info
from training.experience import from_episode
from training.lift import LiftTask, load_reward

SMALL = ("--set", "robot.camera_px=32", "--set", "spaces.camera_px=32")
COLLECT = ("collect", "--config", "lift_fast.yaml", "--curriculum-stage", "3", *SMALL)


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("collected") / "set"
    assert main([*COLLECT, "--episodes", "2", "--output", str(folder), "--workers", "1"]) == 0
    return folder


def said(capfd) -> str:
    return " ".join(capfd.readouterr().err.split())


def test_demonstrations_go_to_lerobot_and_come_back_fit_to_learn_from(collected, tmp_path, capfd):
    away, back = tmp_path / "away", tmp_path / "back"
    assert main(["export", str(collected), "--to", "lerobot", "--output", str(away)]) == 0
    assert main(["import", str(away), "--output", str(back), *SMALL, "--json"]) == 0
    figures = json.loads(capfd.readouterr().out)
    config = settings.load("lift_fast.yaml", ("robot.camera_px=32", "spaces.camera_px=32"))
    before, after = Dataset.open(collected), Dataset.open(back)
    with closing(SimRobot(config.robot)) as robot:
        after.require(dataset_info(robot.spec, config.spaces))
    assert figures["episodes"] == 2 and figures["steps"] == sum(len(before.read(i)) for i in before.indices())
    spaces, judge = Spaces(config.spaces, Arm.from_facts()), LiftTask(load_reward("sparse"), 0.97)
    for index in before.indices():
        old, new = (from_episode(each.read(index), spaces, judge) for each in (before, after))
        for name in ("frames", "action", "label", "reward", "discount"):
            assert (getattr(new, name) == getattr(old, name)).all(), name
        assert new.proprio == pytest.approx(old.proprio, abs=1e-4)


def test_an_export_for_an_arm_of_ones_own_comes_back_without_its_calibration(collected, tmp_path, capfd):
    path, away = tmp_path / "arm.json", tmp_path / "away"
    twin_calibration(Arm.from_facts()).save(path)
    flags = ("--units", "normalised", "--calibration", str(path))
    assert main(["export", str(collected), "--to", "lerobot", "--output", str(away), *flags]) == 0
    assert main(["import", str(away), "--output", str(tmp_path / "back"), *SMALL]) == 0
    before, after = Dataset.open(collected).read(0), Dataset.open(tmp_path / "back").read(0)
    assert after.joints_rad == pytest.approx(before.joints_rad, abs=1e-6)
    assert main(["import", str(away), "--output", str(tmp_path / "none"), *SMALL, "--units", "radians"]) == 2
    assert "degrees beyond its range, taken as radians" in said(capfd) and not (tmp_path / "none").exists()


@pytest.mark.parametrize("form", ["lerobot", "robomimic"])
def test_nothing_is_written_over_what_is_there(collected, tmp_path, form, capfd):
    path = tmp_path / "thesis"
    path.write_text("years of work")
    assert main(["export", str(collected), "--to", form, "--output", str(path)]) == 2
    assert "thesis is there already, and nothing is written over it; choose another name" in said(capfd)
    assert path.read_text() == "years of work" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", ["lerobot", "robomimic"])
def test_an_export_that_fails_leaves_nothing_behind(collected, tmp_path, form, capfd):
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", collected, broken], check=True)
    path = broken / "episode_000001.mcap"
    path.write_bytes(path.read_bytes()[:3000])
    assert main(["export", str(broken), "--to", form, "--output", str(tmp_path / "out")]) == 2
    assert "episode_000001.mcap is damaged" in said(capfd) and list(tmp_path.iterdir()) == [broken]


@pytest.mark.parametrize("form", ["lerobot", "robomimic"])
def test_a_full_disk_is_told_in_a_line_and_nothing_is_left(collected, tmp_path, form):
    export = f"{sys.executable} -m tools.cli export {collected} --to {form} --output {tmp_path}/out"
    told = subprocess.run(["bash", "-c", f"ulimit -f 8; {export}"], capture_output=True, text=True)
    assert told.returncode == 2 and told.stderr.strip().count("\n") == 0, told.stderr
    assert "File too large" in told.stderr and not list(tmp_path.iterdir())


def test_an_interrupted_export_leaves_nothing_and_a_killed_one_no_half_of_it(collected, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for index in range(300):
        (many / f"episode_{index:06d}.mcap").symlink_to(collected / "episode_000000.mcap")
    (many / "dataset.json").write_bytes((collected / "dataset.json").read_bytes())
    command = [sys.executable, "-m", "tools.cli", "export", many, "--to", "lerobot", "--output", tmp_path / "out"]
    for number, status, left in ((signal.SIGINT, 130, 0), (signal.SIGKILL, -9, 1)):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            while not list(tmp_path.glob(".out.*.part/data/*/*")):
                time.sleep(0.01)
            os.kill(process.pid, number)
        assert process.returncode == status and not (tmp_path / "out").exists()
        assert len(list(tmp_path.glob(".out.*.part"))) == left
    assert main(["export", str(collected), "--to", "lerobot", "--output", str(tmp_path / "out")]) == 0


def test_episodes_that_did_not_succeed_can_be_left_out(tmp_path, capfd):
    folder = tmp_path / "set"
    short = ("--set", "demos.limit_steps=3")
    assert main([*COLLECT, *short, "--episodes", "1", "--output", str(folder), "--workers", "1"]) == 0
    capfd.readouterr()
    export = ["export", str(folder), "--to", "lerobot", "--output", str(tmp_path / "out")]
    assert main([*export, "--successes"]) == 2
    assert "no episode of" in said(capfd) and not (tmp_path / "out").exists()
    assert main([*export, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["episodes"] == 1


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("export", "nowhere", "--to", "lerobot", "--output", "out"), "there is no dataset at nowhere"),
        (("import", "nowhere", "--output", "out"), "nowhere is no LeRobot dataset: meta/info.json is missing"),
    ],
)
def test_what_is_not_there_is_named(words, phrase, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(list(words)) == 2
    assert phrase in said(capfd) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("verb", "package"), [("export", "pyarrow"), ("export", "h5py")])
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(verb, package):
    words = [verb, "x", "--to", "lerobot", "--output", "y"]
    program = f"import sys; sys.modules['{package}'] = None; from tools.cli import main; exit(main({words}))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (
        2,
        f'twinarm: {verb} needs the package {package}; pip install "twinarm[export]"\n',
    )


def test_the_robot_side_exports_without_torch():
    program = "import sys; sys.modules['torch'] = None; import tools.export"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
