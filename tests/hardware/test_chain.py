"""Emulated servos on a line: who answers what, when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware import packets
from hardware.chain import GAP_S, Chain
from hardware.motor import Motor
from hardware.packets import BROADCAST, Status, StatusDecoder
from hardware.registers import STS3215
from hardware.servo import Servo

GOAL, TORQUE, LOCK, ID, LEVEL, BAUD_CODE = (
    STS3215[name].address for name in ("goal_position", "torque_enable", "lock", "id", "response_level", "baud_code")
)
GOAL_1000 = (1000).to_bytes(2, "little")


def chain(*ids: int, **eeprom: int) -> Chain:
    return Chain([Motor(Servo({"id": id, **eeprom})) for id in ids or range(1, 7)])


def told(chain: Chain, packet: bytes, now_s: float = 0.0, baud: int = 1_000_000) -> list[Status]:
    decoder = StatusDecoder()
    return [status for answer in chain.receive(packet, now_s, baud) for status in decoder.feed(answer.data)]


def state(chain: Chain, name: str) -> list[int]:
    return [motor.servo[name] for motor in chain.motors]


@pytest.mark.parametrize(
    ("packet", "answers"),
    [
        (packets.ping(2), [Status(2, 0)]),
        (packets.ping(9), []),
        (packets.ping(BROADCAST), [Status(id, 0) for id in range(1, 7)]),
        (packets.read(3, 3, 2), [Status(3, 0, b"\x09\x03")]),
        (packets.read(3, 85, 9), [Status(3, 0, b"\xfe\x00")]),
        (packets.write(3, GOAL, GOAL_1000), [Status(3, 0)]),
        (packets.write(BROADCAST, GOAL, GOAL_1000), []),
        (packets.reg_write(3, GOAL, GOAL_1000), [Status(3, 0)]),
        (packets.action(), []),
        (packets.sync_read([4, 9, 2], ID, 1), [Status(4, 0, b"\4"), Status(2, 0, b"\2")]),
        (packets.sync_write(GOAL, {1: GOAL_1000}), []),
        (packets.frame(1, 0x77), []),
        (packets.frame(1, packets.Instruction.READ, b"\0"), []),
        (packets.ping(1) + packets.ping(2), [Status(1, 0), Status(2, 0)]),
    ],
)
def test_who_is_asked_answers(packet, answers):
    assert told(chain(), packet) == answers


@pytest.mark.parametrize(
    ("packet", "goals"),
    [
        (packets.write(3, GOAL, GOAL_1000), [0, 0, 1000, 0, 0, 0]),
        (packets.write(BROADCAST, GOAL, GOAL_1000), [1000] * 6),
        (packets.sync_write(GOAL, {1: GOAL_1000, 6: b"\1\0"}), [1000, 0, 0, 0, 0, 1]),
        (packets.reg_write(3, GOAL, GOAL_1000), [0] * 6),
        (packets.reg_write(3, GOAL, GOAL_1000) + packets.action(), [0, 0, 1000, 0, 0, 0]),
    ],
)
def test_who_is_told_obeys(packet, goals):
    servos = chain()
    told(servos, packet)
    assert state(servos, "goal_position") == goals
    assert state(servos, "torque_enable") == [int(goal > 0) for goal in goals]


def test_who_does_not_acknowledge_still_answers_reads():
    silent = chain(1, response_level=0)
    assert told(silent, packets.write(1, GOAL, GOAL_1000)) == []
    assert told(silent, packets.read(1, GOAL, 2)) == [Status(1, 0, GOAL_1000)]


def test_a_servo_that_gets_another_id_acknowledges_with_the_old_one():
    one = chain(1)
    assert told(one, packets.write(1, ID, b"\7")) == [Status(1, 0)]
    assert told(one, packets.ping(1)) == [] and told(one, packets.ping(7)) == [Status(7, 0)]


@pytest.mark.parametrize(("code", "baud", "hears"), [(0, 1_000_000, True), (4, 115_200, True), (4, 1_000_000, False)])
def test_a_servo_hears_its_own_baud_alone(code, baud, hears):
    assert bool(told(chain(1, baud_code=code), packets.ping(1), baud=baud)) is hears


def test_a_sync_read_is_answered_in_slots_and_a_missing_servo_leaves_its_own_empty():
    whole, holed = (chain(*ids).receive(packets.sync_read([1, 2, 3], 56, 2), 0.0) for ids in ((1, 2, 3), (1, 3)))
    assert [answer.after_s for answer in whole] == pytest.approx([0.0, 11 * 1e-5, 22 * 1e-5])
    assert [answer.after_s for answer in holed] == pytest.approx([0.0, 22 * 1e-5])


def test_a_return_delay_is_kept():
    assert chain(1, return_delay=250).receive(packets.ping(1), 0.0)[0].after_s == pytest.approx(500e-6)


def test_two_servos_of_one_id_garble_each_other():
    twins = chain(1, 1)
    twins.motors[0].servo["present_position"] = 100
    twins.motors[0].mount, twins.motors[0].servo.encoder = 100, 100
    assert len(twins.receive(packets.read(1, 56, 2), 0.0)) == 1
    assert told(twins, packets.read(1, 56, 2)) == []


@pytest.mark.parametrize(("pause_s", "heard"), [(GAP_S * 0.5, False), (GAP_S * 1.5, True)])
def test_a_truncated_packet_is_forgotten_after_a_pause(pause_s, heard):
    servos = chain()
    assert told(servos, bytes.fromhex("FF FF 01 40 03"), 1.0) == []
    assert bool(told(servos, packets.ping(1), 1.0 + pause_s)) is heard


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_break_a_chain_and_the_next_question_after_a_pause_is_answered(noise):
    servos = chain()
    for k, data in enumerate(noise):
        servos.receive(data, 0.001 * k)
    now = [motor.servo for motor in servos.motors if motor.servo["baud_code"] == 0 and motor.servo["id"] < BROADCAST]
    for servo in now[:1]:
        alone = [other["id"] for other in now].count(servo["id"]) == 1
        assert not alone or told(servos, packets.ping(servo["id"]), 1.0)
