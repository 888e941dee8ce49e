"""A terminal whose keys are read one by one, and that is given back as it was found."""

import os
import select
import sys
import termios
import time
import tty
from contextlib import suppress
from typing import Self

from control.errors import UserError

READ_BYTES = 4096
ASK_RELEASES = b"\x1b[?u"  # answered by terminals that can tell when a key comes up, and by no other
TELL_RELEASES = b"\x1b[>11u\x1b[?1004h"  # every key as a sequence, with its phase; and whether the window has the focus
AS_BEFORE = b"\x1b[<u\x1b[?1004l"
PING = b"\x1b[5n"
DRAIN_S = 0.15  # for answers that are under way: they would end up in the shell


class Terminal:
    """Standard input, without echo and without waiting for Enter; Ctrl-C stays what it is.

    Raises:
        UserError: standard input is no terminal.
    """

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        if not os.isatty(self._fd):
            raise UserError("keys are read from a terminal, and standard input is none; run it in one, or use ssh -t")
        self._before = termios.tcgetattr(self._fd)
        self.tells_releases, self._asked = False, False
        tty.setcbreak(self._fd)
        _keep_going(self._fd)
        self.write(ASK_RELEASES)

    def read(self) -> bytes:
        """What came; nothing where nothing did. Raises EOFError where the terminal is gone."""
        try:
            if not select.select([self._fd], [], [], 0.0)[0]:
                return b""
            data = os.read(self._fd, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            raise EOFError
        return data

    def write(self, data: bytes) -> bool:
        """To the screen; whether it went there at once. It waits for no line that stalls, and reading tells of one that
        is gone."""
        with suppress(OSError):
            return bool(select.select([], [self._fd], [], 0.0)[1]) and os.write(self._fd, data) == len(data)
        return False

    def tell_releases(self) -> None:
        """From now on it says when a key comes up."""
        if not self.tells_releases:
            self.tells_releases = True
            self.write(TELL_RELEASES)

    def ping(self) -> bool:
        """Have it say that it is there; whether it will be heard."""
        self._asked = True
        return self.write(PING)

    def close(self) -> None:
        """Give it back as it was."""
        if self.tells_releases:
            self.write(AS_BEFORE)
        if self._asked:
            self._drain()
        with suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)  # a stalled line never drains

    def _drain(self) -> None:
        until_s = time.monotonic() + DRAIN_S
        with suppress(EOFError):
            while time.monotonic() < until_s:
                self.read()
                time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _keep_going(fd: int) -> None:
    """No key halts what is shown (Ctrl-S), or this process (Ctrl-Z), while an arm is driven."""
    modes = termios.tcgetattr(fd)
    modes[0] &= ~termios.IXON
    modes[6][termios.VSUSP] = b"\0"
    termios.tcsetattr(fd, termios.TCSANOW, modes)
