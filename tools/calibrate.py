"""`twinarm calibrate`: which reading of each servo is which angle of its joint, found by hand."""

import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from control.arm import Arm
from control.errors import CalibrationError, UserError
from control.outputs import have_room
from control.types import JOINTS
from hardware.bus import Bus
from hardware.calibrating import IDS, Calibrating, Reach, strange, write
from hardware.calibration import Calibration
from tools.flags.calibrate import Arguments
from tools.person import await_enter, await_line

LOOK_S = 0.02
NOBODY = "calibrating takes somebody who holds the arm and presses Enter; run it in a terminal"
ZERO = (
    "Hold the arm as docs/images/zero.png shows it: straight ahead, upper arm upright, forearm level, the hand in line "
    "with it, its fingers one above the other and ten degrees from shut."
)


def main(arguments: Arguments) -> None:
    """Guide through it, let the servos remember it, keep it."""
    console = Console(stderr=True)
    if arguments.export is not None and arguments.export.exists():
        raise UserError(f"{arguments.export} is there already; name another file for --export")
    arm = Arm.from_facts()
    limits = {name: (float(arm.lower_rad[j]), float(arm.upper_rad[j])) for j, name in enumerate(JOINTS)}
    if arguments.output.is_dir():
        raise UserError(f"{arguments.output} is a folder; give --output a file")
    for place in filter(None, (arguments.output, arguments.export)):
        have_room(place)
    with closing(Bus(arguments.port, slack_s=arguments.slack_ms / 1e3, retries=2)) as bus:
        if arguments.lerobot is None:
            calibration = by_hand(bus, limits, console)
        else:
            calibration = Calibration.from_lerobot(read_lerobot(arguments.lerobot), limits)
            be_sure(bus, calibration, arguments.lerobot)
            let_go(bus, limits)
        calibration.save(arguments.output)
        changed = write(bus, calibration)
    if arguments.export is not None:
        arguments.export.write_bytes(msgspec.json.format(msgspec.json.encode(calibration.to_lerobot()), indent=4))
    kept = f"calibration {calibration.digest}: {arguments.output}; the servos now remember it ({changed} registers)"
    console.print(kept, soft_wrap=True)
    if arguments.json:
        print(msgspec.json.encode(calibration).decode())


def be_sure(bus: Bus, calibration: Calibration, path: Path) -> None:
    """LeRobot leaves in the servos what its file says, so one that holds something else may be another arm's, and with
    that one's zero this one would hurt itself. Raises UserError where nobody says that it is not.
    """
    if differing := strange(bus, calibration):
        doubt = f"{path} may be another arm's: {'; '.join(differing)}"
        here = f"{doubt}; if it is this arm's all the same, say so in a terminal, else calibrate it by hand"
        await_enter(f"{doubt}. Stop here with Ctrl-C, unless you know that it is this arm's.", here)


def let_go(bus: Bus, limits: Mapping[str, tuple[float, float]]) -> None:
    """Whoever holds while its zero moves would swing there. Raises CalibrationError where a servo is missing."""
    if any(bus.ping(id) is not None and bus.read(id, "torque_enable") for id in IDS):
        await_enter("The arm will go limp and fall: hold it.", NOBODY)
    Calibrating.of(bus, limits)


def by_hand(bus: Bus, limits: Mapping[str, tuple[float, float]], console: Console) -> Calibration:
    """Raises CalibrationError where what was found is not this arm; nothing is written then."""
    await_enter("The arm will go limp and fall: hold it.", NOBODY)
    calibrating = Calibrating.of(bus, limits)
    while True:
        await_enter(ZERO, NOBODY)
        try:
            calibrating.hold_zero()
        except CalibrationError as error:
            console.print(f"{error}")
            continue
        break
    console.print("Now move every joint to both of its stops, slowly; Enter when all are green.")
    done = threading.Event()
    threading.Thread(target=_await_line, args=(done,), daemon=True).start()
    with Live(console=console, refresh_per_second=10) as live:
        while not done.is_set():
            live.update(table(calibrating.look()))
            time.sleep(LOOK_S)
    return calibrating.result()


def _await_line(done: threading.Event) -> None:
    with suppress(UserError):
        await_line(NOBODY)
    done.set()


def table(reaches: Mapping[str, Reach]) -> Table:
    """How far each joint has been, in degrees."""
    rows = Table("joint", "lowest", "of", "highest", "of", "", box=None, pad_edge=False)
    for name, reach in reaches.items():
        low, high, *limits = np.degrees((reach.lowest_rad, reach.highest_rad, *reach.limits_rad))
        mark = "[green]both stops[/]" if reach.enough else "[yellow]further[/]"
        rows.add_row(name, f"{low:.0f}", f"{limits[0]:.0f}", f"{high:.0f}", f"{limits[1]:.0f}", mark)
    return rows


def read_lerobot(path: Path) -> dict[str, object]:
    """Raises CalibrationError for a file that is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except FileNotFoundError:
        raise CalibrationError(f"there is no {path}; LeRobot keeps them below ~/.cache/huggingface/lerobot") from None
    except OSError as error:
        raise CalibrationError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise CalibrationError(f"{path} is no calibration of LeRobot's: {error}") from None
