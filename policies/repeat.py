"""Keeping an action for several control steps, as fast control rates do."""

from dataclasses import replace

import numpy as np

from control.interfaces import Policy
from control.types import JOINTS, Command, Observation
from policies.spaces import Spaces


class Repeat:
    """Asks `policy` at every n-th step and repeats its action in between."""

    def __init__(self, policy: Policy, spaces: Spaces):
        self._policy, self._spaces = policy, spaces
        self.reset()

    def reset(self) -> None:
        self._policy.reset()
        self._step, self._last = 0, Command(np.zeros(len(JOINTS)), 0)

    def act(self, observation: Observation) -> Command:
        if self._step % self._spaces.config.action_repeat == 0:
            self._last = self._policy.act(observation)
        else:
            again = self._spaces.command(np.array(self._last.action), observation)
            self._last = replace(again, label=self._last.label, who=self._last.who)
        self._step += 1
        return self._last
