"""`twinarm audit`: what rewards really pay, or whether demonstrations are fit to learn from."""

import json
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from control import config
from control.arm import Arm
from control.datasets import Dataset
from control.errors import UserError
from policies.spaces import Spaces
from tools.flags.audit import Arguments
from training import data_audit, settings
from training.audit_figure import draw
from training.collect import action_space
from training.data_audit import Finding
from training.lift import load_reward
from training.reward_audit import COLUMNS, SUCCESS, Verdict, audit, hover_worth
from training.settings import TrainConfig

TABLE_WIDTH = 130


def main(arguments: Arguments) -> None:
    """Audit, print the table, draw the figure or list the findings."""
    console = Console(stderr=True)
    if arguments.resets < 1:
        raise UserError(f"--resets must be at least 1, got {arguments.resets}")
    chosen = settings.load(arguments.config, arguments.set)
    if arguments.dataset is not None:
        return about_data(chosen, Dataset.open(arguments.dataset), console, arguments.json)
    names = arguments.rewards or tuple(config.shipped("rewards.yaml"))
    arguments.output.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with console.status("rolling out success and its traps"):
        rollouts, verdicts = audit(chosen, names, arguments.resets)
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    folder.mkdir()
    draw(folder / "audit.png", rollouts, verdicts, chosen.replay.gamma)
    figures = [row(verdict) for verdict in verdicts]
    (folder / "audit.json").write_text(json.dumps(figures, indent=1) + "\n")
    show(console, verdicts, f"gamma {chosen.replay.gamma:g}, {chosen.robot.hz:g} Hz, stage {chosen.task.stage}")
    console.print(folder / "audit.png", soft_wrap=True)
    if arguments.json:
        print(json.dumps({"rewards": figures, "figure": str(folder / "audit.png")}))


def about_data(chosen: TrainConfig, dataset: Dataset, console: Console, as_json: bool) -> None:
    """Every finding, one a line. Raises UserError where the dataset was recorded for other settings."""
    wanted, recorded = (action_space(chosen.spaces), chosen.robot.hz), (dataset.info.action_space, dataset.info.hz)
    if wanted != recorded:
        theirs, ours = (f"{space} at {hz:g} Hz" for space, hz in (recorded, wanted))
        words = f"{dataset.folder} holds actions of {theirs}, the configuration's are {ours}"
        raise UserError(f"{words}; name its --config")
    if (camera := chosen.spaces.camera) not in dataset.info.cameras:
        theirs = ", ".join(dataset.info.cameras)
        raise UserError(f"spaces.camera is {camera}, {dataset.folder} holds pictures of {theirs}; name one of these")
    findings = look_at(chosen, dataset)
    for finding in findings:
        tell(console, finding)
    if as_json:
        print(json.dumps({finding.name: {"fine": finding.fine, "words": finding.words} for finding in findings}))


def look_at(chosen: TrainConfig, dataset: Dataset) -> list[Finding]:
    """The findings of a data audit under the configuration's reward, spaces and replay."""
    spaces, replay = Spaces(chosen.spaces, Arm.of(chosen.robot.model)), chosen.replay
    findings = data_audit.audit(dataset, spaces, load_reward(chosen.task.reward), replay.gamma, hover_worth(chosen))
    steps = [dataset.outcome(index).steps for index in dataset.indices()]
    variations, repeat = chosen.bootstrap.variations, chosen.spaces.action_repeat
    return [*findings, data_audit.room(steps, repeat, variations, replay.capacity)]


def warn(chosen: TrainConfig, dataset: Dataset, console: Console) -> None:
    """Say what is wrong with demonstrations, or that nothing is."""
    findings = look_at(chosen, dataset)
    faults = [finding for finding in findings if not finding.fine]
    for finding in faults:
        tell(console, finding)
    if not faults:
        console.print(f"data audit: {', '.join(finding.name for finding in findings)}: all fine", soft_wrap=True)


def tell(console: Console, finding: Finding) -> None:
    mark = "[green]fine[/green]" if finding.fine else "[yellow]warning[/yellow]"
    console.print(f"data audit: {mark}: {finding.name}: {finding.words}", soft_wrap=True)


def row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values."""
    values = {name: {column: getattr(worth, column) for column in COLUMNS} for name, worth in verdict.values.items()}
    margins = {column: verdict.margin(column) for column in COLUMNS}
    best = {column: verdict.trap(column) for column in COLUMNS}
    beaten_by = {"traps": verdict.traps, "best_trap": best}
    return {"reward": verdict.reward, "sound": verdict.sound} | beaten_by | {"margin": margins, "values": values}


def show(console: Console, verdicts: list[Verdict], title: str) -> None:
    """One row a reward: success against the best trap, in every column."""
    table = Table(title=title, title_justify="left")
    for name in ("reward", *(f"{column}: success / best trap" for column in COLUMNS), "verdict"):
        table.add_column(name, justify="left" if name in ("reward", "verdict") else "right")
    for verdict in verdicts:
        cells = (_duel(verdict, column) for column in COLUMNS)
        colour = "green" if verdict.sound else "red"
        word = "sound" if verdict.sound else f"invites to {', '.join(verdict.traps)}"
        table.add_row(verdict.reward, *cells, f"[{colour}]{word}[/{colour}]")
    Console(stderr=True, width=max(console.width, TABLE_WIDTH)).print(table)


def _duel(verdict: Verdict, column: str) -> str:
    trap = verdict.trap(column)
    won, lost = (getattr(verdict.values[name], column) for name in (SUCCESS, trap))
    return f"{won:.3g} / {lost:.3g} {trap} ({verdict.margin(column):+.0%})"
