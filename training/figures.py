"""A run's figures as they were written: rows of `metrics.jsonl`, and which of them are looked at together."""

import json
from pathlib import Path
from typing import Any

from control.errors import UserError

FILE = "metrics.jsonl"
PANELS = (
    ("success", (("validation_success", "validation"), ("success", "exploring, last 20 episodes"))),
    ("value", (("q", "critic, batch mean"), ("target_q", "its target"))),
    ("loss", (("critic_loss", "critic"), ("clone_distance", "distance to demonstrated actions"))),
)


def read(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run, oldest first, but what a kill or a power cut left of one. Raises UserError without a file."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{folder} is no run: it has no {FILE}")
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


def points(rows: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    """One figure over decisions; an exploring agent's success is the mean of its last 20 episodes."""
    found = [(row["step"], row[name]) for row in rows if isinstance(row.get(name), float | int)]
    if name != "success":
        return found
    values = smooth([value for _, value in found], 20)
    return [(step, value) for (step, _), value in zip(found, values, strict=True)]


def smooth(values: list[float], window: int) -> list[float]:
    """The mean of each value and up to `window` - 1 before it."""
    return [sum(values[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(values))]
