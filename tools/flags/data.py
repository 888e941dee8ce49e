"""The flags of `twinarm data`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from tools.shipped import FAST


@dataclass(frozen=True)
class Arguments:
    """What is in datasets; whether it can be read and learned from; one made of several, two of one; and what a crash
    left, saved."""

    action: tyro.conf.Positional[Literal["info", "check", "merge", "split", "recover"]]
    """info: what they hold. check: whether every episode can be read, and fits learning. merge: all in one. split: a
    share of one, and the rest. recover: what a killed recorder left."""

    datasets: tyro.conf.Positional[tuple[Path, ...]]
    """Folders."""

    output: Path | None = None
    """Folder of what merge makes; split makes OUTPUT/first and OUTPUT/second."""

    share: float = 0.8
    """Of the episodes that go to the first part of a split."""

    seed: int = 0
    """Which ones those are."""

    any_calibration: bool = False
    """Merge even what arms of different calibrations recorded."""

    config: str = FAST
    """Configuration under which check looks at what can be learned."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON on stdout."""
