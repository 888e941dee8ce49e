"""What servos do on the line, byte by byte and by the clock: when they answer, and what they forget."""

import math
import select
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from hardware import packets
from hardware.bus import BITS_PER_BYTE, ROLL_CALL_S
from hardware.chain import GAP_S, PING_SLOT_S, SLOT_BYTES
from hardware.packets import BROADCAST, Instruction, StatusDecoder
from hardware.port import opened
from hardware.servo import SIZE

ANSWERED_S = 0.02
PAUSES_S = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
ABSENT = 8  # ids asked before the servo's own, who are not there
ASKED, TRIED = 9, 3  # times, of which the median counts
ALIKE = 0.3  # share by which a time may differ


@dataclass(frozen=True)
class Finding:
    """One behaviour: what the emulated servo does, what this one did."""

    behaviour: str
    emulated: str
    seen: str
    alike: bool


class Wire:
    """The port, byte by byte and by the clock."""

    def __init__(self, port: str, baud: int):
        self._serial = opened(port, baud)

    def close(self) -> None:
        self._serial.close()

    def say(self, data: bytes) -> None:
        self._serial.reset_input_buffer()
        self._serial.write(data)

    def hear(self, seconds: float) -> list[tuple[float, bytes]]:
        """What comes within `seconds`, each piece with when it came."""
        begun_s, pieces = time.perf_counter(), []
        while (left_s := begun_s + seconds - time.perf_counter()) > 0:
            if select.select([self._serial], [], [], left_s)[0]:
                pieces.append((time.perf_counter() - begun_s, self._serial.read(4096)))
        return pieces


def on_the_line(port: str, baud: int, id: int, ids: tuple[int, ...]) -> Iterator[Finding]:
    """What servo `id` does there, among `ids`. Raises PortError."""
    with closing(Wire(port, baud)) as wire:
        yield _beyond_the_table(wire, id)
        yield _broken_off(wire, id)
        yield _slots(wire, id, BITS_PER_BYTE / baud)
        yield _roll_call(wire, ids)


def _beyond_the_table(wire: Wire, id: int) -> Finding:
    wire.say(packets.read(id, SIZE - 4, 12))
    answers = StatusDecoder().feed(b"".join(data for _, data in wire.hear(ANSWERED_S)))
    seen = f"{len(answers[0].data)} bytes" if answers else "no answer"
    return Finding("12 bytes read from 4 before the table's end", "4 bytes", seen, seen == "4 bytes")


def _broken_off(wire: Wire, id: int) -> Finding:
    """A packet that claims more than ever comes swallows the next one, unless the servo forgets it."""
    begun = packets.HEADER + bytes([id, 60, Instruction.WRITE])
    tries = [[_after_a_pause(wire, id, begun, pause_s) for _ in range(TRIED)] for pause_s in PAUSES_S]
    # A busy computer pauses longer than it means to, so what counts is how long it was.
    paused = [(statistics.median(s for s, _ in tried), sum(a for _, a in tried) > TRIED // 2) for tried in tries]
    forgotten_s = min((pause_s for pause_s, answered in paused if answered), default=math.inf)
    waited_s = max((pause_s for pause_s, answered in paused if not answered and pause_s < forgotten_s), default=0.0)
    between = f"forgotten between {1e3 * waited_s:.1f} and {1e3 * forgotten_s:.1f} ms"
    seen = "never forgotten" if math.isinf(forgotten_s) else between
    alike = waited_s * (1 - ALIKE) <= GAP_S <= forgotten_s * (1 + ALIKE) < math.inf
    return Finding("a packet broken off", f"forgotten after {GAP_S * 1000:.0f} ms", seen, alike)


def _after_a_pause(wire: Wire, id: int, begun: bytes, pause_s: float) -> tuple[float, bool]:
    """How long the pause was, and whether the servo answered a ping after it."""
    wire.say(begun)
    begun_s = time.perf_counter()
    time.sleep(pause_s)
    wire.say(packets.ping(id))
    paused_s = time.perf_counter() - begun_s
    answered = any(status.id == id for status in StatusDecoder().feed(_all(wire.hear(ANSWERED_S))))
    wire.say(bytes(70))  # whatever it still waits for
    wire.hear(2 * PAUSES_S[-1])
    return paused_s, answered


def _slots(wire: Wire, id: int, byte_s: float) -> Finding:
    """Who is missing from a sync read leaves a gap, as long as an answer and a little more."""
    size = 15
    absent = [other for other in range(BROADCAST - 1, 0, -1) if other != id][:ABSENT]
    alone_s, last_s = (_first_s(wire, packets.sync_read(ids, 56, size)) for ids in ([id], [*absent, id]))
    expected_s = (size + packets.OVERHEAD + SLOT_BYTES) * byte_s
    emulated = f"{expected_s * 1e6:.0f} us for each"
    if alone_s is None or last_s is None:
        return Finding("a gap in a sync read", emulated, "no answer", False)
    gap_s = (last_s - alone_s - ABSENT * byte_s) / ABSENT  # the question is longer, too
    return Finding("a gap in a sync read", emulated, f"{gap_s * 1e6:.0f} us for each", _alike(gap_s, expected_s))


def _roll_call(wire: Wire, ids: tuple[int, ...]) -> Finding:
    """A ping to everyone is answered by one after another."""
    asked, emulated = "a ping to everyone", f"{PING_SLOT_S * 1000:.1f} ms from one id to the next"
    if len(ids) < 2:
        return Finding(asked, emulated, "one servo alone does not tell: connect several", True)
    gaps_s = []
    for _ in range(ASKED):
        wire.say(packets.ping(BROADCAST))
        times_s = [second for second, _ in wire.hear(ROLL_CALL_S)]
        gaps_s.append((times_s[-1] - times_s[0]) / (max(ids) - min(ids)) if times_s else 0.0)
    gap_s = statistics.median(gaps_s)
    return Finding(asked, emulated, f"{gap_s * 1000:.1f} ms", _alike(gap_s, PING_SLOT_S))


def _first_s(wire: Wire, request: bytes) -> float | None:
    """When an answer begins; the median of several."""
    seconds = []
    for _ in range(ASKED):
        wire.say(request)
        if pieces := wire.hear(ANSWERED_S):
            seconds.append(pieces[0][0])
    return statistics.median(seconds) if len(seconds) > ASKED // 2 else None


def _all(pieces: list[tuple[float, bytes]]) -> bytes:
    return b"".join(data for _, data in pieces)


def _alike(seen_s: float, expected_s: float) -> bool:
    return abs(seen_s - expected_s) <= ALIKE * expected_s
