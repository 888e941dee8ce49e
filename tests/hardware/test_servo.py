"""The emulated servo's memory: what writes do, and what survives."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardware.packets import Fault
from hardware.registers import STS3215
from hardware.servo import EEPROM, READ_ONLY, SIZE, Servo
from hardware.servos import straight

addresses, payloads = st.integers(0, 255), st.binary(min_size=1, max_size=40)


def put(servo: Servo, name: str, value: int) -> None:
    servo.write(STS3215[name].address, STS3215[name].encode(value))


def test_a_servo_wakes_limp_locked_and_at_the_torque_its_eeprom_allows():
    servo = Servo({"max_torque": 500, "id": 4})
    told = {name: servo[name] for name in ("id", "torque_enable", "lock", "torque_limit", "status", "goal_position")}
    assert told == dict(id=4, torque_enable=0, lock=1, torque_limit=500, status=0, goal_position=0)


@pytest.mark.parametrize(("lock", "kept"), [(0, 1200), (1, 0)])
def test_only_an_unlocked_eeprom_outlives_the_supply(lock, kept):
    servo = Servo()
    put(servo, "lock", lock)
    put(servo, "min_position", 1200)
    put(servo, "torque_limit", 300)
    assert (servo["min_position"], servo["torque_limit"]) == (1200, 300)
    servo.power_up()
    assert (servo["min_position"], servo["torque_limit"], servo["lock"]) == (kept, 1000, 1)


def test_a_smaller_greatest_torque_counts_from_the_next_power_up():
    servo = Servo()
    put(servo, "lock", 0)
    put(servo, "max_torque", 500)
    assert servo["torque_limit"] == 1000
    servo.power_up()
    assert servo["torque_limit"] == 500


@pytest.mark.parametrize(("mode", "goal"), [(0, "goal_position"), (1, "goal_speed"), (2, "goal_time")])
def test_a_goal_of_its_mode_switches_torque_on_by_itself(mode, goal):
    servo = Servo()
    put(servo, "mode", mode)
    put(servo, "torque_enable", 0)
    put(servo, "acceleration", 20)
    assert servo["torque_enable"] == 0
    put(servo, goal, 100)
    assert servo["torque_enable"] == 1


@pytest.mark.parametrize(
    ("limits", "goal", "driven_to"),
    [((1000, 3000), 500, 1000), ((1000, 3000), 3500, 3000), ((1000, 3000), 2000, 2000), ((0, 0), 9000, 9000)],
)
def test_a_goal_is_clamped_to_the_limits_without_a_word(limits, goal, driven_to):
    servo = Servo({"min_position": limits[0], "max_position": limits[1]})
    put(servo, "goal_position", goal)
    assert (servo["goal_position"], servo["goal_position_2"]) == (goal, driven_to)


def test_while_limp_the_goal_follows_the_joint_so_that_torque_holds_the_pose_it_finds():
    servo = Servo()
    servo.sense(2500)
    put(servo, "torque_enable", 1)
    assert servo["goal_position_2"] == 2500
    servo.sense(2600)
    assert servo["goal_position_2"] == 2500


@pytest.mark.parametrize(
    ("encoder", "offset", "limits", "position"),
    [
        (100, 0, (0, 4095), 100),
        (100, 300, (0, 4095), 3896),
        (4000, -300, (0, 4095), 204),
        (9000, 0, (0, 4095), 808),
        (9000, 0, (0, 0), 9000),
        (-50, 0, (0, 0), -50),
    ],
)
def test_a_position_is_the_encoder_less_the_offset_in_one_turn_unless_the_limits_are_equal(
    encoder, offset, limits, position
):
    servo = Servo({"homing_offset": offset, "min_position": limits[0], "max_position": limits[1]})
    servo.sense(encoder)
    assert servo["present_position"] == position


@pytest.mark.parametrize("encoder", [1, 500, 2048, 4095])
def test_128_makes_the_present_angle_the_middle(encoder):
    servo = Servo()
    servo.sense(encoder)
    put(servo, "torque_enable", 128)
    assert (servo["present_position"], servo["torque_enable"]) == (2048, 0)


def test_an_angle_that_needs_an_offset_of_2048_cannot_be_made_the_middle():
    servo = Servo()
    servo.sense(0)
    put(servo, "torque_enable", 128)
    assert (servo["present_position"], servo["homing_offset"]) == (0, 0)


def test_another_mode_forgets_speed_acceleration_and_torque():
    servo = Servo()
    for name, value in dict(goal_position=2000, goal_speed=300, acceleration=20).items():
        put(servo, name, value)
    put(servo, "mode", 0)
    assert [servo[name] for name in ("torque_enable", "goal_speed", "acceleration")] == [1, 300, 20]
    put(servo, "mode", 1)
    assert [servo[name] for name in ("torque_enable", "goal_speed", "acceleration")] == [0, 0, 0]


def test_switching_torque_off_ends_an_overload_and_nothing_else():
    servo = Servo()
    servo["status"] = Fault.OVERLOAD | Fault.TEMPERATURE
    put(servo, "torque_enable", 0)
    assert servo.faults == Fault.TEMPERATURE


def test_a_stored_write_waits_for_action():
    servo = Servo()
    servo.store(STS3215["goal_position"].address, STS3215["goal_position"].encode(1500))
    assert (servo["stored_write"], servo["goal_position"]) == (1, 0)
    servo.act()
    assert (servo["stored_write"], servo["goal_position"], servo["torque_enable"]) == (0, 1500, 1)


@given(st.lists(st.tuples(addresses, payloads), max_size=12))
@example([(9, b"\x00\x80\x00\x81"), (42, b"\x00\x00")])  # limits beyond what a position can be
def test_no_write_breaks_a_servo_or_reaches_what_is_read_only(writes):
    servo = Servo()
    measured = {name: servo[name] for name in ("model", "firmware_minor", "present_voltage", "present_load")}
    for address, data in writes:
        servo.write(address, data)
    assert {name: servo[name] for name in measured} == measured
    assert len(servo.read(0, 255)) == SIZE
    assert servo.read(200, 10) == b""


@given(addresses, payloads)
def test_a_write_touches_the_bytes_it_names_and_keeps_of_them_what_is_eeprom(address, data):
    servo = Servo()
    put(servo, "lock", 0)
    servo.write(address, data)
    named = {at: byte for at, byte in enumerate(data, address) if at < EEPROM and at not in READ_ONLY}
    before = bytes(Servo().read(0, EEPROM))
    servo.power_up()
    after = servo.read(0, EEPROM)
    persisted = {at: byte for at, byte in named.items() if not _recentred(address, data)}
    for at in range(EEPROM):
        assert after[at] == persisted.get(at, before[at]) or _recentred(address, data)


def _recentred(address: int, data: bytes) -> bool:
    return address <= 40 < address + len(data)


def test_a_servo_without_limits_counts_turns_until_its_register_is_full():
    servo = Servo({"min_position": 0, "max_position": 0})
    servo.sense(5 * 4096 + 7)
    assert servo["present_position"] == 5 * 4096 + 7
    servo.sense(-20 * 4096)
    assert servo["present_position"] == -32767


def test_a_servo_that_counts_whole_turns_tells_them_and_where_it_is_within_one_after_its_phase_is_put_right():
    servo = Servo({"phase": 28, "homing_offset": 100})
    servo.sense(50)
    assert servo["present_position"] == -50
    servo.write(55, b"\0")
    servo.write(18, bytes([straight(servo["phase"])]))
    assert servo["present_position"] == 4046
