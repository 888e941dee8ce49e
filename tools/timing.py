"""What the time of a policy by the clock goes to."""

import time
from collections.abc import Callable

import numpy as np
from rich.table import Table

from control.interfaces import Policy
from control.types import Command, Observation
from policies.remote import RemotePolicy


class Watched:
    """A policy by the clock: it acts, and when and for how long is remembered.

    Args:
        begin: called with an episode's first observation, before anything moves.
        ask: called with every command; what it returns is given away.
    """

    def __init__(self, policy: Policy, begin: Callable[[Observation], None], ask: Callable[[Command], Command]):
        self._policy, self._begin, self._ask = policy, begin, ask
        self._since_s: float | None = None
        self.acting_s: list[float] = []
        self.ticks_s: list[float] = []  # from one action to the next
        self.robot_s: list[float] = []  # of it, until the next observation was there and judged

    def reset(self) -> None:
        self._policy.reset()
        self._since_s = None

    def act(self, observation: Observation) -> Command:
        now_s = time.perf_counter()
        if self._since_s is None:
            self._begin(observation)
        else:
            self.ticks_s.append(now_s - self._since_s)
            self.robot_s.append(self.ticks_s[-1] - self.acting_s[-1])
        self._since_s = now_s
        command = self._policy.act(observation)
        self.acting_s.append(time.perf_counter() - now_s)
        return self._ask(command)


def spent(watched: Watched, policy: Policy) -> dict[str, tuple[float, ...]]:
    """What a tick went to, by stage: milliseconds, p50, p99 and the longest."""
    stages = {"tick": watched.ticks_s, "robot": watched.robot_s, "policy": watched.acting_s}
    if isinstance(policy, RemotePolicy):
        timing = policy.timing
        stages |= {"  asked": timing.asked_s, "  inferred": timing.inferred_s, "picture's age": timing.age_s}
    return {
        name: (*(round(1e3 * float(np.percentile(rows, share)), 2) for share in (50, 99)), round(1e3 * max(rows), 2))
        for name, rows in stages.items()
        if rows
    }


def times(stages: dict[str, tuple[float, ...]]) -> Table:
    """For people."""
    table = Table("ms", "p50", "p99", "longest", box=None)
    for name, row in stages.items():
        table.add_row(name, *(f"{value:.1f}" for value in row))
    return table
