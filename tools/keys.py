"""`twinarm keys`: who may reach a robot from another machine, and as what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from control.errors import UserError
from control.keys import PLACE, TICKET, Keys, read_keys, write


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


def main(arguments: Arguments) -> None:
    """Change, and list."""
    console = Console(stderr=True)
    if arguments.dismiss:
        write(arguments.keys, read_keys(arguments.keys).dismiss(arguments.dismiss))
    if arguments.admit:
        admit(arguments, arguments.admit, console)
    for name, client in read_keys(arguments.keys).clients.items():
        print(f"{name}: {client.role}")


def admit(arguments: Arguments, name: str, console: Console) -> None:
    """Raises UserError for a name or a file that is taken."""
    path = arguments.ticket or Path(f"{name}.ticket.yaml")
    if path.exists():
        raise UserError(f"{path} exists already; give --ticket another name")
    known = read_keys(arguments.keys) if arguments.keys.is_file() else Keys.draw()
    known, ticket = known.admit(name, arguments.role)
    write(path, ticket)
    write(arguments.keys, known)
    console.print(
        f"{path}: carry it to {name}'s machine, then export {TICKET}={path.name} there; "
        f"serve with --keys {arguments.keys}",
        soft_wrap=True,
    )
