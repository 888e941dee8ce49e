"""Runs that were stopped, killed, changed or starved of disk on their way."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from arm_episodes import stored, wander
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from control.datasets import Dataset
from control.errors import CheckpointError
from tools.cli import main
from training import checkpoint, metrics, runs, settings
from training.checkpoint import Progress
from training.metrics import Metrics

TINY = (
    *("name=tiny", "robot.camera_px=24", "spaces.camera_px=24", "task.limit_steps=20", "demos.episodes=6"),
    *("net.strides=[3,2]", "net.channels=8", "net.hidden=32", "replay.batch=16", "bootstrap.clone_updates=10"),
    "bootstrap.variations=1",
    *("schedule.steps=40", "schedule.eval_every=40", "schedule.eval_episodes=1", "schedule.final_episodes=1"),
)
DEMO = [sys.executable, "-m", "tools.cli", "demo", "--stage", "1", *(w for s in TINY for w in ("--set", s))]


def wait_for(ready, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready()


def said_after_ctrl_c(words: list[str], ready) -> str:
    """What a command says on stderr when it is interrupted as soon as it is ready, which must be no traceback."""
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(ready)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in said
    return said.replace("\n", "")


def test_the_main_job_killed_while_it_records_goes_on_recording(tmp_path):
    process = subprocess.Popen([*DEMO, "--output", str(tmp_path)], stderr=subprocess.DEVNULL)
    recorded = tmp_path / "latest" / "demonstrations"
    wait_for(lambda: len(list(recorded.glob("episode_??????.mcap"))) >= 2)
    process.kill()
    process.wait()
    kept = {path.name: path.read_bytes() for path in recorded.glob("episode_??????.mcap")}
    assert len(kept) < 6
    assert main(["resume", str(tmp_path / "latest")]) == 0
    assert Dataset.open(recorded).indices() == list(range(6))
    assert all((recorded / name).read_bytes() == content for name, content in kept.items())
    assert (tmp_path / "latest" / "report.json").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main([*DEMO[3:], "--output", str(root)]) == 0
    return (root / "latest").resolve()


@pytest.mark.parametrize(
    "edit, words",
    [
        (("lr: 0.0003", "lr: 0.0001"), "agent.lr was 0.0003, is 0.0001"),
        (("gamma: 0.97", "gamma: 0.9"), "replay.gamma was 0.97, is 0.9"),
        (("seed: 0", "seed: 5"), "seed was 0, is 5"),
    ],
)
def test_a_run_does_not_go_on_under_other_settings(finished, capsys, edit, words):
    path = finished / "config.yaml"
    written = path.read_text()
    assert edit[0] in written
    path.write_text(written.replace(*edit, 1))
    try:
        assert main(["resume", str(finished)]) == 2
    finally:
        path.write_text(written)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("now, refused", [(0, False), (1, True)])
def test_a_setting_that_a_checkpoint_does_not_know_had_its_default(tmp_path, now, refused):
    config = settings.load("lift_fast.yaml", [*TINY, f"bootstrap.shift_steps={now}"])
    then = config.plain
    del then["bootstrap"]["shift_steps"]
    progress = Progress(then, {}, "", 1, 0, 0.0, 0, (), 0, 0, (0.0, 0.0), 0.0, "{}")
    expected = pytest.raises(CheckpointError, match="bootstrap.shift_steps was 0, is 1") if refused else nullcontext()
    with expected:
        runs.require_same_settings(tmp_path, progress, config)


def test_a_finished_run_can_be_given_more_steps(finished):
    path, before = finished / "config.yaml", checkpoint.load_newest(finished / "checkpoints")[1].step
    path.write_text(path.read_text().replace("steps: 40", "steps: 60", 1))
    assert main(["resume", str(finished)]) == 0
    assert checkpoint.load_newest(finished / "checkpoints")[1].step == 60 > before


def test_resuming_a_finished_run_says_that_it_is_only_judged_again(finished, capsys):
    assert main(["resume", str(finished)]) == 0
    assert "only judged again" in capsys.readouterr().err.replace("\n", " ")


def test_ctrl_c_saves_where_the_run_stands_and_says_how_to_go_on(tmp_path):
    words = [*DEMO, "--output", str(tmp_path), "--set", "schedule.steps=5000"]
    said = said_after_ctrl_c(words, (tmp_path / "latest" / "episodes" / "episode_000002.mcap").exists)
    folder = (tmp_path / "latest").resolve()
    saved = checkpoint.load_newest(folder / "checkpoints")[1]
    assert saved.step % 500 and saved.episodes >= 3
    assert f"saved at decision {saved.step} of 5000" in said
    assert f"twinarm resume {folder}" in said


def test_ctrl_c_while_demonstrations_are_recorded_says_how_many_are_kept(tmp_path):
    recorded = tmp_path / "latest" / "demonstrations"
    words = [*DEMO, "--output", str(tmp_path), "--set", "demos.episodes=200"]
    said = said_after_ctrl_c(words, lambda: len(list(recorded.glob("episode_??????.mcap"))) >= 2)
    kept = len(Dataset.found(recorded).indices())
    folder = (tmp_path / "latest").resolve()
    assert f"interrupted; {kept} of 200 demonstrations are kept; go on with: twinarm resume {folder}" in said


def test_ctrl_c_while_a_finished_run_is_judged_stops_at_once_with_all_saved(tmp_path):
    words = [*DEMO, "--output", str(tmp_path), "--set", "schedule.final_episodes=100000"]
    said = said_after_ctrl_c(words, (tmp_path / "latest" / "checkpoints" / "step_000000040.safetensors").exists)
    assert "saved at decision 40 of 40" in said and "twinarm resume" in said


def test_a_full_disk_is_one_line_and_leaves_the_checkpoint_before(tmp_path):
    script = f"""
