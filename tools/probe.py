"""`twinarm probe`: whether a real servo does what the emulated one does on a third party's word."""

import json
from dataclasses import asdict
from functools import partial

from rich.console import Console
from rich.table import Table

from control.errors import UserError
from hardware.cadence import Finding
from hardware.packets import BROADCAST
from hardware.probing import probe, require_fit, switched_off_and_on
from tools.flags.probe import Arguments
from tools.person import await_enter

FREE = (
    "The servo must be free to turn by some degrees, best alone and without the arm. It will be switched on gently, "
    "and let go."
)
NOBODY = "somebody must see that the servo is free to turn; run it in a terminal, or say --allow-motion"


def main(arguments: Arguments) -> int:
    """Ask, and set side by side."""
    if not 0 <= arguments.id < BROADCAST:
        raise UserError(f"--id must be 0 to {BROADCAST - 1}, got {arguments.id}")
    require_fit(arguments.port, arguments.id)
    if not arguments.allow_motion:
        await_enter(FREE, NOBODY)
    found = list(probe(arguments.port, arguments.id))
    show(found, arguments.json)
    if arguments.power:
        switch = partial(await_enter, "Switch the servo's supply off and on.", "somebody must switch the supply")
        found.append(switched_off_and_on(arguments.port, arguments.id, switch))
        show(found[-1:], arguments.json)
    return int(not all(finding.alike for finding in found))


def show(found: list[Finding], as_json: bool) -> None:
    """The table, or the lines."""
    if as_json:
        for finding in found:
            print(json.dumps(asdict(finding)))
        return
    table = Table("", "emulated", "this servo", box=None)
    for finding in found:
        table.add_row(finding.behaviour, finding.emulated, finding.seen, style="" if finding.alike else "red")
    console = Console()
    console.print(table)
    differing = sum(not finding.alike for finding in found)
    console.print(f"{len(found) - differing} of {len(found)} behaviours are as emulated")
