"""The register table: no two rows overlap, and numbers survive the trip through bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.registers import STS3215

SIGNED = [register for register in STS3215.values() if register.sign_bit is not None]


def test_no_two_registers_overlap_and_none_leaves_the_table_of_87_bytes():
    spans = sorted((r.address, r.address + r.size) for r in STS3215.values())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert spans[-1][1] <= 87


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("present_position", "0008", 2048),
        ("present_position", "0180", -1),
        ("present_load", "E803", 1000),
        ("present_load", "E807", -1000),
        ("homing_offset", "0A08", -10),
        ("present_current", "0580", -5),
        ("present_voltage", "7B", 123),
        ("torque_limit", "E803", 1000),
    ],
)
def test_a_register_reads_and_writes_sign_and_magnitude(name, data, value):
    register = STS3215[name]
    assert register.decode(bytes.fromhex(data)) == value
    assert register.encode(value) == bytes.fromhex(data)


@given(st.sampled_from(list(STS3215.values())), st.data())
def test_every_value_a_register_holds_survives_the_trip(register, data):
    lowest = -register.largest if register in SIGNED else 0
    value = data.draw(st.integers(lowest, register.largest))
    assert register.decode(register.encode(value)) == value


@given(st.sampled_from(list(STS3215.values())), st.data())
def test_whatever_a_servo_sends_decodes_into_the_register_range(register, data):
    raw = data.draw(st.binary(min_size=register.size, max_size=register.size))
    assert abs(register.decode(raw)) <= register.largest


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("goal_position", 32768, "goal_position takes -32767 to 32767"),
        ("id", -1, r"id takes 0 to 255 \(id\), got -1"),
        ("homing_offset", -2048, "-2047 to 2047"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(name, value, words):
    with pytest.raises(ValueError, match=words):
        STS3215[name].encode(value)


def test_a_reply_of_another_length_is_refused():
    with pytest.raises(ValueError, match="present_position has 2 bytes, got 3"):
        STS3215["present_position"].decode(bytes(3))