import resource, signal, sys, torch
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_resume import keep
keep(Path({str(tmp_path)!r}), 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
keep(Path({str(tmp_path)!r}), 2)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=os.getcwd())
    assert told.returncode == 1 and "CheckpointError: cannot write" in told.stderr
    assert "make room, then twinarm resume" in told.stderr and re.search(r"\d MB are free", told.stderr)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step_000000001.safetensors"]
    assert checkpoint.load_newest(tmp_path)[1].step == 1


def test_metrics_on_a_full_disk_are_one_line(tmp_path):
    script = f"""
import resource, signal
from pathlib import Path
from training.metrics import Metrics
rows = Metrics(Path({str(tmp_path)!r}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (256, resource.RLIM_INFINITY))
for step in range(100):
    rows.write(step, {{}})
rows.flush()
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=os.getcwd())
    says = rf"UserError: cannot write {tmp_path}/metrics.jsonl \(.*\): .* MB are free; .* twinarm resume {tmp_path}"
    assert told.returncode == 1 and re.search(says, told.stderr)


def keep(folder: Path, step: int) -> None:
    progress = Progress({}, "", step, 0, 0.0, 0, 0.0, "{}")
    checkpoint.save(folder, {"weights": torch.arange(5000.0)}, progress)


def test_metrics_go_on_where_the_checkpoint_stands_and_no_curve_runs_twice(tmp_path):
    for value, start in ((1.0, 0), (2.0, 50)):
        rows = Metrics(tmp_path, start, 20)
        for step in range(start + 10, 101, 10):
            rows.write(step, {"q": value})
        rows.close()
        time.sleep(1.1)  # TensorBoard orders its files by the second
    assert [(row["step"], row["q"]) for row in metrics.read(tmp_path)] == [
        *((step, 1.0) for step in range(10, 51, 10)),
        *((step, 2.0) for step in range(60, 101, 10)),
    ]
    board = EventAccumulator(str(tmp_path / "tensorboard" / "learning"))
    board.Reload()
    assert [(event.step, event.value) for event in board.Scalars("q")] == [
        (row["step"], row["q"]) for row in metrics.read(tmp_path)
    ]


def test_a_run_remembers_the_robot_it_was_begun_on(tmp_path, capsys):
    config = settings.load("lift_fast.yaml", TINY, {"run_on": "ipc:///tmp/nobody-there"})
    folder = runs.begin(tmp_path, config)
    runs.write_config(folder, settings.load(str(folder / "config.yaml"), ["bootstrap.path='{run}/demonstrations'"]))
    assert main(["resume", str(folder)]) == 2
    assert "ipc:///tmp/nobody-there" in capsys.readouterr().err


def test_cloning_from_failures_alone_is_refused(tmp_path, capsys):
    demos, words = tmp_path / "demos", [w for s in TINY for w in ("--set", s)]
    lost = ["collect", "--config", "lift_fast.yaml", "--episodes", "2", "--set", "demos.limit_steps=1"]
    assert main([*lost, "--output", str(demos), *words]) == 0
    train = ["train", "--config", "lift_fast.yaml", "--bootstrap", str(demos), "--output", str(tmp_path / "runs")]
    assert main([*train, *words, "--set", "bootstrap.clone_failures=false"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "none of the 2 demonstrations" in said and "0 succeeded" in said and "bootstrap.clone_failures=true" in said


def test_variations_of_what_nobody_knows_the_cube_of_are_refused_before_anything_is_begun(tmp_path, capsys):
    stored(tmp_path / "theirs", [wander(20, seed, True) for seed in range(2)])
    words = ["train", "--config", "lift_fast.yaml", "--bootstrap", str(tmp_path / "theirs")]
    assert main([*words, "--output", str(tmp_path / "runs")]) == 2
    assert "use simulated ones, or --set bootstrap.variations=0" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("verb", ["demo", "train"])
def test_a_run_that_was_refused_does_not_become_the_latest(finished, capsys, verb):
    root = finished.parents[1]
    bootstrap = ["--config", "lift_fast.yaml", "--bootstrap", str(finished / "demonstrations")]
    words = [verb, *(bootstrap if verb == "train" else ()), "--robot", "ipc:///tmp/nobody-there"]
    assert main([*words, "--output", str(root), *(w for s in TINY for w in ("--set", s))]) == 2
    assert "nobody-there" in capsys.readouterr().err
    assert (root / "latest").resolve() == finished


def test_a_run_says_beforehand_what_its_reward_and_demonstrations_invite_to(tmp_path, capsys):
    words = [*DEMO[3:], "--output", str(tmp_path), "--set", "task.reward=v13", "--set", "task.limit_steps=200"]
    assert main([*words, "--set", "schedule.steps=1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "reward audit: warning: v13 invites to dip, hold below" in said
    assert "data audit: labels, pictures, frozen pictures, copies, saturation, success, return, room: all fine" in said


def test_a_refused_resume_records_nothing(finished, capsys):
    path = finished / "config.yaml"
    written = path.read_text()
    path.write_text(written.replace("episodes: 6", "episodes: 8", 1))
    try:
        assert main(["resume", str(finished)]) == 2
    finally:
        path.write_text(written)
    assert "demos.episodes was 6, is 8" in capsys.readouterr().err
    assert Dataset.open(finished / "demonstrations").indices() == list(range(6))


def test_a_run_does_not_go_on_with_other_demonstrations_or_another_arm(tmp_path, capsys):
    words, demos, arm = [w for s in TINY for w in ("--set", s)], tmp_path / "demos", tmp_path / "arm.xml"
    assert main(["model", "--out", str(arm)]) == 0
    more = ["collect", "--config", "lift_fast.yaml", "--output", str(demos), "--model", str(arm), *words]
    assert main([*more, "--episodes", "2"]) == 0
    fast = ["train", "--config", "lift_fast.yaml", "--bootstrap", str(demos), "--model", str(arm), *words]
    assert main([*fast, "--output", str(tmp_path / "runs")]) == 0
    run, written = (tmp_path / "runs" / "latest").resolve(), arm.read_text()
    arm.write_text(written.replace('fovy="70.5"', 'fovy="110"'))
    assert main(["resume", str(run)]) == 2
    assert "was trained on another robot: the robot's model was" in " ".join(capsys.readouterr().err.split())
    arm.write_text(written)
    assert main([*more, "--episodes", "3"]) == 0
    assert main(["resume", str(run)]) == 2
    assert "was taught by other demonstrations" in " ".join(capsys.readouterr().err.split())


def test_a_run_that_is_refused_leaves_no_folder(tmp_path, demos_of_another_size, capsys):
    words = ["train", "--config", "lift_fast.yaml", "--bootstrap", str(demos_of_another_size)]
    assert main([*words, "--output", str(tmp_path / "runs")]) == 2
    assert [path for path in (tmp_path / "runs").rglob("*") if path.is_file() or path.is_symlink()] == []


@pytest.fixture
def demos_of_another_size(tmp_path) -> Path:
    words = ["collect", "--config", "lift_fast.yaml", "--episodes", "1", "--output", str(tmp_path / "small")]
    assert main([*words, *(w for s in TINY for w in ("--set", s))]) == 0
    return tmp_path / "small"
