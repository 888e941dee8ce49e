"""How a bus has done so far, counted for people and for the watchdog."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW = 100  # questions that `success` looks back on


@dataclass
class Tally:
    """How it went with one servo so far."""

    asked: int = 0
    retried: int = 0
    silent: int = 0  # questions it left unanswered, retries and all

    @property
    def answered(self) -> int:
        return self.asked - self.silent


@dataclass
class Tallies:
    """How it went with the line."""

    servos: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    noise_bytes: int = 0  # that belonged to no packet, or to one with a wrong checksum
    strangers: int = 0  # statuses of servos that were not asked, or of another size
    echoes: int = 0  # questions that came back
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))

    @property
    def success(self) -> float:
        """Share of the last 100 questions that everyone asked answered, retries included."""
        return sum(self.recent) / len(self.recent) if self.recent else 1.0

    def counters(self) -> dict[str, int]:
        """All by name, for people."""
        line = {"noise bytes": self.noise_bytes, "strangers": self.strangers, "echoes": self.echoes}
        servos = {f"{what} {id}": getattr(t, what) for id, t in self.servos.items() for what in ("retried", "silent")}
        return line | servos

    def retry(self, asked: Sequence[int]) -> None:
        """These are asked again."""
        for id in asked:
            self.servos[id].retried += 1

    def count(self, asked: Sequence[int], missing: Sequence[int]) -> None:
        """A question to these servos, of whom some are `missing` after every retry."""
        for id in asked:
            self.servos[id].asked += 1
        for id in missing:
            self.servos[id].silent += 1
        self.recent.append(not missing)

    def of(self, id: int) -> Tally:
        return self.servos[id]
