"""The flags of `twinarm limits`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Judge a record that `twinarm twin --log` made: how far each joint went, how fast, how hard. Exit status 1 where
    a limit was broken."""

    record: tyro.conf.Positional[Path]
    """The record."""

    json: bool = False
    """Print one line of JSON for each limit instead of the table."""
