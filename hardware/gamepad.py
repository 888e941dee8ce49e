"""An operator at a gamepad, as Linux's joystick interface tells it: eight bytes for everything that changes.

Nothing moves unless the dead-man is held. Nothing comes from a pad that lies still, so what is known of it is what it
said last; one that is unplugged is told by the system, and counts as let go. Over radio that takes the driver seconds.
"""

import errno
import fcntl
import os
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from control import config
from control.config import require
from control.errors import UserError
from control.operating import AXES, Intent, Order

EVENT = struct.Struct("<IhBB")  # milliseconds, value, kind, number
BUTTON, AXIS, AT_FIRST = 0x01, 0x02, 0x80  # AT_FIRST: how it stood when it was opened
FULL = 32767
DEAD_SHARE = 0.12  # of a stick's travel around its rest: springs do not bring it back exactly
NAME_REQUEST, NAME_BYTES = 0x80006A13, 128  # JSIOCGNAME
READ_BYTES = 64 * EVENT.size
AGAIN_S = 0.5  # between tries to open one that was unplugged
PLACE = Path("/dev/input")


class Stick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One axis of the pad."""

    number: int
    axis: Literal["x", "y", "z", "roll", "gripper"]
    share: float  # of full speed, at full travel
    rest: float = 0.0  # where it springs back to, in [-1, 1]

    def __post_init__(self) -> None:
        require(-1 <= self.share <= 1, f"share must be within -1 and 1, got {self.share}")
        require(self.rest in (-1.0, 0.0), f"rest must be 0, or -1 for a trigger, got {self.rest}")

    def motion(self, value: int) -> float:
        """What a reading of it wants."""
        travel = (value / FULL - self.rest) / (1.0 - self.rest)
        beyond = max(0.0, min(1.0, (abs(travel) - DEAD_SHARE) / (1.0 - DEAD_SHARE)))
        return self.share * (beyond if travel > 0 else -beyond)


class GamepadMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one make of gamepad means."""

    names: list[str]
    hold: int  # the button that is the dead-man
    sticks: list[Stick]
    orders: dict[int, Order]

    def __post_init__(self) -> None:
        require(self.hold not in self.orders, f"button {self.hold} is the dead-man and gives an order as well")


def maps() -> dict[str, GamepadMap]:
    """Those that are shipped, by name."""
    return {
        name: config.build(GamepadMap, values, f"gamepads.yaml, {name}")
        for name, values in config.shipped("gamepads.yaml").items()
    }


def map_of(name: str) -> GamepadMap:
    """The one for a gamepad of this name."""
    known = list(maps().values())
    return next((one for one in known if any(word in name.lower() for word in one.names)), known[0])


class Gamepad:
    """A joystick device, or anything that brings its bytes.

    Args:
        path: such as /dev/input/js0; the first that there is.
        tell: is told in words what somebody should know.
    Raises:
        UserError: there is none, it may not be read, or it is no joystick.
    """

    def __init__(self, path: Path | None, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic):
        found = path or min(PLACE.glob("js*"), default=None)
        if found is None:
            raise UserError(f"no gamepad in {PLACE}; plug one in, or name its device: gamepad:/dev/input/js0")
        self._path, self._tell, self._clock = found, tell, clock
        self._fd: int | None = opened(found)
        self.map = map_of(_name(self._fd))
        self._orders: list[Order] = []
        self._lost_s = 0.0
        self._forget()

    def intent(self) -> Intent | None:
        """What the sticks want; None while the dead-man is not held."""
        self._listen()
        if not self._held:
            return None
        shares = dict.fromkeys(AXES, 0.0)
        for stick in self.map.sticks:
            if stick.number in self._values:
                shares[stick.axis] += stick.motion(self._values[stick.number])
        return Intent(tuple(max(-1.0, min(1.0, share)) for share in shares.values()))

    def orders(self) -> tuple[Order, ...]:
        """What buttons asked for since the last question."""
        self._listen()
        given, self._orders = tuple(self._orders), []
        return given

    def close(self) -> None:
        """Let go of the device."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def _forget(self) -> None:
        self._rest, self._held = b"", False
        self._values: dict[int, int] = {}  # of axes, by number

    def _listen(self) -> None:
        if self._fd is None:
            self._find_again()
        while self._fd is not None:
            try:
                data = os.read(self._fd, READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        for _, value, kind, number in EVENT.iter_unpack(data[:whole]):
            if kind & ~AT_FIRST == AXIS:
                self._values[number] = value
            elif kind == BUTTON:  # one that was down when the pad was opened was not pressed for us
                self._press(number, bool(value))

    def _press(self, number: int, down: bool) -> None:
        if number == self.map.hold:
            self._held = down
        elif down and number in self.map.orders:
            self._orders.append(self.map.orders[number])

    def _lose(self) -> None:
        self.close()
        self._forget()
        self._lost_s = self._clock()
        self._tell(f"the gamepad at {self._path} is gone: the arm stands; plug it in again, or press q")

    def _find_again(self) -> None:
        if self._clock() - self._lost_s < AGAIN_S or not self._path.exists():
            return
        self._lost_s = self._clock()
        try:
            self._fd = opened(self._path)
        except UserError:
            return  # its permissions come a moment after it
        self._tell(f"the gamepad at {self._path} is back")


def opened(path: Path) -> int:
    """Its file descriptor, which never blocks. Raises UserError with what to do about it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        advice = "join the group input and log in again" if error.errno == errno.EACCES else "is it plugged in?"
        raise UserError(f"no gamepad at {path}: {os.strerror(error.errno or 0)}; {advice}") from None
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        os.close(fd)
        raise UserError(f"{path} is no gamepad; the first one is {PLACE}/js0")
    return fd


def _name(fd: int) -> str:
    """Empty where it has none, as a pipe."""
    try:
        return fcntl.ioctl(fd, NAME_REQUEST | NAME_BYTES << 16, bytes(NAME_BYTES)).partition(b"\0")[0].decode("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
