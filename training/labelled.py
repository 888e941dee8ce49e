"""A judge whom a person at the controls overrules: their word ends the episode."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from control.operating import Order
from control.types import Command, Observation, Truth, Verdict
from training.evaluate import Scored
from training.lift import HELD_STEPS, LiftState

WORDS = (Order.SUCCESS, Order.FAILURE)


class Labelled:
    """Judges as `judge` does, until somebody says success or failure.

    Args:
        asked: what was asked for in this episode so far.
    """

    def __init__(self, judge: Scored, asked: Callable[[], Sequence[Order]]):
        self._judge, self._asked = judge, asked

    @property
    def states(self) -> list[LiftState]:
        """What was looked at."""
        return self._judge.states

    def reset(self, observation: Observation, truth: Truth | None) -> None:
        """Forget the last episode."""
        self._judge.reset(observation, truth)

    def judge(self, observation: Observation, command: Command, truth: Truth | None) -> Verdict:
        """The judge's verdict, or the person's: 1 for a success, 0 for a failure."""
        verdict = self._judge.judge(observation, command, truth)
        said = [order for order in self._asked() if order in WORDS]
        if not said:
            return verdict
        lifted = said[-1] is Order.SUCCESS
        self.states[-1] = replace(self.states[-1], held_steps=HELD_STEPS if lifted else 0)
        return Verdict(float(lifted), 0.0, lifted, {**verdict.terms, "success": float(lifted)})
