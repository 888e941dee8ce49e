"""The dead-man: whoever lets go is heard at once, not at the next control tick."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from control.errors import TwinarmError
from control.modes import Word
from control.operating import Intent, Operator, Order

LOOK_S = 0.01
HUNG_S = 0.15  # without a look, after which nobody is known to hold it


class Closable(Protocol):
    def close(self) -> None: ...


class DeadMan:
    """An operator that is asked a hundred times a second, in a thread of its own, and brakes the robot between ticks.

    A tick of 10 Hz comes up to 100 ms after somebody let go, and what was commanded last goes on until then.

    Args:
        operator: who holds the dead-man; asked and closed here alone.
        brake: says halt or stop to the robot, from another thread than the one that drives.
        rest: what else is to be closed when this is.
    """

    def __init__(self, operator: Operator, brake: Callable[[Word], object], rest: Sequence[Closable] = ()):
        self._operator, self._brake, self._rest = operator, brake, rest
        self._lock, self._over = threading.Lock(), threading.Event()
        self._intent: Intent | None = None
        self._orders: list[Order] = []
        self._looked_s = time.monotonic()
        self._driving = False  # the last answer to whoever drives was not None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def intent(self) -> Intent | None:
        """Raises what the operator or the brake raised meanwhile."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            known = time.monotonic() - self._looked_s < HUNG_S
            intent = self._intent if known else None
            self._driving = intent is not None
            return intent

    def orders(self) -> tuple[Order, ...]:
        """What was asked for since the last question. A stop was heard already, and is told all the same."""
        with self._lock:
            given, self._orders = tuple(self._orders), []
            return given

    def stand(self) -> None:
        """Nobody drives before the next question: what moves now, as a glide home, is not for the dead-man to stop."""
        with self._lock:
            self._driving = False

    def close(self) -> None:
        """Let go of the operator."""
        self._over.set()
        self._thread.join()
        for one in (self._operator, *self._rest):
            one.close()

    def _watch(self) -> None:
        try:
            while not self._over.wait(LOOK_S):
                self._look()
        except BaseException as error:
            with self._lock:
                self._failure, self._intent = error, None
            if self._driving:
                with suppress(TwinarmError):
                    self._brake(Word.HALT)

    def _look(self) -> None:
        intent, orders = self._operator.intent(), self._operator.orders()
        with self._lock:
            self._intent, self._looked_s = intent, time.monotonic()
            self._orders += orders
            # Again at every look until the driving thread has heard of it: it may have a command under way.
            let_go = intent is None and self._driving
        if Order.STOP in orders:
            self._brake(Word.STOP)
        elif let_go:
            self._brake(Word.HALT)
