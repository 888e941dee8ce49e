"""The main job, small: one command from nothing to a film, twice."""

import json

import msgspec
import pytest
import yaml

from tools import demo
from tools.bench_env import bench_env
from tools.cli import main
from training import settings

SMALL = (
    *("name=small", "robot.camera_px=24", "spaces.camera_px=24", "task.limit_steps=30", "demos.episodes=2"),
    *("net.strides=[3,2]", "net.channels=8", "net.hidden=32", "replay.batch=16", "bootstrap.clone_updates=10"),
    "bootstrap.variations=2",
    *("schedule.steps=20", "schedule.eval_every=20", "schedule.eval_episodes=1", "schedule.final_episodes=2"),
)


def test_variations_that_nobody_could_draw_are_refused_before_anything_is_recorded(tmp_path, capsys):
    assert main(["demo", "--config", "lift_few.yaml", "--robot", "twin", "--output", str(tmp_path / "runs")]) == 2
    assert "bootstrap.variations is 40, and only a simulator in this process draws them" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_main_job_ends_in_figures_and_files_and_the_second_time_names_the_first(tmp_path, capsys):
    config, runs = tmp_path / "small.yaml", tmp_path / "runs"
    config.write_text(yaml.safe_dump(msgspec.to_builtins(settings.load("lift_fast.yaml", SMALL))))
    words = ["demo", "--config", str(config), "--stage", "1", "--output", str(runs), "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first["stage"] == "lifted" and first["n"] == first["after_cloning"]["n"] == 2
    folder = (runs / "latest").resolve()
    for name in (
        "report.md",
        "report.json",
        "curves.png",
        "eval.mp4",
        "policy.safetensors",
        "config.yaml",
        "metrics.jsonl",
    ):
        assert (folder / name).stat().st_size > 0, name
    assert main(words) == 0
    assert str(folder) in capsys.readouterr().err.replace("\n", "")
    assert folder.is_dir() and (runs / "latest").resolve() != folder


@pytest.mark.parametrize(
    ("chosen", "name", "stage"),
    [
        ({}, "lift_fast", "near"),
        ({"stage": "0"}, "lift_home", "home"),
        ({"config": "lift_wild.yaml"}, "lift_wild", "home"),
        ({"config": "lift_wild.yaml", "stage": "far"}, "lift_wild", "far"),
    ],
)
def test_the_stage_is_the_flags_or_else_the_configurations(chosen, name, stage):
    config = demo.configured(demo.Arguments(**chosen))
    assert (config.name, config.task.stage) == (name, stage)


@pytest.mark.clock  # beside other tests bare physics may take longer than ours
def test_the_environment_benchmark_compares_with_the_bare_loop():
    figures = bench_env(rounds=2)
    assert figures["steps_per_s"] > 50 and figures["ratio"] > 1
    assert 0 < figures["overhead_ms"] < figures["ours_ms"]
