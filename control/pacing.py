"""Absolute deadlines: time is given in as a clock and a sleep."""

import math
import time
from collections.abc import Callable


class Pacer:
    """Periods of 1/hz from its start, one for each command.

    A period whose command has not come when it ends is late: counted, and left to the caller, who asks how many there
    were (`missed`) before the command that did come begins the period under way.
    """

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
        """Count periods from now on; the counters of lateness stay."""
        self._start_s = self._clock()
        self._periods = 0

    def missed(self) -> int:
        """How many periods have ended since the last question or `tick`, without a command."""
        late_s = self._clock() - self._end_s(self._periods + 1)
        if late_s < 0:
            return 0
        missed = math.floor(late_s / self._period_s) + 1
        self.late += missed
        self.worst_late_s = max(self.worst_late_s, late_s)
        self._periods += missed
        return missed

    def tick(self) -> float:
        """Sleep to the end of this period, if it lies ahead, and return it (s, on the clock)."""
        self._periods += 1
        end_s = self._end_s(self._periods)
        self._sleep(max(0.0, end_s - self._clock()))
        return end_s

    def _end_s(self, periods: int) -> float:
        return self._start_s + periods * self._period_s
