"""The bus's benchmark, cut short: its figures are there, and both sides exchange the same bytes."""

import pytest

from hardware.packets import StatusDecoder
from tools.bench_bus import ANSWER, IDS, MIDDLE, POSITION, bench_bus

pytestmark = pytest.mark.clock


def test_the_bench_gives_cycles_and_the_share_of_the_wire():
    report = bench_bus(blocks=1)
    assert report["ours_over_bare"] == pytest.approx(report["bare_cycles_s"] / report["ours_cycles_s"])
    assert report["ours_cycles_s"] > 100 and report["ours_p99_us"] > 1e6 / report["ours_cycles_s"]
    assert 1 <= report["paced_over_wire"] == pytest.approx(report["full_reading_paced_ms"] / report["wire_ms"])


def test_what_the_bare_chain_answers_is_every_servos_position():
    statuses = StatusDecoder().feed(ANSWER)
    assert [status.id for status in statuses] == list(IDS)
    assert {POSITION.decode(status.data) for status in statuses} == {MIDDLE}
