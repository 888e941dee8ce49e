"""What is plugged in: serial ports and cameras, each by a name that it will have tomorrow, too."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from control.errors import BusError, CameraError, PortError
from hardware.bus import Bus
from hardware.camera import Camera

DEVICES = Path("/dev")
THUMBNAIL_PX = 240


@dataclass(frozen=True)
class Port:
    """A serial port, and who answers on it."""

    name: str
    ids: tuple[int, ...]
    trouble: str = ""  # why nobody could be asked


@dataclass(frozen=True)
class Source:
    """A camera, and what it sees: (H, W, 3) uint8, None where it shows nothing."""

    name: str
    picture: np.ndarray | None
    trouble: str = ""


def ports(devices: Path = DEVICES) -> Iterator[Port]:
    """Every port that servos could be on, each asked who is there at our baud rate. Nothing moves."""
    for path in lasting(devices / "serial" / "by-id", sorted([*devices.glob("ttyACM*"), *devices.glob("ttyUSB*")])):
        try:
            with closing(Bus(str(path))) as bus:
                yield Port(str(path), tuple(sorted(status.id for status in bus.everyone())))
        except (PortError, BusError) as error:
            yield Port(str(path), (), str(error))


def cameras(devices: Path = DEVICES) -> Iterator[Source]:
    """Every camera, each looked through once."""
    for path in lasting(devices / "v4l" / "by-path", sorted(devices.glob("video*"))):
        try:
            with closing(Camera(str(path), THUMBNAIL_PX, None)) as camera:
                yield Source(str(path), camera.newest().rgb)
        except CameraError as error:
            yield Source(str(path), None, str(error))


def lasting(names: Path, devices: list[Path]) -> list[Path]:
    """The links in `names`, and of the devices those that none of them points to."""
    links = sorted(names.iterdir()) if names.is_dir() else []
    named = {link.resolve() for link in links}
    return [*links, *(device for device in devices if device.resolve() not in named)]
