"""The flags of `twinarm review`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Arguments:
    """List a dataset's episodes, or look at one: a contact sheet and a film; label it otherwise, or discard it."""

    dataset: tyro.conf.Positional[Path]
    """Folder of the dataset."""

    episode: int | None = None
    """Which one to look at; default: all of them are listed."""

    label: Literal["success", "failure"] | None = None
    """Say this of --episode from now on."""

    discard: bool = False
    """Move --episode to the folder discarded/ in the dataset. Nothing is deleted."""

    json: bool = False
    """Print one line of JSON on stdout."""
