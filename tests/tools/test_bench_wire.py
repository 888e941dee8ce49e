"""The wire's benchmark, cut short: its figures are there and every form carries what a step carries."""

from contextlib import ExitStack

import numpy as np
import pytest

from control import wire
from control.types import JOINTS, Command
from tools import echoes
from tools.bench_wire import BARE, COMMAND, StillRobot, compared, messages, told, ways

pytestmark = pytest.mark.clock


def test_the_bench_gives_each_form_s_figures_beside_the_bare_echo(monkeypatch):
    monkeypatch.setattr("tools.bench_wire.BLOCK", 20)
    report = compared((84, 84), blocks=1)
    assert report[BARE][3] == 1.0 and {"ours, ipc", "ours, ipc, JPEG", "ours, tcp, CURVE"} < set(report)
    for p50, p99, quietest, multiple in report.values():
        assert 1 < quietest <= p50 <= p99 and multiple > 0


def test_the_bare_echo_carries_a_command_and_a_picture():
    asked, answered = messages(Command(np.zeros(len(JOINTS)), answers=41))
    assert wire.COMMAND.read(wire.unpack(asked).body).answers == 41
    assert 84 * 84 * 3 < len(answered) < 84 * 84 * 3 + 500


def test_every_form_brings_the_same_observation(tmp_path):
    wanted = StillRobot((12, 16)).observe()
    with ExitStack() as opened:
        calls = ways((12, 16), tmp_path, opened)
        for name in ("ours, ipc", "ours, tcp, CURVE"):
            np.testing.assert_array_equal(calls[name]().frames["wrist_cam"].rgb, wanted.frames["wrist_cam"].rgb)
        for name in ("websockets, msgpack, tcp", "gRPC, msgpack, tcp"):
            np.testing.assert_array_equal(calls[name]()["wrist_cam"], wanted.frames["wrist_cam"].rgb)
            np.testing.assert_array_equal(calls[name]()["joints_rad"], wanted.joints_rad)


def test_what_peers_pack_comes_out_as_it_went_in():
    said = told(StillRobot((12, 16)).observe()) | {"answers": COMMAND.answers}
    heard = echoes.unpack(echoes.pack(said))
    assert set(heard) == set(said)
    for name, value in said.items():
        np.testing.assert_array_equal(heard[name], value)
