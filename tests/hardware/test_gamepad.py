"""A gamepad's bytes through a real pipe: what sticks and buttons mean, and what becomes of one that is unplugged."""

import os
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control import config
from control.errors import ConfigError, UserError
from control.operating import AXES, Order
from hardware.gamepad import AGAIN_S, AT_FIRST, AXIS, BUTTON, EVENT, FULL, Gamepad, GamepadMap, Stick, map_of, maps

HOLD = 4


class Pad:
    """The gamepad's side of a pipe at a path."""

    def __init__(self, path: Path):
        self.path, self._end = path, -1
        self.now_s, self.told = 0.0, []
        os.mkfifo(path)

    def open(self) -> Gamepad:
        gamepad = Gamepad(self.path, self.told.append, lambda: self.now_s)
        self.plug()
        return gamepad

    def plug(self) -> None:
        self._end = os.open(self.path, os.O_WRONLY)

    def unplug(self) -> None:
        os.close(self._end)
        self._end = -1

    def send(self, kind: int, number: int, value: int) -> None:
        os.write(self._end, struct.pack("<IhBB", 0, value, kind, number))

    def write(self, data: bytes) -> None:
        os.write(self._end, data)

    def close(self) -> None:
        if self._end >= 0:
            os.close(self._end)


@pytest.fixture
def pad(tmp_path) -> Iterator[Pad]:
    with closing(Pad(tmp_path / "js0")) as pad:
        yield pad


@pytest.fixture
def gamepad(pad) -> Iterator[Gamepad]:
    with closing(pad.open()) as gamepad:
        yield gamepad


@pytest.mark.parametrize(
    ("number", "value", "axis", "share"),
    [
        (1, -FULL, "x", 1.0),
        (0, FULL, "y", -1.0),
        (4, -FULL, "z", 1.0),
        (3, -FULL, "roll", 1.0),
        (5, FULL, "gripper", -1.0),
        (5, -FULL, "gripper", 0.0),
        (2, FULL, "gripper", 1.0),
        (1, FULL // 10, "x", 0.0),
    ],
)
def test_a_stick_moves_what_it_is_for_while_the_dead_man_is_held(pad, gamepad, number, value, axis, share):
    pad.send(AXIS, number, value)
    assert gamepad.intent() is None
    pad.send(BUTTON, HOLD, 1)
    motion = dict(zip(AXES, gamepad.intent().motion, strict=True))
    assert motion == pytest.approx({**dict.fromkeys(AXES, 0.0), axis: share})
    pad.send(BUTTON, HOLD, 0)
    assert gamepad.intent() is None


@given(st.integers(-FULL - 1, FULL), st.sampled_from([0.0, -1.0]))
def test_no_reading_wants_more_than_full_speed(value, rest):
    assert abs(Stick(0, "x", -1.0, rest).motion(value)) <= 1.0


@settings(deadline=None)  # it opens a pipe
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(-32768, 32767)), max_size=20))
def test_events_of_any_kind_leave_it_whole(tmp_path_factory, events):
    with closing(Pad(tmp_path_factory.mktemp("pad") / "js0")) as pad, closing(pad.open()) as gamepad:
        for event in events:
            pad.send(*event)
        gamepad.intent()
        pad.send(BUTTON, HOLD, 1)
        assert gamepad.intent() is not None


def test_buttons_give_each_order_once_and_need_no_dead_man(pad, gamepad):
    for number in gamepad.map.orders:
        pad.send(BUTTON, number, 1)
        pad.send(BUTTON, number, 0)
    assert gamepad.orders() == tuple(gamepad.map.orders.values()) and gamepad.orders() == ()
    assert Order.STOP in gamepad.map.orders.values()


def test_events_cut_anywhere_are_put_together(pad, gamepad):
    data = EVENT.pack(0, -FULL, AXIS, 1) + EVENT.pack(0, 1, BUTTON, HOLD)
    for byte in data:
        assert gamepad.intent() is None
        pad.write(bytes([byte]))
    assert gamepad.intent().motion[0] == 1.0


def test_a_dead_man_that_was_down_when_it_was_opened_is_not_held(pad, gamepad):
    pad.send(BUTTON | AT_FIRST, HOLD, 1)
    assert gamepad.intent() is None
    pad.send(BUTTON, HOLD, 1)
    assert gamepad.intent() is not None


def test_one_that_is_unplugged_lets_go_says_so_once_and_may_come_back(pad, gamepad):
    pad.send(BUTTON, HOLD, 1)
    assert gamepad.intent() is not None
    pad.unplug()
    assert [gamepad.intent() for _ in range(3)] == [None] * 3
    assert pad.told == [f"the gamepad at {pad.path} is gone: the arm stands; plug it in again, or press q"]
    pad.now_s = 2 * AGAIN_S
    keep = os.open(pad.path, os.O_RDONLY | os.O_NONBLOCK)  # so that the writer may come before us
    pad.plug()
    assert gamepad.intent() is None and pad.told[-1].endswith("is back")
    pad.send(BUTTON, HOLD, 1)
    os.close(keep)
    assert gamepad.intent() is not None


@pytest.mark.parametrize(
    ("name", "known"),
    [("Microsoft X-Box 360 pad", "xbox"), ("Sony DualSense", "playstation"), ("", "xbox"), ("Thing", "xbox")],
)
def test_a_gamepad_is_known_by_its_name(name, known):
    assert map_of(name) == maps()[known]


def test_a_map_whose_dead_man_gives_an_order_is_none():
    with pytest.raises(ConfigError, match="button 4 is the dead-man"):
        config.build(GamepadMap, dict(names=[], hold=4, sticks=[], orders={4: "home"}), "here")


@pytest.mark.parametrize("what", ["missing", "file"])
def test_what_is_no_gamepad_is_refused_with_its_path(tmp_path, what):
    path = tmp_path / what
    if what == "file":
        path.write_text("x")
    with pytest.raises(UserError, match=str(path)):
        Gamepad(path, print)
