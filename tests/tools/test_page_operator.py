"""A page is an operator for as long as it is heard, and drives only where no other does."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.errors import CommandRefused
from control.operating import Order
from tools.page_operator import FORGOTTEN_S, SILENT_S, STALE_S, PageOperator

AHEAD = (1.0, 0.0, 0.0, 0.0, 0.0)


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def operator(clock):
    operator = PageOperator(clock)
    say(operator, "take")
    operator.orders()
    return operator


def say(operator, order, page="here"):
    operator.hear(page, json.dumps({"type": "say", "order": order}))


def beat(operator, clock, motion=AHEAD, page="here", behind_s=0.0):
    operator.hear(page, json.dumps({"type": "beat", "motion": motion, "heard_s": clock() - behind_s}))


def test_what_is_held_is_wanted_and_what_is_let_go_is_not(operator, clock):
    beat(operator, clock)
    assert operator.intent().motion == AHEAD
    beat(operator, clock, None)
    assert operator.intent() is None


@pytest.mark.parametrize("after_s, moves", [(0.9 * SILENT_S, True), (1.1 * SILENT_S, False)])
def test_a_page_that_falls_silent_has_let_go(operator, clock, after_s, moves):
    beat(operator, clock)
    clock.now_s += after_s
    assert (operator.intent() is not None) is moves


@pytest.mark.parametrize("asked_meanwhile", [True, False])
def test_a_page_that_is_heard_again_moves_nothing_before_its_keys_came_up(operator, clock, asked_meanwhile):
    beat(operator, clock)
    clock.now_s += 1.1 * SILENT_S
    if asked_meanwhile:
        assert operator.intent() is None
    beat(operator, clock)
    assert operator.intent() is None and operator.seat("here") == "lapsed"
    beat(operator, clock, None)
    beat(operator, clock)
    assert operator.intent() is not None and operator.seat("here") == "here"


def test_a_line_that_delays_every_word_moves_nothing(operator, clock):
    beat(operator, clock, behind_s=1.1 * STALE_S)
    assert operator.intent() is None
    beat(operator, clock, None)
    beat(operator, clock, behind_s=0.5 * STALE_S)
    assert operator.intent() is not None


@pytest.mark.parametrize(
    "leaves", [lambda o: o.gone("here"), lambda o: say(o, "give"), lambda o: say(o, "stop", "other")]
)
def test_whoever_leaves_has_let_go(operator, clock, leaves):
    beat(operator, clock)
    leaves(operator)
    assert operator.intent() is None and operator.driver == ""
    beat(operator, clock)
    assert operator.intent() is None


def test_a_word_that_is_just_being_heard_does_not_outlive_its_speaker(operator, clock):
    leaving = threading.Thread(target=operator.unseat)
    told = clock.now_s

    def slow():
        leaving.start()
        leaving.join(0.2)
        operator._clock = lambda: told
        return told

    operator._clock = slow
    operator.hear("here", json.dumps({"type": "beat", "motion": AHEAD, "heard_s": told}))
    leaving.join()
    assert operator.driver == "" and operator.intent() is None


def test_another_page_neither_drives_nor_orders_but_stops(operator, clock):
    beat(operator, clock, page="other")
    assert operator.intent() is None
    for order in ("take", "home", "keep", "discard"):
        with pytest.raises(CommandRefused, match="another page drives|take the arm first"):
            say(operator, order, "other")
    say(operator, "stop", "other")
    say(operator, "clear", "other")
    assert operator.orders() == (Order.STOP, Order.CLEAR)


def test_a_page_that_is_not_there_any_more_does_not_keep_the_arm(operator, clock):
    clock.now_s += 0.9 * FORGOTTEN_S
    with pytest.raises(CommandRefused, match="another page drives"):
        say(operator, "take", "other")
    clock.now_s += 0.2 * FORGOTTEN_S
    say(operator, "take", "other")
    assert (operator.seat("other"), operator.seat("here")) == ("here", "elsewhere")


def test_every_order_is_told_once_and_in_turn(operator):
    orders = [order for order in Order if order not in (Order.GIVE, Order.STOP)]
    for order in orders:
        say(operator, order)
    assert operator.orders() == tuple(orders)
    assert operator.orders() == ()


def test_a_page_that_is_closed_gives_the_arm_back_and_one_that_watched_does_not(operator):
    operator.gone("other")
    assert operator.orders() == ()
    operator.gone("here")
    operator.gone("here")
    assert operator.orders() == (Order.GIVE,)


@given(st.one_of(st.text(), st.binary(), st.recursive(st.floats() | st.text(), st.lists).map(json.dumps)))
def test_what_means_nothing_is_refused_and_moves_nothing(words):
    operator = PageOperator()
    say(operator, "take")
    with pytest.raises(CommandRefused, match="means nothing here"):
        operator.hear("here", words)
    assert operator.intent() is None


@pytest.mark.parametrize("motion", [[2, 0, 0, 0, 0], [0, 0, 0], [1e999, 0, 0, 0, 0], "ahead", [True, 0, 0, 0, 0]])
def test_motion_beyond_full_speed_is_refused(operator, clock, motion):
    with pytest.raises(CommandRefused):
        beat(operator, clock, motion)
    assert operator.intent() is None
