"""The Feetech STS/SMS serial protocol as bytes: no port, no clock, no logging.

    instruction   FF FF  id  length  instruction  parameters…  checksum
    status        FF FF  id  length  faults       data…        checksum

`length` counts what follows it, `checksum` is the complement of the sum from `id` on. Nothing is escaped, so FF FF may
stand in the data: a reader that lost its place finds it again by trying the checksum at every header.
Ids are 0 to 253; 254 addresses every servo, and none replies. Registers longer than a byte are little endian.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag
from functools import cache
from typing import NamedTuple

HEADER = b"\xff\xff"
BROADCAST = 0xFE
LARGEST_BODY = 250  # instruction and parameters: the vendor's buffers hold no more
LARGEST_STATUS_BODY = 88  # faults and the whole register table
OVERHEAD = 6  # bytes of a status besides its data
WHOLE = 0xFD  # the sum of a sound packet's bytes, modulo 256: header, and what its checksum makes 0xFF


class Instruction(IntEnum):
    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04  # stored by the servo until ACTION
    ACTION = 0x05
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83


class Fault(IntFlag):
    """The faults byte of a status; several may stand. No bit set: all is well."""

    VOLTAGE = 0x01
    SENSOR = 0x02
    TEMPERATURE = 0x04
    CURRENT = 0x08
    ANGLE = 0x10  # the sources disagree, one reads it as "torque enabled": no reason to stop
    OVERLOAD = 0x20


class Status(NamedTuple):
    """One servo's reply."""

    id: int
    faults: Fault
    data: bytes = b""


def frame(id: int, code: int, body: bytes | bytearray = b"") -> bytes:
    """A packet whose `code` is an instruction or a faults byte. Raises ValueError for an id or a size no bus has."""
    if not 0 <= id <= BROADCAST:
        raise ValueError(f"id must be 0 to {BROADCAST - 1}, or {BROADCAST} for every servo, got {id}")
    if len(body) + 1 > LARGEST_BODY:
        raise ValueError(f"a packet carries at most {LARGEST_BODY - 1} bytes after its code, got {len(body)}")
    packet = bytes([id, len(body) + 2, code]) + body
    return HEADER + packet + bytes([checksum(packet)])


def checksum(packet: bytes) -> int:
    """Over everything between the header and the checksum itself."""
    return ~sum(packet) & 0xFF


def ping(id: int) -> bytes:
    return frame(id, Instruction.PING)


def read(id: int, address: int, size: int) -> bytes:
    return frame(id, Instruction.READ, bytes([address, size]))


def write(id: int, address: int, data: bytes) -> bytes:
    return frame(id, Instruction.WRITE, bytes([address]) + data)


def reg_write(id: int, address: int, data: bytes) -> bytes:
    """A write that waits for `action`, so that several servos start together."""
    return frame(id, Instruction.REG_WRITE, bytes([address]) + data)


def action() -> bytes:
    return frame(BROADCAST, Instruction.ACTION)


def sync_read(ids: Sequence[int], address: int, size: int) -> bytes:
    """One request; each servo of `ids` answers in that order with a status of its own."""
    return frame(BROADCAST, Instruction.SYNC_READ, bytes([address, size, *ids]))


def sync_write(address: int, data: Mapping[int, bytes]) -> bytes:
    """Write `data[id]` to the same registers of each servo; none replies. Raises ValueError for rows of unlike size."""
    sizes = set(map(len, data.values()))
    if len(sizes) != 1:
        raise ValueError(f"sync_write takes rows of one size, got sizes {sorted(sizes)}")
    body = bytearray((address, sizes.pop()))
    for id, row in data.items():
        body.append(id)
        body += row
    return frame(BROADCAST, Instruction.SYNC_WRITE, body)


class Unframer:
    """Finds whole packets in a stream that may start anywhere and carry noise.

    Attributes:
        skipped: bytes thrown away so far because no packet contained them.
    """

    def __init__(self, largest_body: int = LARGEST_BODY):
        self.skipped = 0
        self._largest = largest_body
        self._pending = bytearray()

    @property
    def pending(self) -> int:
        """Bytes kept for a packet that is not complete yet; never more than one packet."""
        return len(self._pending)

    def feed(self, received: bytes) -> list[tuple[int, int, bytes]]:
        """The (id, code, body) of every packet completed by `received`, oldest first."""
        self._pending += received
        found = []
        while size := self._packet_size():
            if size > len(self._pending):
                break
            packet, end = bytes(self._pending[2 : size - 1]), self._pending[size - 1]
            if checksum(packet) == end:
                found.append((packet[0], packet[2], packet[3:]))
                del self._pending[:size]
            else:
                self._skip(1)
        return found

    def _packet_size(self) -> int:
        """Size of the packet that begins the pending bytes, after skipping what cannot begin one; 0 when too early."""
        while len(self._pending) >= 4:
            id, length = self._pending[2], self._pending[3]
            if self._pending.startswith(HEADER) and id <= BROADCAST and 2 <= length <= self._largest + 1:
                return length + 4
            self._skip(max(self._pending.find(HEADER, 1), 1))
        return 0

    def _skip(self, count: int) -> None:
        self.skipped += count
        del self._pending[:count]


class StatusDecoder:
    """Bytes from the bus in, statuses out. Drop it and begin a new one to forget a reply that came too late."""

    def __init__(self) -> None:
        self._frames = Unframer(LARGEST_STATUS_BODY)

    @property
    def skipped(self) -> int:
        """Bytes of noise so far."""
        return self._frames.skipped

    def feed(self, received: bytes) -> list[Status]:
        """Every status completed by `received`, oldest first."""
        return [Status(id, Fault(faults), data) for id, faults, data in self._frames.feed(received)]


class Heard(NamedTuple):
    """What several servos answered, by id."""

    data: dict[int, bytes]
    faults: dict[int, Fault]  # of those that complain

    def take(self, status: Status) -> None:
        self.data[status.id] = status.data
        if status.faults:
            self.faults[status.id] = status.faults


def in_order(received: bytes, ids: tuple[int, ...], size: int) -> Heard | None:
    """What each servo answered, where the bytes are the answers of these and nothing else; None where they are not.

    The quick way of a bus that is well; `StatusDecoder` finds answers among anything."""
    data: dict[int, bytes] = {}
    faults: dict[int, Fault] = {}
    stride = size + OVERHEAD
    if len(received) != stride * len(ids):
        return None
    for id, head, at in zip(ids, _heads(ids, size), range(0, len(received), stride), strict=True):
        packet = received[at : at + stride]
        if not packet.startswith(head) or sum(packet) & 0xFF != WHOLE:
            return None
        data[id] = packet[5:-1]
        if packet[4]:
            faults[id] = Fault(packet[4])
    return Heard(data, faults)


@cache
def _heads(ids: tuple[int, ...], size: int) -> tuple[bytes, ...]:
    """What each servo's status begins with."""
    return tuple(HEADER + bytes((id, size + 2)) for id in ids)
