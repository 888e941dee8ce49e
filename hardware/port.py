"""Serial ports: opened for us alone, or the reason why not and what to do about it."""

import errno
import grp
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import serial

from control.errors import PortError


def opened(port: str, baud: int) -> serial.Serial:
    """The port, ours alone. Raises PortError with what to do about it."""
    try:
        return serial.Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
    except serial.SerialException as error:
        raise PortError(_advice(port, baud, error)) from None
    except ValueError:
        raise PortError(f"{port} does not do {baud} baud") from None


def _advice(port: str, baud: int, error: serial.SerialException) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no port {port}; twinarm find lists those there are"
    if error.errno in (errno.EACCES, errno.EPERM):
        group = grp.getgrgid(os.stat(port).st_gid).gr_name
        return f"not permitted to open {port}: join its group with sudo usermod -aG {group} $USER, then log in again"
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        holders = ", ".join(f"{name} (process {pid})" for pid, name in holding(port)) or "another process"
        return f"{port} is in use by {holders}; stop that first"
    return f"cannot open {port} at {baud} baud: {os.strerror(error.errno) if error.errno else error}"


def holding(port: str) -> Iterator[tuple[int, str]]:
    """Process and name of everyone here who has this file open, as far as we may know."""
    wanted = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.path.realpath(handle) == wanted for handle in (process / "fd").iterdir()):
                yield int(process.name), (process / "comm").read_text().strip()
