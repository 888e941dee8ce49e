"""What the page's second tab shows: the runs in a folder, and one run's figures over time."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from control.errors import UserError
from training.figures import FILE, PANELS, points, read

REPORT = "report.json"
MOST, POINTS = 200, 400  # runs that are listed, points of a line
TOLD = ("success", "n", "low", "high", "median_time_s", "stage")


def listed(root: Path) -> bytes:
    """The newest runs and evaluations below `root`, newest first."""
    folders = {path.parent for name in (FILE, REPORT) for path in root.rglob(name) if not path.parent.is_symlink()}
    return msgspec.json.encode([row(root, folder) for folder in sorted(folders, key=age, reverse=True)[:MOST]])


def row(root: Path, folder: Path) -> dict[str, Any]:
    """A run in a line."""
    report = reported(folder)
    told = {name: report[name] for name in TOLD if name in report}
    return {"path": str(folder.relative_to(root)), "at_s": age(folder), "curves": (folder / FILE).is_file(), **told}


def age(folder: Path) -> float:
    """When it was last written to, for a list that is sorted."""
    return max(path.stat().st_mtime for name in (FILE, REPORT) if (path := folder / name).is_file())


def reported(folder: Path) -> dict[str, Any]:
    """What its report says; nothing before there is one."""
    try:
        report = json.loads((folder / REPORT).read_text())
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def curves(root: Path, query: str) -> bytes:
    """One run: its report, and its figures in panels of lines of points (step, value).

    Raises:
        UserError: there is no such run.
    """
    folder = (root / parse_qs(query).get("run", [""])[0]).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise UserError("that is not a run of this folder")
    rows = read(folder) if (folder / FILE).is_file() else []
    panels = [
        {"title": title, "lines": [{"label": label, "points": thinned(points(rows, name))} for name, label in lines]}
        for title, lines in PANELS
    ]
    return msgspec.json.encode({"report": reported(folder), "panels": panels})


def thinned(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most POINTS of them, the last one among them; each is the mean of those it stands for."""
    share = -(-len(line) // POINTS)
    groups = [line[i : i + share] for i in range(0, len(line), share)] if line else []
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
