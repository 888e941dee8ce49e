"""Measure this project against the bare limit, in the same run."""

import json as jsonlib
from typing import get_args

from tools.cli import load
from tools.flags.bench import TAKES_MINUTES, Arguments, Bench


def main(arguments: Arguments) -> None:
    quick = [name for name in get_args(Bench) if name not in (*TAKES_MINUTES, "all")]
    for name in quick if arguments.what == "all" else [arguments.what]:
        report = getattr(load(f"bench_{name}"), f"bench_{name}")()
        print(jsonlib.dumps({"bench": name} | report) if arguments.json else table(name, report))


def table(name: str, report: dict[str, float | str | tuple[float, ...]]) -> str:
    """One row per figure, or several that belong together, in the order the benchmark gives them."""
    rows = (f"  {key:<42}{_figure(value)}" for key, value in report.items())
    return "\n".join([name, *rows])


def _figure(value: float | str | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return "".join(f"{_figure(each):<10}" for each in value).rstrip()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
