"""`twinarm limits`: whether an arm kept its limits, by the twin's own record."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from control.errors import UserError
from hardware import black_box
from hardware.extremes import extremes
from tools.flags.limits import Arguments


def main(arguments: Arguments) -> int:
    """Print the worst beside the limit."""
    rows = black_box.read(arguments.record)
    found = list(extremes(rows))
    if not found:
        raise UserError(
            f"{arguments.record}: torque was never on for a tenth of a second, so there is nothing to judge"
        )
    broken = [extreme for extreme in found if not extreme.kept]
    if arguments.json:
        for extreme in found:
            print(json.dumps(asdict(extreme) | {"kept": extreme.kept}))
        return int(bool(broken))
    console = Console()
    table = Table("", "worst", "limit", "", box=None)
    for extreme in found:
        words = (extreme.what, f"{extreme.worst:.3f}", f"{extreme.limit:.3f}", extreme.unit)
        table.add_row(*words, style="" if extreme.kept else "red")
    console.print(table)
    minutes = len(rows) * black_box.ROW_S / 60
    console.print(f"{len(broken)} of {len(found)} limits broken in {minutes:.1f} minutes")
    return int(bool(broken))
