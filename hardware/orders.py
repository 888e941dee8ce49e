"""What passes between the process that faces the world and the one that owns the servos."""

import msgspec

from control.modes import Word
from hardware.calibration import Calibration
from hardware.slot import Slot

SLOT_BYTES = 4096


class Task(msgspec.Struct, frozen=True):
    """What a driver is started with."""

    port: str
    baud: int
    calibration: Calibration
    lower_rad: tuple[float, ...]
    upper_rad: tuple[float, ...]
    speed_rad_s: tuple[float, ...]
    accel_rad_s2: tuple[float, ...]
    hz: float  # of commands
    leash_rad: tuple[float, ...]
    home_rad: tuple[float, ...]
    rest_rad: tuple[float, ...]
    slack_s: float  # of the bus


class Target(msgspec.Struct, frozen=True, tag="target"):
    """A client's command."""

    target_rad: tuple[float, ...]
    answers: int  # cycle of the telemetry it was computed from
    ttl_s: float


class Say(msgspec.Struct, frozen=True, tag="say"):
    """A word for the safety machine."""

    word: Word


class GoTo(msgspec.Struct, frozen=True, tag="go"):
    """Glide to these joints instead of home."""

    joints_rad: tuple[float, ...]


Order = Target | Say | GoTo


class Telemetry(msgspec.Struct, frozen=True):
    """One cycle of the driver. Lists are in the order of `control.types.JOINTS`."""

    cycle: int
    stamp_s: float  # of the monotonic clock, when the servos were read
    mode: str
    causes: list[str]
    faults: list[str]
    joints_rad: list[float]
    speed_rad_s: list[float]
    load: list[float]
    target_rad: list[float]
    limited: bool
    volts: list[float]
    celsius: list[float]
    amperes: list[float]
    success: float
    late: int
    worst_late_s: float
    counters: dict[str, int]


_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Telemetry).decode
encode_order, decode_order = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Order).decode
encode_task, decode_task = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Task).decode


def publish(slot: Slot, telemetry: Telemetry) -> None:
    data = _encode(telemetry)
    slot.write((len(data).to_bytes(4, "little") + data).ljust(SLOT_BYTES, b"\0"))


def newest(slot: Slot) -> Telemetry | None:
    """What was published last; None before the first time."""
    count, data = slot.read()
    return _decode(data[4 : 4 + int.from_bytes(data[:4], "little")]) if count else None
