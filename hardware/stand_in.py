"""What is done with an arm whose driver is gone: somebody else writes the hold, the stop or the letting go."""

import threading
import time
from contextlib import closing
from functools import partial

import numpy as np

from control.errors import TwinarmError
from control.modes import HELD, Mode, Word
from hardware.bus import Bus
from hardware.orders import Order, Say, Task, Telemetry
from hardware.port import Port
from hardware.servos import LATCHES, STOPPED, WEAK, Servos


class StandIn:
    """For one driver. It hears what the driver is told, for a driver may die over it."""

    def __init__(self, task: Task):
        self._task, self._busy = task, threading.Lock()
        self._limp = self._stopped = False  # what somebody said
        self._left: Telemetry | None = None
        self.outcome = "; the arm holds where it was"  # in words, behind why there is no driver

    def hear(self, order: Order) -> None:
        """Remember what of it counts without a driver, too."""
        self._limp |= order == Say(Word.LIMP)
        self._stopped = order == Say(Word.STOP) or (self._stopped and order != Say(Word.CLEAR))

    def act(self, left: Telemetry | None = None) -> None:
        """What holds an arm is a goal where it is; one that was told to go limp is let go, and what was latched stands
        already and stays latched.

        Args:
            left: what the driver told last; nothing where that is known.
        """
        self._left = left or self._left
        mode = Mode(self._left.mode) if self._left else Mode.CLOSED
        if mode not in HELD and not self._limp:
            self.outcome = ""
            return
        try:
            hasty = partial(Port, in_haste=True)
            with self._busy, closing(Bus(self._task.port, self._task.baud, self._task.slack_s, opened=hasty)) as bus:
                servos = Servos(bus, self._task.calibration)
                if self._limp:
                    self._let_go(servos)
                else:
                    self._hold(servos, mode)
        except TwinarmError as error:
            self.outcome = f", and nobody else can reach the servos ({error}); they keep to what they were last told"

    def _let_go(self, servos: Servos) -> None:
        holding = servos.let_go()
        still = f", and {', '.join(holding)} may still hold: switch the supply off" if holding else ""
        self.outcome = f"{still}; the arm was let go"

    def _hold(self, servos: Servos, mode: Mode) -> None:
        servos.limit_torque(LATCHES.get(mode, STOPPED if self._stopped else WEAK))
        if self._left and mode not in LATCHES:
            servos.stay(np.array(self._left.joints_rad), time.monotonic())
