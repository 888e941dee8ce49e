"""The wire's benchmark, cut short: its figures are there and its echo carries what a step carries."""

import numpy as np
import pytest

from control import wire
from control.types import JOINTS, Command
from tools.bench_wire import bench_wire, messages

pytestmark = pytest.mark.clock


def test_the_bench_gives_both_figures_and_their_ratio():
    report = bench_wire(blocks=1)
    assert list(report) == ["ours_us_p50", "ours_us_p99", "bare_us_p50", "bare_us_p99", "ratio"]
    assert 1 < report["bare_us_p50"] <= report["bare_us_p99"]
    assert report["ratio"] == report["ours_us_p50"] / report["bare_us_p50"]


def test_the_bare_echo_carries_a_command_and_a_picture():
    asked, answered = messages(Command(np.zeros(len(JOINTS)), answers=41))
    assert wire.COMMAND.read(wire.unpack(asked).body).answers == 41
    assert 84 * 84 * 3 < len(answered) < 84 * 84 * 3 + 500
