"""Serial ports: opened for us alone, or the reason why not and what to do about it; bytes in and out."""

import errno
import grp
import os
import select
import stat
import termios
import time
from collections.abc import Iterator, Mapping
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

    Args:
        in_haste: do not look around for who has it open without a lock, which takes some 30 ms.
    Raises:
        PortError: no such port, not permitted, in use, or it does not do this baud rate.
    """

    def __init__(self, name: str, baud: int, in_haste: bool = False):
        self._name, self._serial = name, opened(name, baud, in_haste)
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


def opened(port: str, baud: int, in_haste: bool = False) -> serial.Serial:
    """The port, ours alone. Raises PortError with what to do about it."""
    try:
        line = serial.Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
    except serial.SerialException as error:
        raise PortError(_advice(port, baud, error)) from None
    except ValueError:
        raise PortError(f"{port} does not do {baud} baud") from None
    if not in_haste and (holders := others(port)):  # not everybody locks what they open: LeRobot does not
        line.close()
        raise PortError(_busy(port, holders))
    return line


def _advice(port: str, baud: int, error: serial.SerialException) -> str:
    if error.errno == errno.ENOENT:
        return f"there is no port {port}; twinarm find lists those there are"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"not permitted to open {port}; {permitting(port)}"
    if error.errno in (errno.EAGAIN, errno.EBUSY):
        return _busy(port, others(port))
    if error.errno == errno.EISDIR or isinstance(error.__context__, termios.error):
        return f"{port} is no serial port; twinarm find lists those there are"
    return f"cannot open {port} at {baud} baud: {os.strerror(error.errno) if error.errno else error}"


def _busy(port: str, holders: str) -> str:
    return f"{port} is in use by {holders or 'another process'}; stop that first"


def permitting(port: str) -> str:
    """What makes it permitted to open this device."""
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


def others(port: str) -> str:
    """Everyone else who has it open, in words."""
    return ", ".join(f"{name} (process {pid})" for pid, name in holding(port) if pid != os.getpid())


def holding(port: str) -> Iterator[tuple[int, str]]:
    """Process and name of everyone here who has this file open, as far as we may know; not of who is its far end."""
    wanted = os.path.realpath(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            open_ones = {handle: os.path.realpath(handle) for handle in (process / "fd").iterdir()}
            if wanted in open_ones.values() and not _emulates(process, wanted, open_ones):
                yield int(process.name), _called(process)


def _called(process: Path) -> str:
    """The program and its first word; of Python what it runs, as an interpreter's name alone would not tell."""
    words = (process / "cmdline").read_text().split("\0")[:-1]
    if words and Path(words[0]).name.startswith("python"):
        words = words[2:] if words[1:2] == ["-m"] else words[1:]
    if not words or words[0].startswith("-"):
        return (process / "comm").read_text().strip()
    return " ".join([Path(words[0]).name, *words[1:2]])


def _emulates(process: Path, wanted: str, open_ones: Mapping[Path, str]) -> bool:
    """Whether it holds the other end of this pseudo-terminal, as a twin does."""
    masters = [handle for handle, file in open_ones.items() if file.endswith("ptmx")]
    told = [(process / "fdinfo" / handle.name).read_text() for handle in masters]
    return any(f"tty-index:\t{Path(wanted).name}\n" in words for words in told)
