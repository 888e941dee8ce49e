"""What a terminal's bytes say about keys: pure, no terminal and no clock of its own.

A plain terminal sends a byte when a key goes down, repeats it while the key stays down, and says nothing when it comes
up. One that speaks the keyboard protocol of kitty (https://sw.kovidgoyal.net/kitty/keyboard-protocol) tells all three.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

ESCAPE_S = 0.05  # after which a lone ESC was the key, not the beginning of a sequence that the network split
LONGEST = 64  # bytes of a sequence; what is longer is none
SEQUENCE = re.compile(rb"\x1b(?:\[([0-?]*)[ -/]*([@-~])|O([@-~]))")
UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
NUMBERS = re.compile(rb"[0-9;:]*")
NAMES = {9: "tab", 13: "enter", 10: "enter", 27: "escape", 32: "space", 127: "backspace"}
LETTERED = {b"A": "up", b"B": "down", b"C": "right", b"D": "left", b"H": "home", b"F": "end"}
NUMBERED = {b"5": "page up", b"6": "page down", b"3": "delete"}
CONTROL = 4  # the bit of the modifiers


class Phase(StrEnum):
    """What became of a key."""

    TAP = "tap"  # went down, or is still down: a plain terminal does not say which
    DOWN = "down"
    AGAIN = "again"  # is still down
    UP = "up"
    TOLD = "told"  # no key: the terminal's own word


PHASES = {b"": Phase.DOWN, b"1": Phase.DOWN, b"2": Phase.AGAIN, b"3": Phase.UP}
ALIVE, AWAY, BACK, TELLS_RELEASES = "alive", "away", "back", "tells releases"  # the terminal's words


@dataclass(frozen=True)
class Stroke:
    """One key, by a name such as `a`, `up` or `ctrl c`, or one of the terminal's words."""

    key: str
    phase: Phase


class Keystrokes:
    """Bytes in, strokes out, however the bytes were cut."""

    def __init__(self) -> None:
        self._rest, self._fed_s = b"", 0.0

    def feed(self, data: bytes, now_s: float) -> list[Stroke]:
        """What these bytes, read at `now_s`, complete; none of them where there was nothing to read."""
        if self._rest and now_s - self._fed_s > ESCAPE_S:
            lone, self._rest = self._rest, b""
            before = [Stroke("escape", Phase.TAP)] if lone == b"\x1b" else []
        else:
            before = []
        if not data:
            return before
        self._fed_s = now_s
        return before + self._strokes(self._rest + data)

    def _strokes(self, data: bytes) -> list[Stroke]:
        found: list[Stroke | None] = []
        while data:
            if UNFINISHED.match(data) and len(data) < LONGEST:
                break
            sequence = SEQUENCE.match(data)
            found.append(_sequence(sequence) if sequence else _plain(data[0]))
            data = data[sequence.end() if sequence else 1 :]
        self._rest = data
        return [stroke for stroke in found if stroke]


def _plain(byte: int) -> Stroke | None:
    if name := NAMES.get(byte):
        return Stroke(name, Phase.TAP)
    return Stroke(chr(byte).lower(), Phase.TAP) if 32 < byte < 127 else None


def _sequence(found: re.Match[bytes]) -> Stroke | None:
    """CSI number ; modifiers : phase letter, or SS3 letter."""
    inner, last, lettered = found.group(1), found.group(2), found.group(3)
    if lettered:
        return Stroke(LETTERED[lettered], Phase.TAP) if lettered in LETTERED else None
    if (inner, last) in WORDS:
        return Stroke(WORDS[inner, last], Phase.TOLD)
    if inner.startswith(b"?"):
        return Stroke(TELLS_RELEASES, Phase.TOLD) if last == b"u" else None
    if not NUMBERS.fullmatch(inner):
        return None
    number, _, rest = inner.partition(b";")
    modifiers, _, phase = rest.partition(b";")[0].partition(b":")
    name = _name(number.partition(b":")[0], last)
    if name is None or phase not in PHASES:
        return None
    # An arrow of a plain terminal has no modifiers, or no phase beside them.
    heard = PHASES[phase] if last == b"u" or phase else Phase.TAP
    held = int(modifiers.partition(b":")[0] or b"1") - 1
    return Stroke(f"ctrl {name}" if held & CONTROL else name, heard)


WORDS = {(b"0", b"n"): ALIVE, (b"", b"O"): AWAY, (b"", b"I"): BACK}


def _name(number: bytes, last: bytes) -> str | None:
    if last == b"~":
        return NUMBERED.get(number)
    if last != b"u":
        return LETTERED.get(last)
    code = int(number or b"0")
    return NAMES.get(code) or (chr(code).lower() if 32 < code < 127 else None)
