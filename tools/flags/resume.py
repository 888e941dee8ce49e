"""The flags of `twinarm resume`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Continue a run from its newest checkpoint, as if it had never stopped."""

    run: tyro.conf.Positional[Path]
    """Folder of the run, such as runs/latest."""

    robot: str | None = None
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm; default: the one it was begun on."""

    json: bool = False
    """Print the report as one line of JSON on stdout."""
