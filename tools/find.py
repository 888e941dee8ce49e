"""`twinarm find`: serial ports and who is on them, cameras and what they see."""

import json as jsonlib
from datetime import datetime
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

from control.errors import UserError
from control.types import JOINTS
from hardware.calibrating import IDS
from hardware.discovery import Port, Source, cameras, ports
from tools.flags.find import Arguments


def main(arguments: Arguments) -> None:
    """Show both lists, and what an arm's file would say."""
    console = Console(stderr=True)
    with console.status("asking every port and camera"):
        found_ports, found_cameras = list(ports(arguments.devices)), list(cameras(arguments.devices))
    folder = arguments.output / datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    pictures = [save(folder / f"camera_{n}.png", source) for n, source in enumerate(found_cameras)]
    rows = Table("", "name", "found", box=None, pad_edge=False)
    for port in found_ports:
        rows.add_row("port", port.name, port.trouble or servos(port))
    for source, picture in zip(found_cameras, pictures, strict=True):
        rows.add_row("camera", source.name, source.trouble or f"picture in {picture}")
    if not (found_ports or found_cameras):
        console.print(f"no serial ports and no cameras in {arguments.devices}; are they plugged in?", soft_wrap=True)
    elif not arguments.json:
        console.print(rows, soft_wrap=True)
    arms = [port.name for port in found_ports if set(IDS) <= set(port.ids)]
    eyes = [source.name for source in found_cameras if not source.trouble]
    if arms and not arguments.json:
        console.print(f"\nan arm.yaml to begin with:\n\n{suggestion(arms[0], eyes)}", soft_wrap=True, highlight=False)
    if arguments.json:
        told = {"ports": {port.name: port.ids for port in found_ports}, "cameras": eyes, "pictures": pictures}
        print(jsonlib.dumps(told, default=str))


def servos(port: Port) -> str:
    """Who answers on a port, in words."""
    if not port.ids:
        return f"no servo at 1 Mbaud; twinarm setup-servos {port.name} looks at other rates"
    if port.ids == IDS:
        return f"all {len(JOINTS)} servos of an arm"
    missing = ", ".join(str(id) for id in IDS if id not in port.ids)
    return f"servos {', '.join(map(str, port.ids))}" + (f"; of an arm's {missing} missing" if missing else "")


def suggestion(port: str, eyes: list[str]) -> str:
    """The text of an arm's file."""
    camera = eyes[0] if eyes else "the wrist camera's name"
    return f"port: {port}\ncalibration: calibration.json\ncameras:\n  wrist_cam: {{source: {camera}}}"


def save(path: Path, source: Source) -> Path | None:
    """Where the camera's picture went; None where it gave none. Raises UserError where it cannot be written."""
    if source.picture is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), source.picture[..., ::-1]):
        raise UserError(f"{path} cannot be written; give --output another folder")
    return path
