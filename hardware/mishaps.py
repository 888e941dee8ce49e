"""What goes wrong on purpose: on the line, with a servo, its supply, the joint or the camera, each at a set moment.

A mishap waits for its phase, begins so long after, lasts, and is over. What its effects are is for whoever owns the
thing it happens to; the bytes on the line are spoilt here.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec
import numpy as np

from control import config
from control.config import require
from control.types import JOINTS
from hardware import packets
from hardware.chain import Answer

Phase = Literal["start", "torque", "motion", "lift"]
What = Literal[
    "corrupt", "drop", "delay", "duplicate", "stranger", "noise", "echo",
    "silent", "unplug", "reset", "overload", "sag", "heat", "jam", "frozen", "black", "slow",
]  # fmt: skip
AMOUNTS = {  # where `amount` is not given
    "delay": 0.02,  # s
    "noise": 64.0,  # bytes before each answer
    "sag": 7.0,  # V that are left
    "heat": 66.0,  # degrees Celsius
    "jam": 5.0,  # N m of friction
    "slow": 5.0,  # pictures a second
}
BROKEN_BIT = 0x10


class Mishap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of a mishap file."""

    what: What
    after: Phase = "start"  # of the twin, of torque, of the first motion, or the cube's first lift
    at_s: float = 0.0  # how long after that
    for_s: float | None = None  # None: to the end
    joint: str | None = None  # whose servo; None: all of them
    amount: float | None = None  # in the unit that AMOUNTS gives
    share: float = 1.0  # of the answers on the line that it happens to

    def __post_init__(self) -> None:
        require(self.at_s >= 0.0 and (self.for_s is None or self.for_s > 0.0), "at_s must be >= 0 and for_s > 0")
        require(self.joint is None or self.joint in JOINTS, f"joint must be one of {', '.join(JOINTS)}")
        require(0.0 < self.share <= 1.0, f"share must be in (0, 1], got {self.share}")
        require(self.amount is None or self.what in AMOUNTS, f"{self.what} takes no amount")
        require(self.amount is None or self.amount > 0.0, f"amount must be > 0, got {self.amount}")

    @property
    def much(self) -> float:
        """The amount that holds."""
        return AMOUNTS.get(self.what, 0.0) if self.amount is None else self.amount

    def concerns(self, joint: int) -> bool:
        return self.joint is None or self.joint == JOINTS[joint]


class MishapFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a mishap file."""

    mishaps: tuple[Mishap, ...]


def load(path: str) -> tuple[Mishap, ...]:
    """Raises ConfigError."""
    return config.build(MishapFile, config.read(path), path).mishaps


class Timeline:
    """Which mishaps begin and end, as time passes."""

    def __init__(self, mishaps: Sequence[Mishap]):
        self._waiting, self._running = list(mishaps), list[tuple[Mishap, float]]()
        self._began_s: dict[str, float] = {}

    @property
    def idle(self) -> bool:
        """Nothing will happen any more."""
        return not self._waiting and not self._running

    def step(self, phases: Collection[Phase], now_s: float) -> tuple[list[Mishap], list[Mishap]]:
        """Those that begin now and those that are over, at a time when these phases have been reached."""
        for phase in phases:
            self._began_s.setdefault(phase, now_s)
        begun = [m for m in self._waiting if now_s >= self._began_s.get(m.after, np.inf) + m.at_s]
        over = [mishap for mishap, until_s in self._running if now_s >= until_s]
        self._waiting = [mishap for mishap in self._waiting if mishap not in begun]
        self._running = [(mishap, until_s) for mishap, until_s in self._running if mishap not in over]
        self._running += [(m, np.inf if m.for_s is None else now_s + m.for_s) for m in begun]
        return begun, over


# On the line


def _corrupt(answer: Answer, much: float, rng: np.random.Generator) -> list[Answer]:
    at = int(rng.integers(len(answer.data)))
    return [Answer(answer.after_s, answer.data[:at] + bytes([answer.data[at] ^ BROKEN_BIT]) + answer.data[at + 1 :])]


def _stranger(answer: Answer, much: float, rng: np.random.Generator) -> list[Answer]:
    """Sound in itself, and from an id that nobody asked."""
    return [Answer(answer.after_s, packets.frame(200, answer.data[4], answer.data[5:-1]))]


def _noise(answer: Answer, much: float, rng: np.random.Generator) -> list[Answer]:
    return [Answer(answer.after_s, rng.bytes(int(much)) + answer.data)]


Spoil = Callable[[Answer, float, np.random.Generator], list[Answer]]
SPOILS: dict[str, Spoil] = {
    "corrupt": _corrupt,
    "drop": lambda answer, much, rng: [],
    "delay": lambda answer, much, rng: [Answer(answer.after_s + much, answer.data)],
    "duplicate": lambda answer, much, rng: [answer, answer],
    "stranger": _stranger,
    "noise": _noise,
}


class Spoiler:
    """Spoils what a chain answers, while some mishaps last.

    Args:
        ids: of the servos, in the order of `JOINTS`.
    """

    def __init__(self, ids: Sequence[int], seed: int = 0):
        self.running: list[Mishap] = []
        self._ids, self._rng = list(ids), np.random.default_rng(seed)

    def __call__(self, question: bytes, answers: list[Answer]) -> list[Answer]:
        for mishap in self.running:
            if mishap.what == "echo":
                answers = [Answer(0.0, question), *answers]
            else:
                answers = [spoilt for answer in answers for spoilt in self._spoilt(mishap, answer)]
        return answers

    def _spoilt(self, mishap: Mishap, answer: Answer) -> Sequence[Answer]:
        id = answer.data[2]
        hit = id in self._ids and mishap.concerns(self._ids.index(id)) and self._rng.random() < mishap.share
        return SPOILS[mishap.what](answer, mishap.much, self._rng) if hit else [answer]


def spoils(mishap: Mishap) -> bool:
    """Whether it happens on the line."""
    return mishap.what in SPOILS or mishap.what == "echo"
