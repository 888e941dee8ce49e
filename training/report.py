"""What a run leaves for people: `report.json`, `report.md`, `curves.png` and `eval.mp4`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

from control.arm import Arm
from control.interfaces import Robot
from policies.learned import LearnedPolicy, notes_of
from policies.repeat import Repeat
from training.evaluate import EVALUATION_SEED, EpisodeResult, Report, Scored, evaluate, requests, sentence
from training.figures import PANELS, points, read
from training.film import Film, views
from training.learner import BEST, CLONED
from training.lift import LiftTask, load_reward
from training.settings import TrainConfig

matplotlib.use("Agg")
FILMED = 8  # episodes
Tell = Callable[[EpisodeResult], None]


def conclude(
    folder: Path, config: TrainConfig, robot: Robot, seconds: float, tell: Tell, film: bool = True
) -> dict[str, Any]:
    """Evaluate the run on unseen resets, after cloning and at its best; write and return the report."""
    final = examine(folder / BEST, config, robot, tell, folder / "eval.mp4" if film else None)
    report = final.summary() | {"policy_step": notes_of(folder / BEST).steps}
    if (folder / CLONED).exists():
        report["after_cloning"] = examine(folder / CLONED, config, robot, tell).summary()
    report |= {"stage": config.task.stage, "config": config.digest, "training_s": round(seconds, 1)}
    write(folder, config, report, final)
    return report


def examine(path: Path, config: TrainConfig, robot: Robot, tell: Tell, film: Path | None = None) -> Report:
    """Evaluate a saved policy on the run's task with evaluation seeds; film the first episodes where `film` says."""
    policy = LearnedPolicy.load(path, Arm.of(config.robot.model))
    task = config.task
    judge = LiftTask(load_reward(task.reward), config.replay.gamma)
    resets = requests(task, EVALUATION_SEED, config.schedule.final_episodes)
    repeated = Repeat(policy, policy.spaces)
    report = evaluate(robot, repeated, judge, resets, task.limit_steps, done=tell, arm=policy.spaces.arm)
    if film is not None:
        shoot(film, robot, repeated, judge, resets[:FILMED], task.limit_steps)
    return report


def shoot(path: Path, robot: Robot, policy: Any, judge: Scored, resets: list, limit_steps: int) -> None:
    """Film one episode for every reset."""
    with Film(path, robot.spec.hz) as film:
        for request in resets:
            film.caption = f"reset {request.seed}"
            outcome = evaluate(
                robot, policy, judge, [request], limit_steps, watch=lambda step: film.add(views(robot, step))
            )
            result = outcome.episodes[0]
            film.caption += f": {'lifted' if result.success else result.failure} after {result.time_s:.1f} s"
            film.linger()


def write(folder: Path, config: TrainConfig, report: dict[str, Any], final: Report) -> None:
    """Write all files; `report.json` comes last and whole, for whoever finds it takes the run for done."""
    (folder / "episodes.json").write_text(json.dumps(final.table(), indent=1) + "\n")
    (folder / "report.md").write_text(markdown(config, report))
    draw(folder, report)
    part, whole = folder / "report.json.part", folder / "report.json"
    part.write_text(json.dumps(report, indent=2) + "\n")
    part.replace(whole)


def markdown(config: TrainConfig, report: dict[str, Any]) -> str:
    """The report in words and a table."""
    rows = [(f"after reinforcement, best on validation: decision {report['policy_step']}", report)]
    if "after_cloning" in report:
        rows.insert(0, ("after cloning", report["after_cloning"]))
    table = "\n".join(f"| {name} | {_cells(row)} |" for name, row in rows)
    failures = "\n".join(f"| {kind} | {count} |" for kind, count in report["failures"].items()) or "| none | 0 |"
    return f"""# {config.name}, stage {config.task.stage}

{sentence(report)}. Simulated; no physical arm was involved.

| policy | success | n | 95 % interval | median time to lift | mean reward |
|---|---|---|---|---|---|
{table}

Trained for {report["training_s"]:.0f} s. Reward `{config.task.reward}`, bootstrap `{config.bootstrap.mode}`,
{config.bootstrap.clone_updates} cloning updates, {config.schedule.steps} decisions, seed {config.seed},
configuration {config.digest} (`config.yaml`).

| failure | episodes |
|---|---|
{failures}

![curves](curves.png)

Every episode: `episodes.json`. Film: `eval.mp4`. All figures over time: `metrics.jsonl`.
"""


def _cells(row: dict[str, Any]) -> str:
    time = "-" if row["median_time_s"] is None else f"{row['median_time_s']:.1f} s"
    return f"{row['success']:.1%} | {row['n']} | {row['low']:.1%}–{row['high']:.1%} | {time} | {row['mean_reward']:.3f}"


def draw(folder: Path, report: dict[str, Any], label: str = "policy kept, 95 % interval") -> None:
    """`curves.png`: success, values and losses over decisions; `report` as a point with its interval, where the policy
    that it tells of was kept, or else at the end."""
    rows = read(folder)
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 3.6), layout="constrained")
    last = max((row["step"] for row in rows), default=0)
    below, above = report["success"] - report["low"], report["high"] - report["success"]
    axes[0].errorbar(
        report.get("policy_step", last), report["success"], [[below], [above]], fmt="ko", capsize=4, label=label
    )
    axes[0].set_ylim(-0.03, 1.05)
    for axis, (title, lines) in zip(axes, PANELS, strict=True):
        for name, label in lines:
            found = points(rows, name)
            axis.plot([step for step, _ in found], [value for _, value in found], label=label)
        axis.set(ylabel=title, xlabel="decisions")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.savefig(folder / "curves.png", dpi=110)
    plt.close(figure)
