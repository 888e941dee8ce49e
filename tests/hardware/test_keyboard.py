"""Keys of a real terminal: what is held, what was asked for, and a terminal that is given back as it was."""

import os
import pty
import re
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import UserError
from control.operating import Order
from hardware.keyboard import HOLD_S, MOTION, ORDERS, PACES, SILENT_S, Keyboard
from hardware.keystrokes import ALIVE, AWAY, ESCAPE_S, TELLS_RELEASES, Keystrokes, Phase, Stroke

TAP, DOWN, AGAIN, UP, TOLD = Phase
STROKES = [
    (b"i", Stroke("i", TAP)),
    (b"I", Stroke("i", TAP)),
    (b" ", Stroke("space", TAP)),
    (b"\r", Stroke("enter", TAP)),
    (b"\n", Stroke("enter", TAP)),
    (b"\x1b[A", Stroke("up", TAP)),
    (b"\x1bOA", Stroke("up", TAP)),
    (b"\x1b[1;2D", Stroke("left", TAP)),
    (b"\x1b[5~", Stroke("page up", TAP)),
    (b"\x1b[105;1:1u", Stroke("i", DOWN)),
    (b"\x1b[105u", Stroke("i", DOWN)),
    (b"\x1b[105;1:2u", Stroke("i", AGAIN)),
    (b"\x1b[105;1:3u", Stroke("i", UP)),
    (b"\x1b[1;1:3A", Stroke("up", UP)),
    (b"\x1b[6;1:2~", Stroke("page down", AGAIN)),
    (b"\x1b[99;5u", Stroke("ctrl c", DOWN)),
    (b"\x1b[27;1:1u", Stroke("escape", DOWN)),
    (b"\x1b[0n", Stroke(ALIVE, TOLD)),
    (b"\x1b[?11u", Stroke(TELLS_RELEASES, TOLD)),
    (b"\x1b[O", Stroke(AWAY, TOLD)),
]


@pytest.mark.parametrize(("sent", "means"), STROKES, ids=[repr(sent) for sent, _ in STROKES])
def test_a_key_is_known_by_the_bytes_that_a_terminal_sends(sent, means):
    assert Keystrokes().feed(sent, 0.0) == [means]


@given(st.lists(st.sampled_from(STROKES), max_size=12), st.lists(st.integers(1, 9), max_size=60))
def test_strokes_are_the_same_however_their_bytes_were_cut(sent, cuts):
    data, keys, heard = b"".join(part for part, _ in sent), Keystrokes(), []
    for size in [*cuts, len(data)]:
        heard += keys.feed(data[:size], 0.0)
        data = data[size:]
    assert heard == [stroke for _, stroke in sent]


@given(st.binary(max_size=300))
def test_no_bytes_whatever_upset_it_and_a_key_after_them_is_heard(noise):
    keys = Keystrokes()
    keys.feed(noise, 0.0)
    keys.feed(b"~" * 70, 1.0)
    assert keys.feed(b"i", 2.0)[-1] == Stroke("i", TAP)


def test_escape_alone_is_a_key_once_nothing_followed_it():
    keys = Keystrokes()
    assert keys.feed(b"\x1b", 0.0) == [] and keys.feed(b"", ESCAPE_S / 2) == []
    assert keys.feed(b"", 2 * ESCAPE_S) == [Stroke("escape", TAP)]


def test_no_key_has_two_meanings():
    assert not set(MOTION) & set(ORDERS) and not set(PACES) & (set(MOTION) | set(ORDERS))
    assert {order for order in Order if order != "clear"} == set(ORDERS.values())  # going home is the word that clears


class Person:
    """Fingers, and the terminal between them and the process; `kitty` is one that tells releases."""

    def __init__(self, kitty: bool, answers: bool = True):
        self.kitty, self.answers, self.shown = kitty, answers, b""
        self.screen, self.keys = pty.openpty()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while not self._over.is_set():
            if select.select([self.screen], [], [], 0.005)[0]:
                data = os.read(self.screen, 4096)
                self.shown += data
                if self.kitty and b"\x1b[?u" in data:
                    self.send(b"\x1b[?0u")
                if self.answers:
                    self.send(b"\x1b[0n" * data.count(b"\x1b[5n"))

    def send(self, data: bytes) -> None:
        if data:
            os.write(self.screen, data)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for end in (self.screen, self.keys):
            with suppress(OSError):
                os.close(end)


