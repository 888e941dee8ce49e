"""From a checkpoint to a lift in one command; and what keeps it from moving."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from control.arm import Arm, facts
from control.datasets import Dataset
from control.errors import CheckpointError
from control.link import Listener
from control.remote import RobotService
from control.types import Command, ResetRequest
from hardware.promptness import ACTING, prompt
from policies.actor import NetConfig, PolicyNet, save_policy
from policies.learned import Notes, require_start, shapes_for, write_notes
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot
from tools.bench_wire import StillRobot
from tools.cli import main
from tools.flags.run import Arguments
from tools.robots import punctual, robot_section
from tools.run import asking, opened
from training import settings
from training.evaluate import EpisodeResult

pytestmark = pytest.mark.clock

HOME = np.array(facts()["home_rad"])
AROUND_HOME = tuple((angle - 0.05, angle + 0.05) for angle in HOME.tolist())
SHORT = ("--robot", "sim", "--config", "lift_fast.yaml", "--curriculum-stage", "home", "--set", "task.limit_steps=6")


def policy(tmp_path, hz: float = 10.0, px: int = 64, **notes) -> str:
    """An untaught network that says it was trained so."""
    spaces = SpacesConfig(camera_px=px, frame_stack=1)
    net = PolicyNet(shapes_for(Spaces(spaces, Arm.from_facts())), NetConfig(strides=(3, 2), hidden=32))
    path = tmp_path / "policy.safetensors"
    save_policy(net, path, write_notes(Notes(spaces, hz, 0, "", **notes)))
    return str(path)


def test_a_script_lifts_and_the_times_are_told(capsys):
    words = ["run", "scripted", "--robot", "sim", "--config", "lift_fast.yaml", "--curriculum-stage", "home", "--json"]
    assert main([*words, "--episodes", "2"]) == 0
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert report["success"] == 1.0 and report["times_ms"]["tick"][0] > report["times_ms"]["policy"][0] > 0
    assert told.err.count("lifted after") == 2


@pytest.mark.parametrize(
    "made, words",
    [
        ({"hz": 25.0}, "it acts at 25 Hz, the robot at 10 Hz"),
        ({"px": 48}, "it sees (48, 48) pixels, the robot gives (64, 64)"),
        ({"starts_rad": tuple((low + 1.0, high + 1.0) for low, high in AROUND_HOME)}, "beyond where this policy's"),
    ],
)
def test_a_policy_for_another_robot_or_from_elsewhere_moves_nothing(tmp_path, capsys, made, words):
    assert main(["run", policy(tmp_path, **made), *SHORT]) == 2
    assert words in capsys.readouterr().err


@contextmanager
def served(tmp_path, **made) -> Iterator[str]:
    """The endpoint of such a policy."""
    command = [sys.executable, "-m", "tools.cli", "serve-policy", policy(tmp_path, **made)]
    with subprocess.Popen([*command, "--endpoint", f"ipc://{tmp_path}/served"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout and b"serving policy" in process.stdout.readline()
            yield f"ipc://{tmp_path}/served"
        finally:
            process.terminate()


def test_a_served_policy_is_refused_as_its_file_would_be(tmp_path, capsys):
    with served(tmp_path, hz=25.0, px=48) as endpoint:
        assert main(["run", endpoint, *SHORT]) == 2
    refusal = capsys.readouterr().err
    assert f"{endpoint} does not fit this robot: it acts at 25 Hz, the robot at 10 Hz; it sees (48, 48)" in refusal


def test_a_served_policy_is_asked_ahead_where_that_is_wanted(tmp_path, capsys):
    with served(tmp_path) as endpoint:
        assert main(["run", endpoint, *SHORT, "--ahead", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 6


@pytest.fixture
def calibrated(tmp_path) -> Iterator[str]:
    """The endpoint of a robot whose calibration is its own."""
    with an_arm(tmp_path, "fedcba987654") as endpoint:
        yield endpoint


@contextmanager
def an_arm(tmp_path, calibration: str) -> Iterator[str]:
    """The endpoint of one that is calibrated so."""
    robot, stop = StillRobot((64, 64)), threading.Event()
    robot.spec = replace(robot.spec, profile="measured", calibration=calibration)
    with Listener(f"ipc://{tmp_path}/arm") as listener:
        thread = threading.Thread(target=listener.serve, args=(RobotService(robot), stop))
        thread.start()
        yield listener.endpoint
        stop.set()
        thread.join()


def test_an_arm_calibrated_otherwise_is_not_moved(tmp_path, calibrated, capsys):
    path = policy(tmp_path, calibrations=("0123456789ab",))
    assert main(["run", path, *SHORT, "--robot", calibrated]) == 2
    told = "learned from an arm with calibration 0123456789ab, this one has fedcba987654"
    assert told in capsys.readouterr().err


def test_no_dataset_gets_episodes_of_an_arm_calibrated_otherwise(tmp_path, capsys):
    for calibration, *flags in (("0123456789ab",), ("fedcba987654",), ("fedcba987654", "--any-calibration")):
        with an_arm(tmp_path, calibration) as endpoint:
            words = ["run", "zero", *SHORT, "--robot", endpoint, "--output", str(tmp_path / "set"), *flags]
            assert main(words) == (0 if flags or calibration == "0123456789ab" else 2)
    assert "was recorded by an arm with calibration 0123456789ab" in capsys.readouterr().err
    assert Dataset.open(tmp_path / "set").indices() == [0, 1]


@pytest.mark.parametrize("verb", [("serve-policy", "--endpoint", "ipc:///x"), ("onnx", "--output", "policy.onnx")])
def test_where_a_file_is_needed_no_script_is_offered(verb, capsys):
    assert main([verb[0], "scripted", *verb[1:]]) == 2
    told = capsys.readouterr().err
    assert "scripted has no file; name a run, a policy.safetensors or .onnx" in told and "crude" not in told


def test_a_policy_begins_where_its_episodes_began_or_where_told_that_it_may(tmp_path, capsys):
    assert main(["run", policy(tmp_path, starts_rad=AROUND_HOME), *SHORT]) == 0
    elsewhere = policy(tmp_path, starts_rad=((1.0, 1.1),) * 6)
    assert main(["run", elsewhere, *SHORT, "--any-start"]) == 0
    assert "0 of 1 lifted" in capsys.readouterr().err


def test_with_step_nothing_moves_unless_somebody_presses_enter(tmp_path, capsys, monkeypatch):
    (tmp_path / "nobody").touch()
    with open(tmp_path / "nobody") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["run", "zero", *SHORT, "--step"]) == 2
    assert "somebody must press Enter for every action" in capsys.readouterr().err


def test_an_action_that_waited_for_enter_is_carried_out_by_the_clock(monkeypatch):
    reading, writing = os.pipe()
    late = threading.Timer(0.6, os.write, (writing, b"\n"))  # longer than a command may be late, and not yet forgotten
    arm, spaces = Arm.from_facts(), Spaces(SpacesConfig(), Arm.from_facts())
    with open(reading) as keys, SimRobot(robot_section("lift_fast.yaml"), realtime=True) as robot:
        monkeypatch.setattr("sys.stdin", keys)
        seen = robot.reset(ResetRequest("home", 0))
        seen = robot.step(spaces.command(np.array([1.0, 0, 0, 0, 0]), seen))
        before, _ = arm.tool(seen.target_rad)
        late.start()
        wanted = spaces.command(np.array([0.0, 0, 1.0, 0, 0]), seen)
        after = robot.step(asking(Arguments("zero", step=True), robot, spaces)(wanted))
        assert arm.tool(after.target_rad)[0][2] - before[2] > 0.015
    os.close(writing)


def test_a_simulator_that_puts_the_cube_back_by_itself_keeps_time_too_where_somebody_watches():
    chosen = Arguments("scripted", "sim", own_reset=True, ahead=True, curriculum_stage="home", config="lift_fast.yaml")
    config = settings.load("lift_fast.yaml", ("task.stage=home",))
    with closing(opened(chosen, config)) as robot:
        seen, began_s = robot.reset(ResetRequest("home", 1)), time.monotonic()
        for _ in range(5):
            seen = robot.step(Command(seen.target_rad, seen.seq))
        assert time.monotonic() - began_s > 0.4


@pytest.mark.parametrize(
    ("plant", "beside", "first"), [({}, False, True), ({}, True, False), ({"gravity": "on"}, False, False)]
)
def test_who_acts_on_an_arm_comes_first_but_not_before_a_person_nor_in_a_simulator(plant, beside, first):
    with prompt(ACTING) as granted:
        pass
    robot = SimpleNamespace(spec=SimpleNamespace(plant=plant))
    with punctual(robot, beside):
        assert os.sched_getparam(0).sched_priority == (ACTING if first and granted else 0)
    assert os.sched_getparam(0).sched_priority == 0


def test_who_runs_a_policy_on_an_arm_comes_first_alone(tmp_path):
    with prompt(ACTING) as granted:
        pass
    start = ("--config", "lift_fast.yaml", "--curriculum-stage", "home", "--set", "task.limit_steps=30")
    kept = ("--ahead", "--output", str(tmp_path / "set"))
    with served(tmp_path) as endpoint:
        command = [sys.executable, "-m", "tools.cli", "run", endpoint, "--robot", "twin", *start, *kept]
        with subprocess.Popen(command) as running:
            while not list((tmp_path / "set").glob("*.part")):
                assert running.poll() is None
                time.sleep(0.05)
            time.sleep(0.5)  # as long as a few actions that were asked for in the background
            tasks = [int(task) for task in os.listdir(f"/proc/{running.pid}/task")]
            assert [os.sched_getparam(task).sched_priority for task in tasks].count(ACTING) == granted
        assert running.returncode == 0


@pytest.mark.parametrize("command", ["run", "eval"])
def test_a_policy_infers_with_one_thread(tmp_path, command):
    torch.set_num_threads(2)
    try:
        assert main([command, policy(tmp_path), *SHORT, "--episodes", "1"]) == 0
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(1)


def test_an_interrupted_run_tells_what_there_is(tmp_path, capsys, monkeypatch):
    told = EpisodeResult.__init__

    def interrupting(result: EpisodeResult, *given: object, **named: object) -> None:
        told(result, *given, **named)
        if (tmp_path / "set" / "episode_000000.mcap").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(EpisodeResult, "__init__", interrupting)
    assert main(["run", "zero", *SHORT, "--episodes", "9", "--output", str(tmp_path / "set")]) == 130
    kept = f"interrupted; 0 of 1 episodes lifted, and kept in {tmp_path / 'set'}"
    assert kept in " ".join(capsys.readouterr().err.split())


def test_step_and_a_person_beside_it_do_not_share_a_terminal(capsys):
    assert main(["run", "zero", *SHORT, "--step", "--intervene", "keyboard"]) == 2
    assert "--step and --intervene both read this terminal" in capsys.readouterr().err


@pytest.mark.parametrize("off, refused", [(0.2, False), (0.3, True), (-0.3, True)])
def test_a_start_is_near_or_refused_with_the_joint(off, refused):
    notes = Notes(SpacesConfig(), 10.0, 0, "", starts_rad=tuple((angle, angle) for angle in HOME.tolist()))
    pose = HOME + np.array([0, 0, off, 0, 0, 0])
    if refused:
        with pytest.raises(CheckpointError, match="elbow_flex stands 0.30 rad beyond"):
            require_start(notes, pose)
    else:
        require_start(notes, pose)
