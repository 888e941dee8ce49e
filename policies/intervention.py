"""A person takes the arm from a policy while it runs, and gives it back.

Both act from the target in force, so a hand-over moves the arm no farther than any other step does. A leader arm that
stands elsewhere than the arm it takes is followed from where that arm is, and the difference worn off as it moves.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from control.interfaces import Policy, Robot
from control.modes import Word
from control.operating import Intent, Operator, Order
from control.types import JOINTS, Command, Observation, Who
from policies.repeat import Repeat
from policies.spaces import Spaces
from policies.teleop import Teleoperated

MOVED_RAD = 0.05  # of a leader's joint: somebody moves it, and it does not just settle


class Hand:
    """What an operator wants, asked once a step however often it is needed."""

    def __init__(self, operator: Operator):
        self._operator = operator
        self._wanted: Intent | None = None
        self.let_go()

    def let_go(self) -> None:
        """The arm is the policy's: what is held on to now takes nothing over until it was let go of, or moved."""
        self._taken = self._free = False
        self._rest_rad: np.ndarray | None = None  # (J,) where a leader lay then
        self._gap_rad = np.zeros(len(JOINTS))  # from a leader to what it asks for

    def take(self) -> None:
        """The arm is theirs."""
        self._taken = True

    def look(self, target_rad: np.ndarray) -> bool:
        """Ask what is wanted now, with the target (J,) that is in force; whether that takes the arm."""
        before, self._wanted = self._wanted, self._operator.intent()
        if self._wanted is None:
            self._free = True
            return False
        leader_rad = self._wanted.joints_rad
        if leader_rad is None:
            return self._free
        if self._taken and before is not None and before.joints_rad is not None:
            step = np.abs(leader_rad - before.joints_rad)
            self._gap_rad = self._gap_rad - np.clip(self._gap_rad, -step, step)
        else:
            self._gap_rad = target_rad - leader_rad
        self._rest_rad = leader_rad if self._rest_rad is None else self._rest_rad
        return bool(np.abs(leader_rad - self._rest_rad).max() > MOVED_RAD)

    def intent(self) -> Intent | None:
        """What was wanted at the last look."""
        if self._wanted is None or self._wanted.joints_rad is None:
            return self._wanted
        return replace(self._wanted, joints_rad=self._wanted.joints_rad + self._gap_rad)

    def orders(self) -> tuple[Order, ...]:
        return self._operator.orders()

    def close(self) -> None:
        self._operator.close()


class Shared:
    """Acts as the policy does until a person takes over, and as they want until they give the arm back.

    They take it by an order, by holding the dead-man or by moving a leader arm. When they let go it halts and waits.
    A stop stops the robot; orders that are not about who acts are left in `asked`.

    Args:
        stand: called between episodes: what moves the arm then is not theirs to let go of.
    """

    def __init__(
        self,
        policy: Policy,
        operator: Operator,
        robot: Robot,
        spaces: Spaces,
        stand: Callable[[], object] | None = None,
    ):
        self._policy, self._hand, self._robot, self._stand = policy, Hand(operator), robot, stand
        asked_hz = robot.spec.hz / spaces.config.action_repeat
        self._person = Teleoperated(self._hand, robot, spaces, asked_hz=asked_hz)
        self._driven = Repeat(self._person, spaces)
        self._decision = spaces.config.action_repeat
        self.reset()

    def reset(self) -> None:
        """Begin an episode; it is the policy's."""
        if self._stand:
            self._stand()
        self._policy.reset()
        self._driven.reset()
        self._hand.let_go()
        self.asked: list[Order] = []
        self.who = self._wanted = Who.POLICY
        self._step = 0

    def act(self, observation: Observation) -> Command:
        if self._hand.look(observation.target_rad):
            self._wanted = Who.PERSON
        for order in self._hand.orders():
            self._obey(order, observation)
        if self._wanted != self.who and self._step % self._decision == 0:
            self._hand_over()
        self._step += 1
        return (self._driven if self.who is Who.PERSON else self._policy).act(observation)

    def _obey(self, order: Order, observation: Observation) -> None:
        match order:
            case Order.TAKE:
                self._wanted = Who.PERSON
            case Order.GIVE:
                self._wanted = Who.POLICY
            case Order.FRAME:
                self._person.face(observation)
            case Order.STOP:
                self._robot.say(Word.STOP)
            case _:
                self.asked.append(order)

    def _hand_over(self) -> None:
        self.who = self._wanted
        if self.who is Who.PERSON:
            self._hand.take()
            self._person.held = True  # so that the arm halts where they want nothing yet
        else:
            self._hand.let_go()
            self._policy.reset()  # what it saw last is from before
