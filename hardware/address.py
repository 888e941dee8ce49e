"""Where an arm is: its port, its calibration and its cameras, as one YAML file.

port: /dev/serial/by-id/usb-1a86_USB_Single_Serial_58CD176683-if00
calibration: my_arm.json      # beside this file, or an absolute path
cameras:
  wrist_cam: {source: /dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0}
"""

from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from control import config
from control.config import RobotConfig, require
from control.errors import ConfigError
from hardware.arm import ServoArm
from hardware.bus import SLACK_S
from hardware.calibration import Calibration
from hardware.camera import Camera

FILE = "arm.yaml"
PLACES = (Path(FILE), Path.home() / ".config" / "twinarm" / FILE)


class CameraAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera: a device by path (an index may be another camera tomorrow), an MJPEG address or a film."""

    source: str | int
    size: tuple[int, int] = (480, 640)  # (H, W) it must have

    def __post_init__(self) -> None:
        index = str(self.source).isdigit()
        require(not index, f"source {self.source} is an index; name it as twinarm find does, by path")


class ArmAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of an arm's file."""

    port: str
    calibration: str
    cameras: dict[str, CameraAddress]
    slack_s: float = SLACK_S  # how long after its bytes an answer may come: a slow adapter needs more

    def __post_init__(self) -> None:
        require("wrist_cam" in self.cameras, f"cameras must have wrist_cam, got {', '.join(self.cameras) or 'none'}")
        require(0 < self.slack_s <= 0.1, f"slack_s must be above 0 and at most 0.1 seconds, got {self.slack_s}")


def located(path: Path | None) -> Path | None:
    """`path`, else the first of PLACES where a file is; None where there is none."""
    return path or next((place for place in PLACES if place.is_file()), None)


def read_address(path: Path) -> ArmAddress:
    """Raises ConfigError for a file that is none."""
    if not path.exists():
        raise ConfigError(f"there is no file {path}; twinarm find prints one to begin with")
    return config.build(ArmAddress, config.own(path), str(path))


def open_arm(path: Path | None, robot: RobotConfig) -> ServoArm:
    """The arm whose file is at `path`, else at the first of PLACES. Nothing moves.

    Raises:
        ConfigError: there is no such file, or it is not as it should be.
        CalibrationError, CameraError, DriverLost, UserError: what it names cannot be used; the message says why.
    """
    if (path := located(path)) is None:
        raise ConfigError(f"no {FILE} here nor in {PLACES[1].parent}; write one with port, calibration and cameras")
    address = read_address(path)
    calibration = Calibration.load(path.parent / address.calibration)
    with ExitStack() as opened:
        cameras = {
            name: opened.enter_context(closing(Camera(str(camera.source), robot.camera_px, camera.size)))
            for name, camera in address.cameras.items()
        }
        arm = ServoArm(robot, address.port, calibration, cameras, slack_s=address.slack_s)
        opened.pop_all()
        return arm