@pytest.fixture(params=[False, True], ids=["plain", "kitty"])
def person(request) -> Iterator[Person]:
    with closing(Person(request.param)) as person:
        yield person


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def keyboard(person, told, monkeypatch) -> Iterator[Keyboard]:
    with os.fdopen(os.dup(person.keys)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with closing(Keyboard(told.append)) as keyboard:
            eventually(lambda: keyboard.intent() is None and (b"\x1b[>11u" in person.shown) == person.kitty)
            yield keyboard


def eventually(true, within_s: float = 2.0) -> float:
    """How long it took."""
    began_s = time.monotonic()
    while not true():
        assert time.monotonic() - began_s < within_s
        time.sleep(0.002)
    return time.monotonic() - began_s


def key(person: Person, letter: str, phase: Phase) -> None:
    number = {DOWN: 1, AGAIN: 2, UP: 3}[phase]
    if person.kitty:
        person.send(b"\x1b[%d;1:%du" % (ord(letter), number))
    elif phase is not UP:
        person.send(letter.encode())


@pytest.mark.clock
def test_a_key_that_is_held_moves_and_one_that_is_let_go_does_not(person, keyboard):
    key(person, "j", DOWN)
    eventually(lambda: keyboard.intent() is not None)
    until_s = time.monotonic() + 0.5
    while time.monotonic() < until_s:
        key(person, "j", AGAIN)
        time.sleep(0.03)
        assert keyboard.intent().motion == (0.0, 1.0, 0.0, 0.0, 0.0)
    key(person, "j", UP)
    assert eventually(lambda: keyboard.intent() is None) < HOLD_S + 0.02


@pytest.mark.clock
@pytest.mark.parametrize("person", [True], indirect=True)
def test_a_terminal_that_answers_holds_a_key_as_long_as_it_is_down(person, keyboard, told):
    for letter in "jl":
        key(person, letter, DOWN)
        eventually(lambda: keyboard.intent() is not None)
        until_s = time.monotonic() + 0.6
        while time.monotonic() < until_s:
            time.sleep(0.01)
            assert keyboard.intent() is not None, told
        key(person, letter, UP)
        eventually(lambda: keyboard.intent() is None)


@pytest.mark.clock
def test_an_order_is_given_once_for_a_press_however_long_it_lasts(person, keyboard):
    given: list[Order] = []
    for phase in (DOWN, *[AGAIN] * 10, UP):
        key(person, "h", phase)
        time.sleep(0.03)
        given += keyboard.orders()
    assert given == [Order.HOME]


def test_two_keys_go_aslant_and_a_digit_says_how_fast(person, keyboard):
    for letter in "2iu":
        key(person, letter, DOWN)
    eventually(lambda: keyboard.intent() is not None and keyboard.intent().motion == (0.4, 0.0, 0.4, 0.0, 0.0))


@pytest.mark.parametrize("person", [True], indirect=True)
@pytest.mark.parametrize("lost", ["answers", "focus"])
def test_a_terminal_that_is_silent_or_out_of_sight_holds_no_key(person, keyboard, told, lost):
    key(person, "i", DOWN)
    eventually(lambda: keyboard.intent() is not None)
    if lost == "focus":
        person.send(b"\x1b[O")
    else:
        person.answers = False
    assert eventually(lambda: keyboard.intent() is None) < SILENT_S + 0.1
    assert told == (
        ["the terminal answers late or not at all: a key is held only while its repeats come"]
        if lost == "answers"
        else []
    )


@pytest.mark.clock
@pytest.mark.parametrize("person", [True], indirect=True)
def test_a_terminal_too_far_away_to_answer_in_time_is_as_good_as_a_plain_one(person, keyboard):
    person.answers = False
    key(person, "i", DOWN)
    eventually(lambda: keyboard.intent() is not None)
    eventually(lambda: keyboard.intent() is None)
    for _ in range(15):
        key(person, "i", AGAIN)
        time.sleep(0.03)
        assert keyboard.intent() is not None
    key(person, "i", UP)
    assert eventually(lambda: keyboard.intent() is None) < 0.05


@pytest.mark.parametrize("person", [True], indirect=True)
def test_a_screen_that_takes_no_more_is_not_waited_for(person, keyboard):
    key(person, "i", DOWN)
    eventually(lambda: keyboard.intent() is not None)
    person._over.set()
    person._thread.join()
    os.set_blocking(person.keys, False)
    with suppress(BlockingIOError):
        while True:
            os.write(person.keys, bytes(4096))
    os.set_blocking(person.keys, True)
    assert eventually(lambda: keyboard.intent() is None) < SILENT_S + 0.1


def test_a_terminal_that_is_gone_lets_go_and_quits(person, keyboard):
    key(person, "i", DOWN)
    eventually(lambda: keyboard.intent() is not None)
    person._over.set()
    person._thread.join()
    os.close(person.screen)
    eventually(lambda: keyboard.intent() is None)
    assert keyboard.orders() == (Order.QUIT,)


@pytest.mark.parametrize("person", [False, True], indirect=True)
def test_the_terminal_is_given_back_as_it_was(person, monkeypatch):
    before = termios.tcgetattr(person.keys)
    with os.fdopen(os.dup(person.keys)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(ZeroDivisionError), closing(Keyboard(print)) as keyboard:
            eventually(lambda: keyboard.intent() is None and (b"\x1b[>11u" in person.shown) == person.kitty)
            assert termios.tcgetattr(person.keys) != before
            key(person, "i", DOWN)
            eventually(lambda: keyboard.intent() is not None)
            _ = 1 / 0
    assert termios.tcgetattr(person.keys) == before
    eventually(lambda: person.shown.count(b"\x1b[>11u") == person.shown.count(b"\x1b[<u") == person.kitty)
    assert not re.search(rb"\x1b\[0n", b"".join(iter(lambda: leftover(person.keys), b"")))


def leftover(fd: int) -> bytes:
    return os.read(fd, 4096) if select.select([fd], [], [], 0.02)[0] else b""


def test_without_a_terminal_it_says_what_it_takes(monkeypatch, tmp_path):
    (tmp_path / "nobody").touch()
    with open(tmp_path / "nobody") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(UserError, match="standard input is none"):
            Keyboard(print)
