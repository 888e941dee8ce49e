"""Absolute deadlines: time is given in as a clock and a sleep."""

import math
import time
from collections.abc import Callable


class Pacer:
    """Ticks at multiples of 1/hz after its start. A missed tick is counted and skipped, never caught up in a burst."""

    def __init__(
        self, hz: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ):
        self.late = 0
        self.worst_late_s = 0.0
        self._period_s = 1.0 / hz
        self._clock = clock
        self._sleep = sleep
        self.start()

    def start(self) -> None:
        """Count deadlines from now on; the counters stay."""
        self._start_s = self._clock()
        self._ticks = 0

    def tick(self) -> float:
        """Sleep until the next deadline that has not passed, and return it (s, on the clock)."""
        self._ticks += 1
        late_s = self._clock() - self._deadline_s()
        if late_s > 0:
            missed = math.floor(late_s / self._period_s) + 1
            self.late += missed
            self.worst_late_s = max(self.worst_late_s, late_s)
            self._ticks += missed
        self._sleep(max(0.0, self._deadline_s() - self._clock()))
        return self._deadline_s()

    def _deadline_s(self) -> float:
        return self._start_s + self._ticks * self._period_s
