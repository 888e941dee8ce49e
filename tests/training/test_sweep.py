"""Sweeps: which runs they are made of, that they go on where they were stopped, and what they report."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from control.errors import ConfigError
from tools.cli import main
from training import metrics, report, runs, settings, sweep
from training.evaluate import EpisodeResult
from training.ledger import Ledger, Outcome

SMALL = {
    "name": "small",
    "config": "lift_fast.yaml",
    "seeds": [0, 3],
    "settings": {
        "robot.camera_px": 24,
        "spaces.camera_px": 24,
        "task.stage": "lifted",
        "task.limit_steps": 20,
        "net.strides": [3, 2],
        "net.channels": 8,
        "net.hidden": 16,
        "net.feature_dim": 8,
        "replay.batch": 8,
        "demos.episodes": 2,
        "bootstrap.clone_updates": 5,
        "agent.critic_warmup": 5,
        "schedule.steps": 20,
        "schedule.eval_every": 10,
        "schedule.eval_episodes": 1,
        "schedule.final_episodes": 1,
    },
    "factors": {
        "bootstrap": {"balanced": {}, "none": {"bootstrap.mode": "none", "bootstrap.clone_updates": 0}},
        "labels": {"aligned": {}, "shifted": {"bootstrap.shift_steps": 1}},
    },
}
LEARNED = ("step", "q", "critic_loss", "actor_loss", "clone_loss", "return", "validation_success")


def written(folder: Path, **changes) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


def learned(cell: sweep.Cell) -> list[dict]:
    return [{key: row[key] for key in LEARNED if key in row} for row in metrics.read(cell.folder)]


def command(file: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "tools.cli", "sweep", str(file), "--output", str(output), *more]


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> sweep.Sweep:
    folder = tmp_path_factory.mktemp("swept")
    assert main(command(written(folder), folder, "--workers", "2")[3:]) == 0
    return sweep.plan_sweep(sweep.load(str(folder / "small.yaml")), folder)


def test_arms_that_come_to_the_same_are_one_and_each_has_every_seed(tmp_path):
    whole = sweep.plan_sweep(sweep.load(str(written(tmp_path))), tmp_path)
    arms = ("base", "bootstrap=none", "labels=shifted")
    assert [(cell.arm, cell.config.seed) for cell in whole.cells] == [(arm, seed) for seed in (0, 3) for arm in arms]
    assert whole.arms_of("bootstrap")["balanced"] == whole.arms_of("labels")["aligned"]
    assert len({cell.folder for cell in whole.cells}) == 6


def test_arms_share_the_demonstrations_that_they_would_record_alike(tmp_path):
    factors = {"reward": {"v13": {"task.reward": "v13"}}, "demos": {"more": {"demos.episodes": 3}}}
    whole = sweep.plan_sweep(sweep.load(str(written(tmp_path, factors=factors))), tmp_path)
    folders = {(cell.arm, cell.config.seed): cell.config.bootstrap.path for cell in whole.cells}
    assert folders["base", 0] == folders["reward=v13", 0]
    assert len({folders["base", 0], folders["base", 3], folders["demos=more", 0]}) == 3


def test_a_sweep_ends_in_a_report_with_two_rows_and_a_figure_for_every_arm(swept):
    report, ledger = (swept.folder / "report.md").read_text(), Ledger(swept.folder / "cells.jsonl")
    assert all(cell.done for cell in swept.cells) and "6 of 6 runs are done" in report
    assert all(report.count(f"\n| {arm} | ") == 2 for arm in ("base", "bootstrap=none", "labels=shifted"))
    for factor in swept.config.factors:
        assert (swept.folder / f"{factor}.png").read_bytes().startswith(b"\x89PNG") and f"({factor}.png)" in report
    shifted = [ledger.outcome(cell) for cell in swept.arms_of("labels")["shifted"]]
    pooled = sum(outcome.report["success"] for outcome in shifted)
    assert f"| labels=shifted | {pooled:.0f} of 2 " in report
    highest = max(outcome.episodes["cube_z_max_m"] for outcome in shifted)
    assert f" rad | {highest:.3f} m | " in report


def test_a_finished_sweep_has_nothing_left_to_do(swept, capsys):
    before = {path: path.stat().st_mtime_ns for path in swept.folder.rglob("metrics.jsonl")}
    assert main(command(swept.folder.parent / "small.yaml", swept.folder.parent)[3:]) == 0
    assert "6 of 6 runs are done" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in swept.folder.rglob("metrics.jsonl")} == before


def test_what_a_kept_file_knows_is_not_run_again_and_makes_the_same_report(tmp_path, swept, capsys):
    kept = tmp_path / "kept.jsonl"
    whole = (swept.folder / "cells.jsonl").read_bytes()
    kept.write_bytes(whole + whole[:100])  # as a kill leaves a line that it cut short
    assert main([*command(written(tmp_path), tmp_path, "--keep", str(kept), "--json")[3:]]) == 0
    told, said = capsys.readouterr()
    assert "6 of 6 runs are done" in said and len(told.splitlines()) == 6
    assert (tmp_path / "small" / "report.md").read_text() == (swept.folder / "report.md").read_text()
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_a_run_whose_settings_the_sweep_has_changed_since_counts_as_not_done(tmp_path, swept):
    ledger = Ledger(swept.folder / "cells.jsonl")
    changes = {"settings": SMALL["settings"] | {"schedule.steps": 30}}
    again = sweep.plan_sweep(sweep.load(str(written(tmp_path, **changes))), swept.folder.parent)
    assert [cell.folder for cell in again.cells] == [cell.folder for cell in swept.cells]
    assert not any(cell.done or ledger.outcome(cell) for cell in again.cells)


def test_an_outcome_is_on_disk_once_it_is_added_and_a_later_one_replaces_it(tmp_path, swept):
    path, outcome = tmp_path / "new" / "cells.jsonl", Outcome.of(swept.cells[0])
    for value in (1.0, 2.0):
        outcome.episodes["q_max"] = value
        Ledger(path).add(outcome)
    assert Ledger(path).outcome(swept.cells[0]).episodes["q_max"] == 2.0
    assert Ledger(path).outcome(swept.cells[1]) is None and len(path.read_text().splitlines()) == 1


def test_two_sweeps_that_keep_their_outcomes_in_one_file_lose_none(tmp_path, swept):
    first, second = (Ledger(tmp_path / "cells.jsonl") for _ in range(2))  # both begin before either has anything
    for ledger, cell in zip((first, second), swept.cells, strict=False):
        ledger.add(Outcome.of(cell))
    assert all(Ledger(first.path).outcome(cell) for cell in swept.cells[:2])


def test_a_run_longer_than_the_sweep_now_asks_for_does_not_pass_for_a_shorter_one(tmp_path, swept, capsys):
    shutil.copytree(swept.folder, tmp_path / "small")
    file = written(tmp_path, settings=SMALL["settings"] | {"schedule.steps": 10}, seeds=[3])
    shutil.rmtree(tmp_path / "small" / "labels=shifted")
    (tmp_path / "small" / "cells.jsonl").unlink()
    assert main(command(file, tmp_path, "--workers", "1", "--only", "labels")[3:]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 runs of sweep small failed, the others are done; arm base, seed 3: " in said
    assert (tmp_path / "small" / "labels=shifted" / "seed_3" / "report.json").is_file()
    assert "has made 20 decisions of 20, and schedule.steps is 10 now; put it back" in said
    assert (tmp_path / "small" / "base" / "seed_3" / "report.json").is_file()


def test_a_run_whose_report_the_disk_had_no_room_for_is_not_done(swept, tmp_path):
    cell = replace(swept.cells[0], folder=tmp_path)
    final, config = (
        report.Report((EpisodeResult(**json.loads((swept.cells[0].folder / "episodes.json").read_text())[0]),)),
        cell.config,
    )
    told = final.summary() | {"policy_step": 0, "training_s": 1.0}
    runs.write_config(tmp_path, config)
    (tmp_path / "metrics.jsonl").write_text("")
    (tmp_path / "episodes.json").mkdir()  # what cannot be written
    with pytest.raises(OSError):
        report.write(tmp_path, config, told, final)
    assert not cell.done


def test_ctrl_c_in_a_sweep_says_how_much_is_kept(tmp_path):
    process = subprocess.Popen(
        command(written(tmp_path), tmp_path, "--workers", "1"), stderr=subprocess.PIPE, text=True
    )
    kept = tmp_path / "small" / "cells.jsonl"
    deadline = time.monotonic() + 100
    while not kept.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130 and "Traceback" not in said
    done = len(kept.read_text().splitlines())
    assert 1 <= done < 6 and f"interrupted; {done} of 6 runs are kept in {kept}" in " ".join(said.split())


def test_a_sweep_killed_half_way_learns_the_same_in_the_end(tmp_path, swept):
    file = written(tmp_path)
    process = subprocess.Popen(command(file, tmp_path, "--workers", "1"), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not list(tmp_path.rglob("report.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(list(tmp_path.rglob("report.json"))) < 6
    assert main(command(file, tmp_path, "--workers", "1")[3:]) == 0
    again = sweep.plan_sweep(sweep.load(str(file)), tmp_path)
    assert [learned(cell) for cell in again.cells] == [learned(cell) for cell in swept.cells]


def test_a_ray_on_this_machine_learns_the_same(tmp_path, swept):
    file = written(tmp_path, seeds=[3])
    told = subprocess.run(command(file, tmp_path, "--cluster", "local", "--json"), capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert [json.loads(line)["arm"] for line in told.stdout.splitlines()] == [
        "base",
        "bootstrap=none",
        "labels=shifted",
    ]
    there = sweep.plan_sweep(sweep.load(str(file)), tmp_path)
    assert [learned(cell) for cell in there.cells] == [learned(c) for c in swept.cells if c.config.seed == 3]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"factors": {"x": {"y": {"agent.noize": 1}}}}, "arm x=y: .* did you mean: noise"),
        ({"factors": {"x": {"y": {"task.reward": "v99"}}}}, "arm x=y: no reward v99"),
        ({"factors": {"x": {"y": {"bootstrap": "none"}}}}, "arm x=y: .* got str - at bootstrap"),
        ({"factors": {"x": {"y/z": {"seed": 1}}}}, "'y/z' becomes a folder's name"),
        ({"name": "../etc"}, "'../etc' becomes a folder's name"),
        ({"seeds": [0, -1]}, "seed must not be negative, got -1"),
        ({"factors": {"x": {"y": {"bootstrap.path": "runs/mine"}}}}, "arm x=y: .* would not learn from runs/mine"),
        ({"factors": {"x": {"y": {"seed": 4}}}}, "arm x=y: seed is set to 4, and a sweep gives each run its own"),
        ({"settings": {"name": "mine"}}, "arm base: name is set to mine"),
        ({"factors": {}}, "factors must name at least one arm each"),
        ({"seeds": [1, 1]}, "seeds must be distinct"),
        ({"sedes": [1]}, "did you mean: seeds"),
        ({"config": "lift_fats.yaml"}, "lift_fast.yaml"),
    ],
)
def test_a_mistake_in_a_sweep_is_found_before_anything_runs(tmp_path, changes, words):
    with pytest.raises(ConfigError, match=words):
        sweep.plan_sweep(sweep.load(str(written(tmp_path, **changes))), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (("--only", "rewards"), "no factor rewards; there are: bootstrap, labels"),
        (("--workers", "0"), "--workers must be at least 1"),
        (("--cluster", "127.0.0.1:1"), "no Ray cluster at 127.0.0.1:1"),
        (("--keep", "README.md"), "README.md, line 1 is no run's outcome"),
        (("--keep", "README.md/cells.jsonl"), "README.md: File exists"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(tmp_path, flags, words):
    told = subprocess.run(command(written(tmp_path), tmp_path, *flags), capture_output=True, text=True)
    assert told.returncode == 2 and words in " ".join(told.stderr.split()) and "Traceback" not in told.stderr


def test_the_shipped_sweep_covers_the_causes_of_the_failed_bootstrap(tmp_path):
    whole = sweep.plan_sweep(sweep.load("sweeps/bootstrap.yaml"), tmp_path)
    assert {"bootstrap", "labels", "reward", "noise", "layer_norm", "cloning", "discount", "rate"} <= {
        *whole.config.factors
    }
    experiment = settings.load("drqv2_lift_s3_v13.yaml")
    [faulty] = [cell.config for cell in whole.cells if cell.arm == "experiment=all faults" and cell.config.seed == 0]
    for section, key in (("task", "reward"), ("bootstrap", "mode"), ("net", "layer_norm"), ("replay", "gamma")):
        assert getattr(getattr(faulty, section), key) == getattr(getattr(experiment, section), key)
