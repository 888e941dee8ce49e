"""An operator at the keys of a plain terminal, here or at the other end of an ssh: no X, no permissions.

A motion key that is held is the dead-man. A terminal only repeats a key that is held, so each byte counts for HOLD_S: a
tap is a small step, and after the terminal's own delay repeats join up. One that tells when a key comes up need not be
guessed at: the key is held until then, or until the window loses the focus or the terminal answers no longer in time.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable

from control.operating import AXES, Intent, Order
from hardware.keystrokes import ALIVE, AWAY, TELLS_RELEASES, Keystrokes, Phase, Stroke
from hardware.terminal import Terminal

# fmt: off
MOTION = {  # axis and direction; x is forwards, y to the left
    "i": ("x", 1), "up": ("x", 1), "k": ("x", -1), "down": ("x", -1),
    "j": ("y", 1), "left": ("y", 1), "l": ("y", -1), "right": ("y", -1),
    "u": ("z", 1), "page up": ("z", 1), "m": ("z", -1), "page down": ("z", -1),
    "z": ("roll", 1), "y": ("roll", 1), "x": ("roll", -1),  # y: where z is on a QWERTZ keyboard
    "v": ("gripper", 1), "c": ("gripper", -1),
}
# No arrow is among them: one that moves the arm must not throw a recording away.
ORDERS = {
    "h": Order.HOME, "b": Order.FRAME, "t": Order.TAKE, "g": Order.GIVE, "s": Order.SUCCESS, "f": Order.FAILURE,
    "n": Order.KEEP, "enter": Order.KEEP, "r": Order.REDO, "d": Order.DISCARD, "q": Order.QUIT,
    "space": Order.STOP, "escape": Order.STOP,
}
PACES = {"1": 0.2, "2": 0.4, "3": 0.6, "4": 0.8, "5": 1.0}  # share of full speed
# fmt: on
HOLD_S = 0.1  # longer than terminals take from one repeat to the next: 0.03 to 0.09
SAME_PRESS_S = 0.8  # within which a byte repeats the order before it: longer than a terminal's delay before repeats
PING_S, SILENT_S = 0.03, 0.1  # between questions whether the terminal is there; after which it is not
NEVER_S = float("-inf")


class Keyboard:
    """Keys of this process's terminal.

    Args:
        tell: is told in words what somebody should know.
    Raises:
        UserError: standard input is no terminal.
    """

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic):
        self._terminal, self._strokes = Terminal(), Keystrokes()
        self._tell, self._clock = tell, clock
        self._until_s: dict[str, float] = {}  # by motion key: while it counts as held, whatever is known
        self._down: set[str] = set()  # motion keys that were pressed and not told to have come up
        self._last_s: dict[str, float] = {}  # by order's key: when it was last heard
        self._orders: list[Order] = []
        self._pings_s: deque[float] = deque()  # when those were sent that are not answered yet
        self._known_s = self._pinged_s = 0.0  # when the terminal is known to have been there
        self._pace, self._slow, self._gone = 1.0, False, False

    def intent(self) -> Intent | None:
        """What the keys that are held want; None where none of a motion is."""
        now_s = self._clock()
        self._listen(now_s)
        held = {key for key, until_s in self._until_s.items() if until_s > now_s} | self._known_down(now_s)
        if not held:
            return None
        wanted = {MOTION[key] for key in held}
        ways = {axis: [way for named, way in wanted if named == axis] for axis in AXES}
        return Intent(tuple(self._pace * sum(ways[axis]) for axis in AXES))

    def orders(self) -> tuple[Order, ...]:
        """What keys asked for since the last question."""
        self._listen(self._clock())
        given, self._orders = tuple(self._orders), []
        return given

    def close(self) -> None:
        """Give the terminal back."""
        self._terminal.close()

    def _listen(self, now_s: float) -> None:
        if self._gone:
            return
        try:
            data = self._terminal.read()
        except EOFError:
            self._gone = True
            self._let_go()
            self._orders.append(Order.QUIT)
            return
        for stroke in self._strokes.feed(data, now_s):
            self._hear(stroke, now_s)
        if self._down and now_s - self._pinged_s >= PING_S:
            self._pinged_s = now_s
            self._pings_s.extend([now_s] if self._terminal.ping() else [])

    def _hear(self, stroke: Stroke, now_s: float) -> None:
        if stroke.phase is Phase.TOLD:
            self._be_told(stroke.key, now_s)
        elif stroke.key == "ctrl c":  # which the terminal sends as any other key once it tells releases
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        elif stroke.key in MOTION:
            self._move(stroke, now_s)
        elif stroke.phase is not Phase.UP and stroke.key in PACES:
            self._pace = PACES[stroke.key]
        elif stroke.key in ORDERS:
            self._order(stroke, now_s)

    def _move(self, stroke: Stroke, now_s: float) -> None:
        key, phase = stroke.key, stroke.phase
        if phase is Phase.UP:
            self._down.discard(key)
            self._until_s.pop(key, None)
            return
        self._until_s[key] = now_s + HOLD_S
        if phase is not Phase.TAP:
            self._known_s = self._known_s if self._down else now_s
            self._down.add(key)

    def _known_down(self, now_s: float) -> set[str]:
        """As of the last question that was answered: a key's release would have come before that."""
        if not self._down or now_s - self._known_s < SILENT_S:
            return self._down
        if not self._slow:
            self._tell("the terminal answers late or not at all: a key is held only while its repeats come")
        self._slow = True
        return set()

    def _let_go(self) -> None:
        self._until_s.clear()
        self._down.clear()

    def _order(self, stroke: Stroke, now_s: float) -> None:
        """Once for each press, however long it lasts; a stop every time."""
        again = stroke.phase is Phase.TAP and now_s - self._last_s.get(stroke.key, NEVER_S) < SAME_PRESS_S
        self._last_s[stroke.key] = now_s
        order = ORDERS[stroke.key]
        if stroke.phase is Phase.DOWN or (stroke.phase is Phase.TAP and (not again or order is Order.STOP)):
            self._orders.append(order)

    def _be_told(self, word: str, now_s: float) -> None:
        if word == TELLS_RELEASES:
            self._terminal.tell_releases()
        elif word == AWAY:
            self._let_go()
        elif word == ALIVE and self._pings_s:
            self._known_s = max(self._known_s, self._pings_s.popleft())
