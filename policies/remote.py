"""A policy in another process, or on another machine: asked at every step, or ahead of the steps.

A robot must not wait for a network for ever, nor act on what was true long ago. An answer that is not there by its
deadline, or is about an observation too many steps old, is none: the arm holds its target for that step.
"""

import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from control.arm import Arm
from control.caller import Caller
from control.errors import LinkTimeout
from control.keys import own_ticket
from control.types import Command, Observation
from control.wire import ACT as ACT_KIND
from policies.card import ACT, Act, Look, look_form, read_card
from policies.spaces import Spaces

PATIENCE_S = 5.0  # for a hello
DEADLINE_S = 0.08
SILENT_S = 3.0  # of steps one after another, after which nobody is there any more


@dataclass
class Timing:
    """What the questions took, in seconds, and what came of them."""

    asked_s: list[float] = field(default_factory=list)  # from a question to its answer
    inferred_s: list[float] = field(default_factory=list)  # of it, the network's own
    age_s: list[float] = field(default_factory=list)  # of the picture, when the answer was sent
    outcomes: Counter[str] = field(default_factory=Counter)  # steps: acted, late, old


class RemotePolicy:
    """A served policy as a policy.

    Args:
        deadline_s: how long a step may wait for its action.
        ahead: whether to ask in the background: a step takes the newest action there is, and never waits.
        oldest_steps: of the observation that an action answers, where it was asked ahead.
    Raises:
        LinkTimeout: nobody answers there.
        LinkError: what answers is no policy.
    """

    def __init__(
        self,
        endpoint: str,
        arm: Arm,
        deadline_s: float = DEADLINE_S,
        ahead: bool = False,
        oldest_steps: int = 3,
    ):
        self._caller = Caller(endpoint, PATIENCE_S, ticket=own_ticket())
        try:
            self.card = read_card(self._caller.greeting)
        except BaseException:
            self._caller.close()
            raise
        self._caller.limit(deadline_s)
        self._form, self.spaces = look_form(self.card.notes), Spaces(self.card.notes.spaces, arm)
        self._ahead = ThreadPoolExecutor(1) if ahead else None
        if self._ahead:
            self._ahead.submit(int).result()  # its thread begins now, not with the first step and that one's priority
        self._asking: Future[Act | None] | None = None
        self._oldest = oldest_steps if ahead else 0
        self._act: Act | None = None
        self.timing = Timing()
        self._first, self._heard_s = True, time.monotonic()

    def reset(self) -> None:
        """Forget the last episode."""
        if self._asking:
            self._asking.result()
        self._heard_s = time.monotonic()
        self._act = self._asking = None
        self._first = True

    def act(self, observation: Observation) -> Command:
        """Never later than the deadline; hold where there is no action. Raises LinkTimeout where there is none for
        SILENT_S, and LinkError, as where the policy was begun anew."""
        if self._ahead:
            if self._asking and self._asking.done():
                self._act, self._asking = self._asking.result() or self._act, None
            self._asking = self._asking or self._ahead.submit(self._ask, observation)
        elif self._act is None or observation.seq - self._act.answers >= len(self._act.actions):
            self._act = self._ask(observation)
        return self._command(observation)

    def close(self) -> None:
        """Let the policy go."""
        if self._ahead:
            self._ahead.shutdown()
        self._caller.close()

    def _command(self, observation: Observation) -> Command:
        act, nothing = self._act, (0.0,) * self.spaces.action_size
        steps = observation.seq - act.answers if act else 0
        if act is None or steps > max(self._oldest, len(act.actions) - 1):
            self.timing.outcomes["old"] += act is not None
            return Command(observation.target_rad, observation.seq, action=nothing)
        self.timing.outcomes["acted"] += 1
        return self.spaces.command(np.array(act.actions[min(steps, len(act.actions) - 1)]), observation)

    def _ask(self, observation: Observation) -> Act | None:
        """None where the answer did not come in time."""
        began_s, camera = time.perf_counter(), self.spaces.config.camera
        seen = replace(observation, frames={camera: observation.frames[camera]})
        try:
            act = ACT.read(self._caller.ask(ACT_KIND, self._form.write(Look(seen, self._first))))
        except LinkTimeout:
            self.timing.outcomes["late"] += 1
            if (silent_s := time.monotonic() - self._heard_s) > SILENT_S:
                where = self._caller.endpoint
                raise LinkTimeout(f"the policy at {where} is silent for {silent_s:.1f} s; the arm holds") from None
            return None
        self._first, self._heard_s = False, time.monotonic()
        self.timing.asked_s.append(time.perf_counter() - began_s)
        self.timing.inferred_s.append(act.inferred_s)
        self.timing.age_s.append(act.age_s)
        return act
