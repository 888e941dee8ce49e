"""`twinarm audit`: what rewards really pay, or whether demonstrations are fit to learn from."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from control import config
from control.errors import UserError
from tools.robots import EXPERIMENT
from training import settings
from training.audit_figure import draw
from training.reward_audit import COLUMNS, SUCCESS, Verdict, audit

TABLE_WIDTH = 130


@dataclass(frozen=True)
class Arguments:
    """Roll out success and the traps beside it, and say what each reward pays for them."""

    rewards: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names in configs/rewards.yaml; default: all of them."""

    config: str = EXPERIMENT
    """Configuration whose task, control rate and discount are audited."""

    resets: int = 3
    """From how many starts; the figures are means over them."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    output: Path = Path("runs/audit")
    """The figure goes to OUTPUT/<date>/audit.png."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""


def main(arguments: Arguments) -> None:
    """Audit, print the table, draw the figure."""
    console = Console(stderr=True)
    if arguments.resets < 1:
        raise UserError(f"--resets must be at least 1, got {arguments.resets}")
    chosen = settings.load(arguments.config, arguments.set)
    names = arguments.rewards or tuple(config.shipped("rewards.yaml"))
    with console.status("rolling out success and its traps"):
        rollouts, verdicts = audit(chosen, names, arguments.resets)
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    folder.mkdir(parents=True)
    draw(folder / "audit.png", rollouts, verdicts, chosen.replay.gamma)
    figures = [row(verdict) for verdict in verdicts]
    (folder / "audit.json").write_text(json.dumps(figures, indent=1) + "\n")
    show(console, verdicts, f"gamma {chosen.replay.gamma:g}, {chosen.robot.hz:g} Hz, stage {chosen.task.stage}")
    console.print(folder / "audit.png", soft_wrap=True)
    if arguments.json:
        print(json.dumps({"rewards": figures, "figure": str(folder / "audit.png")}))


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
