"""`twinarm keys`: who may reach a robot from another machine, and as what."""

from pathlib import Path

from rich.console import Console

from control.errors import UserError
from control.keys import TICKET, Keys, read_keys, write
from tools.flags.keys import Arguments


def main(arguments: Arguments) -> None:
    """Change, and list."""
    console = Console(stderr=True)
    if arguments.dismiss:
        write(arguments.keys, read_keys(arguments.keys).dismiss(arguments.dismiss))
        console.print(f"what is served with these keys lets {arguments.dismiss} in until it is served anew")
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
        f"serve with --keys {arguments.keys}, anew if it is served already",
        soft_wrap=True,
    )
