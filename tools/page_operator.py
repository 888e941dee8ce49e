"""The page as an operator: what its keys, gamepad and touch want, for as long as the page is heard."""

import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from control.errors import CommandRefused
from control.operating import Intent, Order

SILENT_S = 0.15  # without a beat, after which nobody holds the dead-man
STALE_S = 0.4  # since what a page had heard of us when it beat: a line that holds words back holds back a release, too
FORGOTTEN_S = 2.0  # without a beat, after which another page may take the arm
ANYBODY = (Order.STOP, Order.CLEAR, Order.TAKE)


class Beat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="beat"):
    """Ten times a second and at every change: what is wanted; motion is None where nothing is held."""

    motion: tuple[float, float, float, float, float] | None
    heard_s: float  # the newest of our stamps that the page has seen


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="say"):
    """A button."""

    order: Order


_decode = msgspec.json.Decoder(Beat | Say).decode


class PageOperator:
    """Any number of pages look; the one that took the arm drives. Pages speak from threads of their own.

    Args:
        clock: monotonic, seconds; the pages are told it, and tell it back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self.driver = ""  # the page that drives
        self._intent: Intent | None = None
        self._heard_s = self._echo_s = -STALE_S
        self._lapsed = False
        self._busy = threading.Lock()
        self._orders: deque[Order] = deque()

    def hear(self, page: str, text: str | bytes) -> None:
        """What a page said.

        Raises:
            CommandRefused: it means nothing, or only whoever drives may say it.
        """
        try:
            said = _decode(text)
            intent = Intent(said.motion) if isinstance(said, Beat) and said.motion is not None else None
        except (msgspec.MsgspecError, ValueError) as error:
            raise CommandRefused(f"the page said what means nothing here: {error}") from None
        if isinstance(said, Say):
            self._asked(page, said.order)
            return
        with self._busy:
            if page == self.driver:
                self._lapsed = intent is not None and (self._lapsed or self._is_late)
                self._intent, self._heard_s, self._echo_s = intent, self._clock(), said.heard_s

    def gone(self, page: str) -> None:
        """That page is closed, or its connection is lost."""
        if page == self.driver:
            self.unseat()
            self._orders.append(Order.GIVE)

    def seat(self, page: str) -> str:
        """Who drives, as that page sees it: here, lapsed (here, but it must let go first), elsewhere or nobody."""
        if page == self.driver:
            return "lapsed" if self._lapsed else "here"
        return "elsewhere" if self.driver else "nobody"

    def intent(self) -> Intent | None:
        """What the page wants that drives; None once it was silent, until it has let go."""
        with self._busy:
            self._lapsed = self._intent is not None and (self._lapsed or self._is_late)
            return None if self._lapsed else self._intent

    def orders(self) -> tuple[Order, ...]:
        """What was asked for since the last question, in order, each once."""
        return tuple(self._orders.popleft() for _ in range(len(self._orders)))

    def lapse(self) -> None:
        """Whoever holds the dead-man has to let go of it first."""
        with self._busy:
            self._lapsed = self._intent is not None

    def unseat(self) -> None:
        """Nobody drives any more; whoever wants to takes the arm again."""
        with self._busy:
            self.driver, self._intent = "", None

    def close(self) -> None:
        """Whoever drove has quit."""
        self.unseat()
        self._orders.append(Order.QUIT)

    @property
    def _is_late(self) -> bool:
        now_s = self._clock()
        return self._intent is not None and (now_s - self._heard_s > SILENT_S or now_s - self._echo_s > STALE_S)

    def _asked(self, page: str, order: Order) -> None:
        if order is Order.TAKE:
            self._take(page)
        elif page != self.driver and order not in ANYBODY:
            raise CommandRefused("only whoever drives may do that; take the arm first")
        self._orders.append(order)
        if order in (Order.STOP, Order.GIVE):
            self.unseat()

    def _take(self, page: str) -> None:
        silent_s = self._clock() - self._heard_s
        if self.driver not in ("", page) and silent_s < FORGOTTEN_S:
            raise CommandRefused("another page drives this arm; give it back there, or stop the arm")
        with self._busy:
            self.driver, self._intent, self._lapsed, self._heard_s = page, None, False, self._clock()
