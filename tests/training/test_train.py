"""A run: what it leaves, and that a killed one goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TINY, begin, run, tiny, trainer

from control.datasets import Dataset
from control.episodes import code_commit
from control.errors import CheckpointError, UserError
from tools import training
from tools.cli import main
from training import checkpoint, metrics, report, runs, settings
from training.collect import own_first_seed
from training.evaluate import EVALUATION_SEED, TRAINING_SEED, VALIDATION_SEED
from training.learner import CLONED_EVERY
from training.train import RUNS, SEEDS_PER_RUN, first_seed
from training.watch import Stopped, Watch

EXACT = ("q", "critic_loss", "actor_loss", "clone_loss", "return", "validation_success", "steps")


def flags(*more: str) -> list[str]:
    return [word for assignment in (*TINY, *more) for word in ("--set", assignment)]


@pytest.fixture(scope="module")
def demos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demos") / "three"
    assert main(["collect", "--config", "lift_fast.yaml", "--output", str(folder), "--workers", "1", *flags()]) == 0
    return folder


class Killed(Exception):
    pass


def die_at(step: int) -> Watch:
    def learning(done: int, total: int, figures: dict) -> None:
        if done == step:
            raise Killed

    return Watch(learning=learning)


def rows(folder: Path) -> list[dict]:
    return [{k: row[k] for k in ("step", *EXACT) if k in row} for row in metrics.read(folder)]


@pytest.mark.parametrize(
    "dies_at, more",
    [
        (1, ()),
        (27, ("bootstrap.imitate_successes=true", "agent.noise.lapses=0.2")),
        (55, ("schedule.envs=2", "bootstrap.mode=seed")),
    ],
)
def test_a_killed_run_goes_on_as_an_unbroken_one(tmp_path, demos, dies_at, more):
    unbroken, broken = (
        begin(tmp_path / "unbroken", f"bootstrap.path={demos}", *more),
        begin(tmp_path / "broken", f"bootstrap.path={demos}", *more),
    )
    whole = run(unbroken)
    with pytest.raises(Killed):
        run(broken, die_at(dies_at))
    resumed = run(broken)
    assert rows(broken) == rows(unbroken)
    ours, theirs = whole.agent.state(), resumed.agent.state()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    logs = [Dataset.open(folder / "episodes") for folder in (unbroken, broken)]
    assert logs[0].indices() == logs[1].indices() == list(range(whole.episodes))
    assert {logs[0].read(i).provenance.commit for i in logs[0].indices()} == {code_commit()}
    assert [logs[0].read(i).digest() for i in logs[0].indices()] == [
        logs[1].read(i).digest() for i in logs[1].indices()
    ]


def test_a_run_killed_while_it_clones_keeps_what_it_has_cloned(tmp_path, demos):
    more = (f"bootstrap.path={demos}", f"bootstrap.clone_updates={CLONED_EVERY + 60}", "schedule.steps=0")
    unbroken, broken = (begin(tmp_path / name, *more) for name in ("unbroken", "broken"))

    def die(done: int, total: int) -> None:
        if done == CLONED_EVERY + 20:
            raise Killed

    run(unbroken)
    with pytest.raises(Killed):
        run(broken, Watch(cloning=die))
    assert checkpoint.load_newest(broken / "checkpoints")[1].cloned == CLONED_EVERY
    run(broken)
    assert rows(broken) == rows(unbroken)


def test_demonstrations_are_counted_as_they_are_taken_in_and_ctrl_c_is_heard(tmp_path, demos):
    folder = begin(tmp_path / "run", f"bootstrap.path={demos}", "bootstrap.variations=2")
    told: list[tuple[int, int]] = []
    with trainer(folder, Watch(taught=lambda *numbers: told.append(numbers))):
        assert told == [(number, 9) for number in range(1, 10)]
    told.clear()
    stopping = Watch(taught=lambda *numbers: told.append(numbers), enough=lambda: len(told) == 4)
    with pytest.raises(Stopped), trainer(folder, stopping):
        pass
    assert len(told) == 4 and not (folder / "checkpoints").exists()
    assert f"interrupted before anything was learned; go on with: twinarm resume {folder}" in training.kept(
        folder, tiny()
    )


def test_a_run_that_is_interrupted_before_it_began_leaves_no_folder_and_says_so(tmp_path):
    with pytest.raises(KeyboardInterrupt, match="nothing of it is kept"), runs.begun(tmp_path, tiny()) as (folder, _):
        raise KeyboardInterrupt
    assert not folder.exists()


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path, demos):
    folders = [
        begin(tmp_path / name, f"bootstrap.path={demos}", f"seed={seed}")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    for folder in folders:
        run(folder)
    assert rows(folders[0]) == rows(folders[1]) != rows(folders[2])


def test_kill_9_in_the_command_loses_no_finished_episode(tmp_path, demos):
    command = [sys.executable, "-m", "tools.cli", "train", "--config", "lift_fast.yaml", "--bootstrap", str(demos)]
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path), *flags("schedule.steps=400")], stderr=subprocess.DEVNULL
    )
    log = tmp_path / "latest" / "episodes"
    deadline = time.monotonic() + 120
    while len(list(log.glob("episode_*.mcap"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = (tmp_path / "latest").resolve()
    saved = checkpoint.load_newest(folder / "checkpoints")
    assert saved is not None and saved[1].episodes <= len(list((folder / "episodes").glob("episode_*.mcap")))
    written = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(written.replace("steps: 400", f"steps: {saved[1].step + 40}"))
    assert main(["resume", str(folder), "--json"]) == 0
    finished = Dataset.open(folder / "episodes")
    seeds = [finished.read(i).provenance.seed for i in finished.indices()]
    assert finished.indices() == list(range(len(seeds))) and len(set(seeds)) == len(seeds)
    steps = [row["step"] for row in metrics.read(folder) if "episode" in row]
    assert steps == sorted(set(steps))


def test_a_finished_run_leaves_report_curves_and_film(tmp_path, demos, capsys):
    args = [
        "train",
        "--config",
        "lift_fast.yaml",
        "--bootstrap",
        str(demos),
        "--output",
        str(tmp_path),
        "--json",
        *flags(),
    ]
    assert main(args) == 0
    latest = tmp_path / "latest"
    report = json.loads((latest / "report.json").read_text())
    printed = json.loads(capsys.readouterr().out)
    for figures in (report, report["after_cloning"], printed):
        assert {"success", "n", "low", "high", "median_time_s"} <= figures.keys()
        assert 0 <= figures["low"] <= figures["success"] <= figures["high"] <= 1 and figures["n"] == 3
    assert (latest / "eval.mp4").stat().st_size > 5_000 and (latest / "curves.png").stat().st_size > 5_000
    assert f"{report['success']:.1%}" in (latest / "report.md").read_text()
    assert len(json.loads((latest / "episodes.json").read_text())) == 3
    assert os.readlink(latest).startswith("tiny/")


@pytest.mark.parametrize(("kept", "at"), [({"policy_step": 40}, 40), ({}, 60)])
def test_the_curves_show_the_judged_policy_where_it_was_kept(tmp_path, monkeypatch, kept, at):
    drawn = []
    monkeypatch.setattr(report.plt, "close", drawn.append)
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"step": {step}, "q": 0.5}}\n' for step in (20, 40, 60)))
    report.draw(tmp_path, {"success": 0.9, "low": 0.8, "high": 1.0} | kept)
    [point] = drawn[0].axes[0].containers
    assert point[0].get_xdata().tolist() == [at] and point[0].get_ydata().tolist() == [0.9]


def test_a_second_run_leaves_the_first_where_it_is(tmp_path):
    config = settings.load("lift_fast.yaml", TINY)
    first, second = runs.begin(tmp_path, config), runs.begin(tmp_path, config)
    for folder in (first, second):
        runs.make_latest(tmp_path, folder)
    assert first != second and first.is_dir() and (tmp_path / "latest").resolve() == second.resolve()


def test_runs_that_begin_together_get_folders_of_their_own(tmp_path):
    config = settings.load("lift_fast.yaml", TINY)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: runs.begin(tmp_path, config), range(24)))
    assert len(set(folders)) == 24 and all(runs.read_config(folder) == config for folder in folders)


def test_two_processes_do_not_train_one_run(tmp_path):
    with runs.alone(tmp_path), pytest.raises(UserError, match="another process"), runs.alone(tmp_path):
        pass


def test_a_truncated_checkpoint_is_passed_over_for_the_one_before(tmp_path, demos):
    folder = begin(tmp_path / "run", f"bootstrap.path={demos}")
    run(folder)
    older, newer = sorted((folder / "checkpoints").glob("*.safetensors"))
    newer.write_bytes(newer.read_bytes()[: newer.stat().st_size // 2])
    _, progress = checkpoint.load_newest(folder / "checkpoints")
    assert progress.step < 60
    older.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        checkpoint.load_newest(folder / "checkpoints")


@pytest.mark.parametrize("mode", ["none", "seed", "balanced"])
def test_demonstrations_go_where_the_bootstrap_says(tmp_path, demos, mode):
    steps = sum(len(Dataset.open(demos).read(i)) for i in range(3))
    with trainer(begin(tmp_path / mode, f"bootstrap.path={demos}", f"bootstrap.mode={mode}")) as learner:
        assert (len(learner.memory.online), len(learner.memory.demos)) == {
            "none": (0, 0),
            "seed": (steps, 0),
            "balanced": (0, steps),
        }[mode]


def test_training_validation_and_evaluation_use_different_seeds():
    assert TRAINING_SEED + RUNS * SEEDS_PER_RUN <= VALIDATION_SEED < VALIDATION_SEED + 100_000 < EVALUATION_SEED
    assert np.iinfo(np.int64).max > EVALUATION_SEED


@pytest.mark.parametrize("seed", [0, 1, RUNS - 1, RUNS, 20_261_124])
def test_whatever_its_seed_a_run_explores_on_resets_that_no_validation_uses(seed):
    first = first_seed(tiny(f"seed={seed}"))
    assert TRAINING_SEED <= first <= VALIDATION_SEED - SEEDS_PER_RUN
    assert first == TRAINING_SEED + SEEDS_PER_RUN * seed or seed >= RUNS


@pytest.mark.parametrize("seed", [0, 1, 7, 49_999, 50_000, 1_000_000, 20_261_124])
def test_a_runs_own_demonstrations_are_none_of_the_resets_it_is_judged_on(seed):
    config = settings.load("lift_fast.yaml", [f"seed={seed}"])
    first, last = own_first_seed(config), own_first_seed(config) + config.demos.episodes - 1
    assert 0 <= first <= last < TRAINING_SEED
    assert first == 20 * seed or seed >= 50_000
