"""Where the wrist camera sits, as numbers: a mount of the shipped facts, or one that `twinarm align` found."""

from pathlib import Path

import msgspec

from control import arm, config
from control.config import require
from control.errors import ConfigError

SHIPPED = "wide_angle_v5"


class Mount(msgspec.Struct, frozen=True):
    """A camera on the hand. It looks along its -z, y is up in the picture; `fovy_deg` is from top to bottom."""

    pos_m: tuple[float, float, float]  # in the hand's frame
    euler_rad: tuple[float, float, float]  # about x, the new y, the new z
    fovy_deg: float

    def __post_init__(self) -> None:
        require(
            max(map(abs, self.pos_m)) < 0.3, f"pos_m must be within 0.3 m of the hand, got {self.pos_m}; is it in mm?"
        )
        require(max(map(abs, self.euler_rad)) < 6.3, f"euler_rad must be radians, got {self.euler_rad}")
        require(5.0 < self.fovy_deg < 150.0, f"fovy_deg must be 5 to 150 degrees, got {self.fovy_deg}")


def mount(name: str | None) -> Mount:
    """The mount of that name in configs/so101.yaml, or in the YAML file at that path. Raises ConfigError."""
    shipped = arm.facts()["wrist_cameras"]
    if (name or SHIPPED) in shipped:
        return config.build(Mount, shipped[name or SHIPPED], str(name))
    if not Path(str(name)).is_file():
        raise ConfigError(f"no wrist camera {name}; there are: {', '.join(shipped)}, or a file of twinarm align")
    return config.build(Mount, config.read(str(name)), str(name))
