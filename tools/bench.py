"""Measure this project against the bare limit, in the same run."""

import json as jsonlib
from dataclasses import dataclass
from typing import Literal

import tyro

from tools.cli import load


@dataclass(frozen=True)
class Arguments:
    """Measure this project's figure, the bare limit beside it, and their ratio."""

    what: tyro.conf.Positional[Literal["env", "update", "wire", "bus", "driver", "safety", "all"]] = "all"
    """env (simulation with the wrist camera), update (of the learner), wire (a round trip), bus (a cycle on the servos'
    line), driver (its punctuality under load), safety (an arm when something is gone; minutes), or all but safety."""

    json: bool = False
    """Print one line of JSON per benchmark instead of the table."""


def main(arguments: Arguments) -> None:
    names = ("env", "update", "wire", "bus", "driver") if arguments.what == "all" else (arguments.what,)
    for name in names:
        report = getattr(load(f"bench_{name}"), f"bench_{name}")()
        print(jsonlib.dumps({"bench": name} | report) if arguments.json else table(name, report))


def table(name: str, report: dict[str, float | str]) -> str:
    """One row per figure, in the order the benchmark gives them."""
    rows = (f"  {key:<32}{_figure(value)}" for key, value in report.items())
    return "\n".join([name, *rows])


def _figure(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
