"""Time is a parameter: these tests sleep on a clock of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.pacing import Pacer


class Clock:
    """A clock that only moves when someone sleeps or works."""

    def __init__(self, now_s: float = 100.0):
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds


def paced(hz: float) -> tuple[Pacer, Clock]:
    clock = Clock()
    return Pacer(hz, clock, clock.sleep), clock


def test_ticks_fall_on_multiples_of_the_period():
    pacer, clock = paced(hz=10)
    for n in range(1, 50):
        clock.sleep(0.03)
        assert pacer.missed() == 0
        pacer.tick()
        assert clock() == pytest.approx(100 + 0.1 * n)
    assert pacer.late == 0 and pacer.worst_late_s == 0


def test_periods_that_ended_without_a_command_are_counted_once():
    pacer, clock = paced(hz=10)
    clock.sleep(0.35)  # the periods that ended at 0.1, 0.2 and 0.3 had no command
    assert pacer.missed() == 3 and pacer.missed() == 0
    assert pacer.late == 3
    assert pacer.worst_late_s == pytest.approx(0.25)
    assert pacer.tick() == pytest.approx(100.4)
    assert clock() == pytest.approx(100.4)


def test_after_a_long_stall_ticks_follow_the_clock_again():
    pacer, clock = paced(hz=100)
    clock.sleep(7.001)
    assert pacer.missed() == 700
    returned = []
    for _ in range(5):
        pacer.tick()
        returned.append(clock() - 100)
    assert returned == pytest.approx([7.01, 7.02, 7.03, 7.04, 7.05])


def test_a_period_whose_work_takes_too_long_is_not_slept_away():
    pacer, clock = paced(hz=10)
    clock.sleep(0.05)
    assert pacer.missed() == 0
    clock.sleep(0.27)
    assert pacer.tick() == pytest.approx(100.1)
    assert clock() == pytest.approx(100.32)
    assert pacer.missed() == 2


def test_a_pause_between_episodes_is_not_lateness():
    pacer, clock = paced(hz=10)
    pacer.tick()
    clock.sleep(60)
    pacer.start()
    assert pacer.missed() == 0
    assert pacer.tick() == pytest.approx(160.2)
    assert pacer.late == 0


@given(st.floats(1, 100), st.lists(st.floats(0, 3), max_size=40))
def test_every_period_has_a_command_or_is_counted(hz, work_s):
    pacer, clock = paced(hz)
    last, missed = 0, 0
    for busy_s in work_s:
        clock.sleep(busy_s)
        missed += pacer.missed()
        tick = round((pacer.tick() - 100) * hz)
        assert tick > last
        last = tick
    assert last == len(work_s) + missed and missed == pacer.late
