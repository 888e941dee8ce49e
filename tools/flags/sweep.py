"""The flags of `twinarm sweep`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Run a sweep; the same command again goes on with what is missing, and `report.md` grows with it."""

    sweep: tyro.conf.Positional[str]
    """File of the sweep, or the name of a shipped one such as sweeps/bootstrap.yaml."""

    workers: int | None = None
    """Runs at a time, one core each; default: as many as cores."""

    cluster: str | None = None
    """A Ray cluster to run on instead: its address, or local. Its machines must see OUTPUT as a common folder."""

    only: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Run the arms of these factors alone."""

    keep: Path | None = None
    """Keep what every finished run came to in this file, and run none again that it knows; default:
    OUTPUT/<name>/cells.jsonl."""

    output: Path = Path("runs/sweeps")
    """The sweep goes to OUTPUT/<name>/."""

    json: bool = False
    """Print one line of JSON for every finished run on stdout."""
