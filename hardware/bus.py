"""The servo bus: questions over a serial line, each answered by the deadline its bytes need, or not at all.

Opening it sends nothing. What was left in the line is flushed before every question, and one about something else waits
for what is still owed, so a late answer is not taken for the next one's; a servo that is silent costs its own answer
and nobody else's.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from control.errors import NotKept, ServoSilent
from hardware import packets
from hardware.packets import Fault, Heard, Instruction, Status, StatusDecoder
from hardware.port import Adapter, Port
from hardware.registers import STS3215, Register
from hardware.tallies import Tallies

BAUD = 1_000_000
BITS_PER_BYTE = 10  # with the start and the stop bit
SLACK_S = 0.004  # beyond the bytes' own time: the adapter's, the servo's and the scheduler's
PATIENCE = 4  # of these, before a question about something else, after one that was not answered in time
QUIET = 0.5  # of these is listened on when as many bytes have come as the answers have: then they were garbled
ROLL_CALL_S = 0.3  # every id answers in its turn, a millisecond apart (to confirm)
EEPROM_S = 0.1  # that a servo may be busy keeping a setting: the vendor's library waits as long (to confirm)


class Answers(NamedTuple):
    """What a question to several servos brought, by id."""

    data: Mapping[int, bytes]
    faults: Mapping[int, Fault]  # of those that complain
    missing: tuple[int, ...]


class Bus:
    """A chain of servos on one port, which no other process may open meanwhile.

    Args:
        port: such as /dev/serial/by-id/…, or a pseudo-terminal.
        slack_s: how much longer than its bytes take an answer may come.
        retries: how often a silent servo is asked again.
        opened: makes what it sends through.
    Raises:
        PortError: no such port, not permitted, in use, or it does not do this baud rate.
    """

    def __init__(
        self,
        port: str,
        baud: int = BAUD,
        slack_s: float = SLACK_S,
        retries: int = 1,
        opened: Callable[[str, int], Adapter] = Port,
    ):
        self.port, self.baud, self.tallies = port, baud, Tallies()
        self._port = opened(port, baud)
        self._byte_s, self._slack_s, self._retries = BITS_PER_BYTE / baud, slack_s, retries
        self._owed, self._owed_bytes = b"", 0  # what was asked and not answered in time: it may still come
        self._requests: dict[tuple[tuple[int, ...], int, int], bytes] = {}

    def close(self) -> None:
        """Let go of the port; the servos go on with what they were last told."""
        self._port.close()

    def ping(self, id: int) -> Status | None:
        """The servo's word, with its faults; None where nobody answers."""
        return self._ask_one(id, packets.ping(id), 0)

    def everyone(self) -> tuple[Status, ...]:
        """Whoever answers at this baud rate, which takes a third of a second; servos of one id garble each other, which
        `tallies` count as noise. Raises BusLost."""
        self._settle()
        self._port.ask(packets.ping(packets.BROADCAST))
        received, until_s = b"", time.monotonic() + ROLL_CALL_S
        while time.monotonic() < until_s and (news := self._port.listen(until_s)):
            received += news
        decoder = StatusDecoder()
        found = tuple(decoder.feed(received.removeprefix(packets.ping(packets.BROADCAST))))
        self.tallies.noise_bytes += decoder.skipped
        return found

    def read(self, id: int, register: str) -> int:
        """Raises ServoSilent, BusLost."""
        row = STS3215[register]
        return row.decode(self._answered(id, packets.read(id, row.address, row.size), row.size, register).data)

    def read_bytes(self, id: int, address: int, size: int) -> bytes:
        """Raises ServoSilent, BusLost."""
        return self._answered(id, packets.read(id, address, size), size, f"registers {address} on").data

    def write(self, id: int, register: str, value: int) -> Fault:
        """Write and have it acknowledged, with what the servo complains of.

        Raises:
            ServoSilent, BusLost: it may or may not have been written.
            ValueError: the register cannot hold it, or is read only.
        """
        row = _writable(register)
        return self._answered(id, packets.write(id, row.address, row.encode(value)), 0, register).faults

    def remember(self, id: int, values: Mapping[str, int]) -> int:
        """Keep settings through power-off: written only where they differ, then locked; how many differed.

        Raises:
            NotKept: the servo holds something else afterwards.
            ServoSilent, BusLost: it may be written in part; the same again completes it.
        """
        with self.patient():
            different = {register: value for register, value in values.items() if self.read(id, register) != value}
            if different:
                self.sync_write("lock", {id: 0})  # as to several, who do not acknowledge: nor does response level 0
            if "response_level" in different:
                self.sync_write("response_level", {id: different["response_level"]})
            for register, value in different.items():
                self.write(id, register, value)
            self.write(id, "lock", 1)
            if lost := [register for register, value in different.items() if self.read(id, register) != value]:
                raise NotKept(f"servo {id} did not keep {', '.join(lost)}; switch its supply off and on, and try again")
        return len(different)

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Within this a servo may take as long to answer as one that keeps a setting does."""
        before, self._slack_s = self._slack_s, max(self._slack_s, EEPROM_S)
        try:
            yield
        finally:
            self._slack_s = before

    def sync_read(self, ids: Sequence[int], register: str) -> Answers:
        """The register's bytes of each servo; who stays silent is asked again, then named as missing."""
        row = STS3215[register]
        return self.sync_read_bytes(ids, row.address, row.size)

    def sync_read_bytes(self, ids: Sequence[int], address: int, size: int) -> Answers:
        """`size` bytes from `address` of each servo. Raises BusLost."""
        data, faults = self._asked(tuple(ids), address, size)
        for _ in range(self._retries):
            if len(data) == len(ids):
                break
            missing = _without(ids, data)
            self.tallies.retry(missing)
            more = self._asked(missing, address, size)
            data |= more.data
            faults |= more.faults
        missing = _without(ids, data) if len(data) < len(ids) else ()
        self.tallies.count(ids, missing)
        return Answers(data, faults, missing)

    def sync_write(self, register: str, values: Mapping[int, int]) -> None:
        """Write to several servos in one packet, which nobody acknowledges. Raises BusLost, ValueError."""
        row = _writable(register)
        self._port.send(packets.sync_write(row.address, {id: row.encode(value) for id, value in values.items()}))

    # One exchange

    def _asked(self, ids: tuple[int, ...], address: int, size: int) -> Heard:
        if (request := self._requests.get((ids, address, size))) is None:
            request = self._requests[ids, address, size] = packets.sync_read(ids, address, size)
        return self._heard(request, ids, size)

    def _heard(self, request: bytes, ids: tuple[int, ...], size: int) -> Heard:
        """Ask, and listen for as long as the answers may take to come."""
        if self._owed_bytes and self._owed != _asked_for(request):
            self._settle()
        self._port.ask(request)
        expected, received = len(ids) * (size + packets.OVERHEAD), b""
        until_s = time.monotonic() + (len(request) + expected) * self._byte_s + self._slack_s
        while len(received) < expected and (news := self._port.listen(until_s)):
            received += news
        return packets.in_order(received, ids, size) or self._sorted_out(received, request, ids, size, until_s)

    def _sorted_out(self, received: bytes, request: bytes, ids: Sequence[int], size: int, until_s: float) -> Heard:
        """The first whole answer of each servo asked, from bytes with something else among them, and what comes yet."""
        while request.startswith(received) and request != received and (news := self._port.listen(until_s)):
            received += news
        if received.startswith(request):
            self.tallies.echoes += 1
            received = received[len(request) :]
        decoder, heard, came = StatusDecoder(), Heard({}, {}), 0
        while True:
            came += len(received)
            for status in decoder.feed(received):
                if status.id in ids and len(status.data) == size and status.id not in heard.data:
                    heard.take(status)
                else:
                    self.tallies.strangers += 1
            if came >= len(ids) * (size + packets.OVERHEAD):
                until_s = min(until_s, time.monotonic() + QUIET * self._slack_s)
            if len(heard.data) == len(ids) or not (received := self._port.listen(until_s)):
                break
        self.tallies.noise_bytes += decoder.skipped
        if len(heard.data) < len(ids):
            short = max(0, len(ids) * (size + packets.OVERHEAD) - came)
            self._owed, self._owed_bytes = _asked_for(request), self._owed_bytes + short
        return heard

    def _answered(self, id: int, request: bytes, size: int, what: str) -> Status:
        noise_bytes = self.tallies.noise_bytes
        if (status := self._ask_one(id, request, size)) is not None:
            return status
        if self.tallies.noise_bytes > noise_bytes:
            raise ServoSilent(
                f"what servo {id} on {self.port} says of {what} is garbled; do two servos have that id, or is a plug "
                "loose? twinarm setup-servos gives one servo after another its own"
            )
        raise ServoSilent(
            f"servo {id} on {self.port} left {1 + self._retries} questions about {what} unanswered; "
            "is it powered, and its cable in? twinarm doctor scans the bus"
        )

    def _ask_one(self, id: int, request: bytes, size: int) -> Status | None:
        for attempt in range(1 + self._retries):
            self.tallies.of(id).retried += attempt > 0
            heard = self._heard(request, (id,), size)
            if heard.data:
                break
        self.tallies.count((id,), () if heard.data else (id,))
        return Status(id, heard.faults.get(id, Fault(0)), heard.data[id]) if heard.data else None

    def _settle(self) -> None:
        """Wait for what is still owed, or long enough: an answer does not name its question."""
        until_s = time.monotonic() + PATIENCE * self._slack_s
        while self._owed_bytes > 0 and (news := self._port.listen(until_s)):
            self._owed_bytes -= len(news)
        self._owed_bytes = 0


def _without(ids: Sequence[int], data: Mapping[int, bytes]) -> tuple[int, ...]:
    return tuple(id for id in ids if id not in data)


def _asked_for(request: bytes) -> bytes:
    """What an answer is about: the registers, where some are read from any servo; else the whole request."""
    return request[5:7] if request[4] in (Instruction.READ, Instruction.SYNC_READ) else request


def _writable(register: str) -> Register:
    row = STS3215[register]
    if row.access == "ro":
        raise ValueError(f"{register} is read only")
    return row
