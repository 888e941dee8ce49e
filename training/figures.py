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
    """The rows of a run, oldest first; a row that a kill cut short is left out. Raises UserError without a file."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{folder} is no run: it has no {FILE}")
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
