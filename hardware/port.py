"""Serial ports: opened for us alone, or the reason why not and what to do about it; bytes in and out."""

import errno
import grp
import os
import select
import stat
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import serial

from control.errors import BusLost, PortError

READ_BYTES = 4096


class Adapter(Protocol):
    """What a bus sends through, and hears."""

    def ask(self, request: bytes) -> None: ...

    def send(self, packet: bytes) -> None: ...

    def listen(self, until_s: float) -> bytes: ...

    def close(self) -> None: ...


class Port:
    """A serial line of ours alone, as bytes.

    Raises:
        PortError: no such port, not permitted, in use, or it does not do this baud rate.
    """

    def __init__(self, name: str, baud: int):
        self._name, self._serial = name, opened(name, baud)
        self._fd = self._serial.fileno()

    def ask(self, request: bytes) -> None:
        """Send what will be answered: whatever is in the line by now is no answer to it. Raises BusLost."""
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except termios.error as error:
            raise self._lost(error) from None
        self.send(request)

    def send(self, packet: bytes) -> None:
        """Raises BusLost."""
        try:
            if os.write(self._fd, packet) != len(packet):
                raise BlockingIOError(errno.EAGAIN, "the line takes no more bytes")
        except OSError as error:
            raise self._lost(error) from None

    def listen(self, until_s: float) -> bytes:
        """What comes next; nothing where nothing comes until then (of the monotonic clock). Raises BusLost."""
        try:
            if not select.select([self._fd], [], [], max(0.0, until_s - time.monotonic()))[0]:
                return b""
            received = os.read(self._fd, READ_BYTES)
        except OSError as error:
            raise self._lost(error) from None
        if not received:
            raise self._lost(OSError(errno.EIO, "the line ended"))
        return received

    def close(self) -> None:
        """What is asked or told afterwards is a mistake."""
        self._serial.close()
        self._fd = -1  # or it would be told to whoever has the number next

    def _lost(self, error: Exception) -> BusLost:
        return BusLost(f"the bus at {self._name} is gone ({error.args[-1]}); is the adapter unplugged?")


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
        return f"not permitted to open {port}: {_permitting(port)}"
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        holders = ", ".join(f"{name} (process {pid})" for pid, name in holding(port)) or "another process"
        return f"{port} is in use by {holders}; stop that first"
    return f"cannot open {port} at {baud} baud: {os.strerror(error.errno) if error.errno else error}"


def _permitting(port: str) -> str:
    """What makes it permitted."""
    state = os.stat(port)
    if not state.st_gid or not state.st_mode & stat.S_IRGRP:
        return (
            f"its group may not either; a udev rule, or sudo chmod a+rw {port}, lets you until it is plugged in again"
        )
    try:
        group = grp.getgrgid(state.st_gid).gr_name
    except KeyError:
        group = str(state.st_gid)
    return f"join its group with sudo usermod -aG {group} $USER, then log in again"


def holding(port: str) -> Iterator[tuple[int, str]]:
    """Process and name of everyone here who has this file open, as far as we may know."""
    wanted = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.path.realpath(handle) == wanted for handle in (process / "fd").iterdir()):
                yield int(process.name), (process / "comm").read_text().strip()
