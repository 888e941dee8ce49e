"""The flags of `twinarm keys`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PLACE = Path.home() / ".config" / "twinarm" / "keys.yaml"


@dataclass(frozen=True)
class Arguments:
    """List, admit or dismiss clients of the robots on this machine. The first one admitted makes the machine's keys."""

    admit: str | None = None
    """Name of a new client; its ticket is written to --ticket, to be carried to its machine by a safe way."""

    role: Literal["observer", "commander", "operator"] = "commander"
    """observer: looks and stops. commander: drives. operator: clears what is latched, parks, lets go."""

    ticket: Path | None = None
    """New file for the admitted client's ticket; default: NAME.ticket.yaml here."""

    dismiss: str | None = None
    """Name of a client that may no longer come; serve anew for it to count."""

    keys: Path = PLACE
    """This machine's keys, for serve --keys."""
