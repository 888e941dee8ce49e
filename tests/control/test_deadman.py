"""Whoever lets go is heard between ticks: the brake is pressed at once, and until the driving thread has heard it."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from control.deadman import HUNG_S, LOOK_S, DeadMan
from control.errors import DriverLost, UserError
from control.modes import Word
from control.operating import Intent, Order

FORWARDS = Intent((1.0, 0.0, 0.0, 0.0, 0.0))
SEVERAL_LOOKS_S = 12 * LOOK_S


class Hand:
    """An operator whose hand the test moves."""

    def __init__(self) -> None:
        self.wanted: Intent | None = None
        self.said: list[Order] = []
        self.failure: Exception | None = None
        self.closed = False
        self.asleep = threading.Event()
        self.asleep.set()

    def intent(self) -> Intent | None:
        if self.failure:
            raise self.failure
        self.asleep.wait()
        return self.wanted

    def orders(self) -> tuple[Order, ...]:
        given, self.said = tuple(self.said), []
        return given

    def close(self) -> None:
        self.closed = True


class Brake:
    """Remembers when it was told what."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Word]] = []
        self.failure: Exception | None = None

    def __call__(self, word: Word) -> None:
        self.heard.append((time.monotonic(), word))
        if self.failure:
            raise self.failure

    @property
    def words(self) -> list[Word]:
        return [word for _, word in self.heard]


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def brake() -> Brake:
    return Brake()


@pytest.fixture
def dead_man(hand, brake) -> Iterator[DeadMan]:
    with closing(DeadMan(hand, brake)) as dead_man:
        yield dead_man


def eventually(true, within_s: float = 2.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def drive(hand: Hand, dead_man: DeadMan) -> None:
    hand.wanted = FORWARDS
    eventually(lambda: dead_man.intent() is FORWARDS)


@pytest.mark.clock
def test_letting_go_brakes_long_before_the_next_tick(hand, brake, dead_man):
    took_s = []
    for _ in range(11):
        drive(hand, dead_man)
        brake.heard.clear()
        let_go_s, hand.wanted = time.monotonic(), None
        eventually(lambda: brake.heard)
        took_s.append(brake.heard[0][0] - let_go_s)
        assert dead_man.intent() is None
    assert sorted(took_s)[5] < 3 * LOOK_S


def test_it_goes_on_braking_until_whoever_drives_has_heard_of_it(hand, brake, dead_man):
    drive(hand, dead_man)
    hand.wanted = None
    eventually(lambda: len(brake.heard) > 3)
    assert set(brake.words) == {Word.HALT} and dead_man.intent() is None
    time.sleep(SEVERAL_LOOKS_S)
    heard = len(brake.heard)
    time.sleep(SEVERAL_LOOKS_S)
    assert len(brake.heard) == heard


def test_an_arm_that_nobody_drove_is_left_alone(hand, brake, dead_man):
    for hand.wanted in (FORWARDS, None):
        time.sleep(SEVERAL_LOOKS_S)
    assert dead_man.intent() is None and brake.words == []


def test_a_glide_that_was_ordered_is_not_stopped_by_the_hand_that_lets_go(hand, brake, dead_man):
    drive(hand, dead_man)
    dead_man.stand()
    hand.wanted = None
    time.sleep(SEVERAL_LOOKS_S)
    assert brake.words == []


def test_a_stop_is_said_at_once_and_handed_on_with_every_other_order(hand, brake, dead_man):
    hand.said = [Order.FRAME, Order.STOP]
    eventually(lambda: brake.words == [Word.STOP])
    assert dead_man.orders() == (Order.FRAME, Order.STOP) and dead_man.orders() == ()


@pytest.mark.parametrize("failing", ["hand", "brake"])
def test_what_goes_wrong_beside_reaches_whoever_drives(hand, brake, dead_man, failing):
    drive(hand, dead_man)
    if failing == "hand":
        hand.failure = UserError("the pad caught fire")
        eventually(lambda: Word.HALT in brake.words)
    else:
        brake.failure = DriverLost("it is gone")
        hand.wanted = None
    with pytest.raises((UserError, DriverLost), match="the pad caught fire|it is gone"):
        eventually(lambda: dead_man.intent() is None and False)


def test_a_device_that_hangs_holds_nothing(hand, brake, dead_man):
    drive(hand, dead_man)
    hand.asleep.clear()
    eventually(lambda: dead_man.intent() is None, within_s=10 * HUNG_S)
    hand.asleep.set()
    eventually(lambda: dead_man.intent() is FORWARDS)


def test_closing_it_closes_the_operator(hand, brake):
    rest = Hand()
    DeadMan(hand, brake, (rest,)).close()
    assert hand.closed and rest.closed
