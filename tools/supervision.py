"""Whoever is at the controls while a policy runs: they may take over, say how an episode ended, stop it and quit."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from control.deadman import DeadMan
from control.interfaces import Policy, Robot
from control.loop import Step
from control.operating import Order
from control.types import Who
from policies.intervention import Shared
from policies.spaces import Spaces
from tools.operators import open_operator
from training.evaluate import Scored
from training.labelled import Labelled


class Supervision:
    """A person beside a policy, or nobody where there is no operator."""

    def __init__(self, operator: DeadMan | None, robot: Robot, spaces: Spaces):
        self._operator, self._robot, self._spaces = operator, robot, spaces
        self._shared: Shared | None = None
        self.steps = self.by_person = 0

    def policy(self, policy: Policy) -> Policy:
        """The policy, or what lets them take over from it."""
        if self._operator is None:
            return policy
        self._shared = Shared(policy, self._operator, self._robot, self._spaces, self._operator.stand)
        return self._shared

    def judge(self, judge: Scored) -> Scored:
        """The judge, whom their word overrules."""
        return Labelled(judge, lambda: self._asked) if self._operator else judge

    def watch(self, step: Step) -> None:
        """Count who acts. Raises KeyboardInterrupt when they quit."""
        self.steps += 1
        self.by_person += step.command.who is Who.PERSON
        if Order.QUIT in self._asked:
            raise KeyboardInterrupt("left by whoever is at the controls; the arm holds")

    @property
    def _asked(self) -> list[Order]:
        return self._shared.asked if self._shared else []


@contextmanager
def supervised(
    device: str | None, name: str, robot: Robot, spaces: Spaces, tell: Callable[[str], object]
) -> Iterator[Supervision]:
    """The person at `device` beside the robot called `name`; nobody where there is no device.

    Raises:
        UserError: there is no such device, or it cannot be opened.
    """
    if device is None:
        yield Supervision(None, robot, spaces)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the terminal would be left without echo
    with closing(open_operator(device, name, robot, tell)) as operator:
        yield Supervision(operator, robot, spaces)
