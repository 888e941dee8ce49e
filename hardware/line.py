"""An emulated chain's end of a serial line: a pseudo-terminal that any client opens as it would an adapter.

It wants a core, as clients spin while they wait and give up after some ten milliseconds. What a pseudo-terminal cannot
show: an adapter's own delay, the turn-around of a half-duplex line, electrical noise.
"""

import heapq
import os
import pty
import select
import termios
import time
import tty
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Self

from control.errors import PortError
from hardware.chain import BITS_PER_BYTE, Answer, Chain

READ_BYTES = 4096
BEHIND_S = 0.04  # how much a sender's own buffer may hold that the wire has not carried yet
SPEEDS = {
    getattr(termios, f"B{rate}"): rate
    for rate in (9600, 19200, 38400, 57600, 115200, 500_000, 1_000_000)
    if hasattr(termios, f"B{rate}")
}


class Line:
    """A port with a chain behind it. Bytes flow only while `pass_on` is called.

    Args:
        link: a name to find the port by; taken away again by `close`.
        paced: let bytes take the time that they take on a wire.
        spoil: what becomes of the answers (second) to a question (first).
    Raises:
        PortError: the link's place is taken by something else than a link.
    """

    def __init__(
        self,
        chain: Chain,
        link: Path | None = None,
        paced: bool = True,
        spoil: Callable[[bytes, list[Answer]], list[Answer]] = lambda question, answers: answers,
    ):
        self.chain, self._link, self._paced, self._spoil = chain, link, paced, spoil
        self._coming: list[tuple[float, int, bytes]] = []
        self._order = count()
        self._free_s, self.plugged = 0.0, False
        self.plug()

    def plug(self) -> None:
        """Appear, under a name of the system's choice and, if there is one, the link. Raises PortError."""
        if self.plugged:
            return
        # The other end stays open here: or a client that closes it would hang up the line for the next one.
        self._end, self._theirs = pty.openpty()
        self.plugged = True
        tty.setraw(self._theirs)
        os.set_blocking(self._end, False)
        self.port = self._own = os.ttyname(self._theirs)
        if self._link is not None:
            _point(self._link, self.port)
            self.port = str(self._link)

    def unplug(self) -> None:
        """Vanish from under whoever has it open."""
        if not self.plugged:
            return
        self.plugged = False
        self._coming.clear()
        for end in (self._end, self._theirs):
            os.close(end)
        if self._link is not None and self._link.is_symlink() and os.readlink(self._link) == self._own:
            self._link.unlink()

    def pass_on(self, until_s: float) -> None:
        """Take in what comes and give out what is due, until this moment of the monotonic clock; once if it is over, as
        servos answer however far behind the rest of their world is."""
        over = False
        while not over:
            now_s = time.monotonic()
            over = now_s >= until_s
            while self._coming and self._coming[0][0] <= now_s:
                self._give(heapq.heappop(self._coming)[2])
            wake_s = min(until_s, self._coming[0][0]) if self._coming else until_s
            ends = [self._end] if self.plugged else []
            if select.select(ends, [], [], max(0.0, wake_s - now_s))[0]:
                self._take()

    def close(self) -> None:
        self.unplug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> None:
        data, now_s = os.read(self._end, READ_BYTES), time.monotonic()
        baud = SPEEDS.get(termios.tcgetattr(self._theirs)[5], 0)
        if not baud:
            return
        byte_s = BITS_PER_BYTE / baud if self._paced else 0.0
        heard_s = min(max(now_s, self._free_s), now_s + BEHIND_S) + len(data) * byte_s
        self._free_s = heard_s
        for answer in self._spoil(data, self.chain.receive(data, now_s, baud)):
            began_s = max(heard_s + (answer.after_s if self._paced else 0.0), self._free_s)
            self._free_s = began_s + len(answer.data) * byte_s
            heapq.heappush(self._coming, (self._free_s, next(self._order), answer.data))

    def _give(self, data: bytes) -> None:
        try:
            os.write(self._end, data)
        except BlockingIOError:
            termios.tcflush(self._theirs, termios.TCIFLUSH)  # nobody reads: an adapter's buffer overflows as well


class NoLine:
    """A chain with nothing between it and a bus, for whoever keeps the time.

    Args:
        clock: seconds; answers come at once.
    """

    def __init__(self, chain: Chain, clock: Callable[[], float]):
        self.chain, self._clock = chain, clock
        self._answers: list[Answer] = []

    def ask(self, request: bytes) -> None:
        self.send(request)

    def send(self, packet: bytes) -> None:
        self._answers = self.chain.receive(packet, self._clock())

    def listen(self, until_s: float) -> bytes:
        answers, self._answers = self._answers, []
        return b"".join(answer.data for answer in answers)

    def close(self) -> None:
        """Nothing is open."""


def _point(link: Path, port: str) -> None:
    """A link whose port is gone was left behind by somebody who was killed."""
    if link.exists():
        raise PortError(f"{link} is there already; give --link another name, or stop whoever made it and remove it")
    if link.is_symlink():
        link.unlink()
    try:
        link.symlink_to(port)
    except OSError as error:
        raise PortError(f"no link can be made at {link}: {error.strerror}") from None
