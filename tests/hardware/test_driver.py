"""The driver on the twin's world: what it writes, when it moves, and what makes it stop."""

import math
import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rig import HOME, REST, SPEC, Rig, held

from control.modes import Mode, Word
from control.pacing import Pacer
from control.types import GRIPPER, JOINTS
from hardware.driver import MEMORY_CYCLES, Driver
from hardware.orders import SLOT_BYTES, GoTo, Order, Target, Telemetry, newest, publish
from hardware.packets import Fault, Instruction
from hardware.process import run
from hardware.servos import Servos
from hardware.slot import Slot
from hardware.vitals import Vitals

M, W = Mode, Word


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = held()
    yield made
    made.close()


@pytest.fixture
def found() -> Iterator[Rig]:
    """As it is before anybody has opened it."""
    made = Rig()
    yield made
    made.close()


def moved(rig: Rig, of: np.ndarray) -> float:
    return float(np.abs(rig.world.plant.joints_rad - of).max())


# Opening


def test_opening_reads_and_changes_nothing(found):
    before = [motor.servo.read(0, 56) for motor in found.world.motors]
    found.driver.open()
    found.live(0.1)
    assert found.mode is M.READY
    assert [motor.servo.read(0, 56) for motor in found.world.motors] == before


@pytest.mark.parametrize(
    ("joint", "register", "value", "words"),
    [
        (
            2,
            "homing_offset",
            100,
            "elbow_flex: servo 3 holds homing_offset 100, the calibration 1204; is it another arm's",
        ),
        (0, "min_position", 12, "min_position 12"),
        (5, "max_position", 12, "gripper: .*max_position 12"),
        (1, "model", 1284, "servo 2 is model 1284, not an STS3215"),
        (3, "firmware_minor", 9, "firmware is not the same .*wrist_flex 3.9"),
        (3, "id", 77, "wrist_flex: servo 4 .* unanswered"),
        (3, "phase", 28, "servo 4: it counts whole turns .*wanted 12.*twinarm calibrate"),
        (3, "phase", 4, "servo 4: it stands still at speed 0 .*wanted 12"),
        (3, "max_voltage", 80, "gets 12.0 V and is made for 4.0 to 8.0 V"),
    ],
)
def test_a_chain_that_is_not_the_calibrated_one_is_refused_and_not_armed(found, joint, register, value, words):
    found.world.motors[joint].servo[register] = value
    found.driver.open()
    told = found.say(W.ARM, then_s=0.25)
    assert found.mode is M.REFUSED and any(found.registers("torque_enable")) is False
    assert any(re.search(words, cause) for cause in told.causes), told.causes


def test_servos_of_which_none_answers_are_refused_in_one_line(found):
    for motor in found.world.motors:
        motor.servo["baud_code"] = 1
    found.driver.open()
    (cause,) = found.driver.state.causes
    assert "no servo answers on /dev/pts" in cause and "at 1000000 baud; see the supply" in cause


def silence(found: Rig, of: bytes) -> None:
    """Let servo 4 not answer a read of the register `of`: the instruction and the address."""
    answers = found.port.chain.receive

    def receive(packet: bytes, now_s: float) -> list:
        return [] if packet[2] == 4 and packet[4:6] == of else answers(packet, now_s)

    found.port.chain.receive = receive


def test_a_servo_that_falls_silent_while_it_is_being_known_is_refused(found):
    silence(found, of=b"\x02\x01")  # its firmware
    found.driver.open()
    assert found.mode is M.REFUSED and "servo 4" in found.driver.state.causes[0]


def test_every_reason_why_another_arm_is_refused_fits_into_the_telemetry(found):
    for motor in found.world.motors:
        for register in ("homing_offset", "min_position", "max_position"):
            motor.servo[register] = 1
        motor.servo["max_voltage"] = 80
    found.driver.open()
    told = found.cycle()
    assert len(told.causes) == 24
    slot = Slot(SLOT_BYTES)
    publish(slot, told)
    assert newest(slot) is not None


def test_a_joint_beyond_its_limits_is_for_a_person_to_move(found):
    joints = HOME.copy()
    joints[2] = 1.8
    found.world.plant.place(joints)
    found.world.tick()
    found.driver.open()
    assert found.mode is M.REFUSED and "elbow_flex: stands at 103 degrees" in found.driver.state.causes[0]


# Arming


def test_arming_holds_the_pose_that_is_found(rig):
    assert moved(rig, HOME) < 0.02
    assert rig.registers("torque_enable") == [1] * 6
    assert rig.registers("torque_limit") == [600] * 5 + [270]
    assert rig.registers("lock") == [1] * 6
    rig.live(1.0)
    assert moved(rig, HOME) < 0.03


def test_settings_are_written_only_where_they_differ(found):
    found.world.motors[1].servo.write(21, b"\x10")
    found.driver.open()
    found.say(W.ARM, then_s=0.25)
    assert found.registers("p_gain") == [32] * 6
    eeprom = [packet for packet in found.port.sent if packet[4] == 3 and packet[5] < 40]
    assert [(packet[2], packet[5]) for packet in eeprom] == [(2, 21)]


def test_a_gripper_that_lerobot_set_up_may_hold_on(found):
    gripper = found.world.motors[GRIPPER]
    for register, value in {"max_torque": 500, "protection_current": 250, "overload_torque": 25}.items():
        gripper.servo[register] = value
    found.driver.open()
    found.say(W.ARM, then_s=0.25)
    for _ in range(30):
        found.world.plant.jam(GRIPPER, 5.0)  # between its fingers
        told = found.command(HOME - np.array([0, 0, 0, 0, 0, 0.4]))
    assert abs(told.load[GRIPPER]) > 0.25
    assert told.mode == M.ACTIVE and told.faults == []


def test_another_programs_bounds_on_speed_end_when_the_arm_is_armed(found):
    for motor in found.world.motors:
        motor.servo["goal_speed"], motor.servo["acceleration"] = 100, 2
    found.driver.open()
    found.say(W.ARM, then_s=0.25)
    assert found.mode is M.HOLD and moved(found, HOME) < 0.02
    assert found.registers("goal_speed") == found.registers("acceleration") == [0] * 6


def test_an_arm_that_moves_when_torque_comes_on_is_let_go_again(found):
    found.driver.open()
    found.world.plant.data.qfrc_applied[found.world.plant.arm.dofs[0]] = 3.0  # somebody pulls at it
    told = found.say(W.ARM, then_s=0.25)
    assert found.mode is M.REFUSED and "moved" in told.causes[0]
    assert not any(found.registers("torque_enable"))


def test_torque_comes_on_weakly_and_in_full_once_the_arm_was_seen_to_stand(found):
    found.driver.open()
    found.say(W.ARM)
    assert found.mode is M.ARMING
    assert found.registers("torque_enable") == [1] * 6 and found.registers("torque_limit") == [400] * 5 + [270]
    found.live(0.3)
    assert found.mode is M.HOLD and found.registers("torque_limit") == [600] * 5 + [270]


def test_a_servo_whose_torque_does_not_come_on_is_named_and_the_others_let_go_again(found):
    servo = found.world.motors[3].servo
    write = servo.write
    servo.write = lambda address, data: (write(address, data), servo.__setitem__("torque_enable", 0))
    found.driver.open()
    told = found.say(W.ARM, then_s=0.3)
    assert told.mode == M.REFUSED and told.causes == ["torque did not come on: wrist_flex"]
    assert not any(found.registers("torque_enable"))


def test_a_servo_that_falls_silent_when_torque_has_come_on_leaves_none_on(found):
    silence(found, of=b"\x02\x29")  # its bounds
    found.driver.open()
    told = found.say(W.ARM, then_s=0.3)
    assert told.mode == M.REFUSED and "servo 4" in told.causes[0]
    assert not any(found.registers("torque_enable"))


def losing_goals(rig: Rig, times: int) -> list[bytes]:
    """The first goals to all are lost on the line so many times; they are kept here."""
    receive, lost = rig.port.chain.receive, []

    def lossy(packet: bytes, now_s: float) -> list:
        if packet[4:6] == b"\x83\x2a" and len(lost) < times:
            lost.append(packet)
            return []
        return receive(packet, now_s)

    rig.port.chain.receive = lossy
    return lost


def test_torque_does_not_come_on_at_an_older_goal_though_the_new_one_is_lost_at_first(found):
    for motor in found.world.motors:
        motor.servo["goal_position"] = 100
    losing_goals(found, 2)
    found.driver.open()
    found.say(W.ARM, then_s=0.3)
    assert found.mode is M.HOLD and moved(found, HOME) < 0.02
    assert np.abs(np.subtract(found.registers("goal_position"), found.registers("present_position"))).max() < 20


def test_torque_does_not_come_on_where_no_goal_arrives(found):
    losing_goals(found, 99)
    found.driver.open()
    told = found.say(W.ARM, then_s=0.3)
    assert told.mode == M.REFUSED and "did not take its own place as its goal" in told.causes[0]
    assert not any(found.registers("torque_enable"))


# Following


def test_an_arm_follows_its_commands(rig):
    goal = HOME + np.array([0.4, -0.2, -0.1, -0.1, -0.3, -0.3])
    for _ in range(12):
        told = rig.command(goal)
    assert rig.mode is M.ACTIVE and told.target_rad == pytest.approx(goal)
    assert rig.world.plant.joints_rad == pytest.approx(goal, abs=0.04)
    assert told.joints_rad == pytest.approx(rig.world.plant.joints_rad, abs=0.02)


def test_when_commands_cease_the_arm_holds_within_a_quarter_of_a_second(rig):
    goal = HOME + np.array([1.5, 0, 0, 0, 0, 0])
    for _ in range(4):
        rig.command(goal)
    rig.live(0.25)
    assert rig.mode is M.HOLD
    there = rig.world.plant.joints_rad.copy()
    rig.live(0.5)
    assert moved(rig, there) < 0.02


def test_a_glide_that_the_table_bars_ends_in_a_hold_that_says_so(rig):
    low = np.array([0.3, 0.8, 0.4, 1.6, 2.0, 1.1])  # the straight way on from here leads through the table
    beyond = np.array([-0.4, 1.3, -0.3, 1.6, 1.7, 0.8])
    rig.live(6.0, GoTo(tuple(low.tolist())))
    told = rig.live(6.0, GoTo(tuple(beyond.tolist())))
    assert rig.mode is M.HOLD and any(word in told.causes[0] for word in ("barred", "stalled"))
    rig.live(6.0, GoTo(tuple(HOME.tolist())))
    assert rig.mode is M.HOLD and moved(rig, HOME) < 0.06


@pytest.mark.parametrize("old", [-2, 31, 500])
def test_a_command_that_answers_no_recent_look_moves_nothing(rig, old):
    rig.live(0.4)
    before = rig.driver.cycles
    told = rig.command(HOME + 0.2, answers=before - old)
    assert told.mode == M.HOLD and moved(rig, HOME) < 0.03


def test_a_command_that_is_no_number_holds(rig):
    rig.command(HOME + np.array([0.3, 0, 0, 0, 0, 0]))
    rig.live(0.01, Target((math.nan,) * 6, rig.driver.cycles, 0.15))
    assert rig.mode is M.HOLD
    assert np.isfinite(rig.driver._governor.reference).all()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.floats(-4, 4), min_size=6, max_size=6), min_size=1, max_size=8))
def test_no_commands_take_a_joint_beyond_its_limits_or_speed(targets):
    rig = held()
    for target in targets:
        rig.command(np.array(target))
    joints = rig.world.plant.joints_rad
    assert (joints >= SPEC.lower_rad - 0.03).all() and (joints <= SPEC.upper_rad + 0.03).all()
    assert (rig.fastest_rad_s <= 1.5 * SPEC.speed_rad_s).all()
    rig.close()


# Stopping


def test_a_stop_stays_until_somebody_clears_it(rig):
    goal = HOME + np.array([1.0, 0, 0, 0, 0, 0])
    for _ in range(3):
        rig.command(goal)
    rig.say(W.STOP, then_s=0.3)
    there = rig.world.plant.joints_rad.copy()
    rig.command(goal)
    assert rig.mode is M.STOPPED and moved(rig, there) < 0.01
    rig.say(W.CLEAR)
    assert rig.mode is M.HOLD
    rig.live(1.1)
    rig.command(goal)
    assert rig.mode is M.ACTIVE


def test_a_stop_ends_the_way_at_once(rig):
    goal = HOME + np.array([1.5, 0, 0, 0, 0, 0])
    for _ in range(3):
        rig.command(goal)
    rig.live(0.03, Target(tuple(goal.tolist()), rig.driver.cycles, 0.15))
    rig.say(W.STOP)
    told = rig.registers("goal_position")
    rig.live(0.5)
    assert rig.mode is M.STOPPED and rig.registers("goal_position") == told


def test_a_servos_fault_holds_weakly_where_the_arm_is(rig):
    rig.command(HOME + np.array([0.3, 0, 0, 0, 0, 0]))
    rig.world.motors[2]._faults = Fault.OVERLOAD
    rig.live(0.02)
    assert rig.mode is M.FAULT and rig.driver.state.causes == ("elbow_flex: overload",)
    assert rig.registers("torque_limit") == [390] * 5 + [270]


def test_an_arm_at_fault_pushes_no_more_against_what_it_has_met(rig):
    for _ in range(3):
        rig.world.plant.jam(0, 5.0)
        rig.command(HOME + np.array([0.8, 0, 0, 0, 0, 0]))
    assert abs(rig.registers("present_load")[0]) > 300
    rig.world.motors[0]._faults = Fault.OVERLOAD
    rig.live(0.3)
    assert rig.mode is M.FAULT and abs(rig.registers("present_load")[0]) < 100


def test_an_arm_at_fault_pushes_no_more_though_the_packet_that_says_so_is_lost(rig):
    for _ in range(3):
        rig.world.plant.jam(0, 5.0)
        rig.command(HOME + np.array([0.8, 0, 0, 0, 0, 0]))
    receive, lost = rig.port.chain.receive, []

    def lossy(packet: bytes, now_s: float) -> list:
        if rig.mode is M.FAULT and packet[4:6] == b"\x83\x2a" and not lost:
            lost.append(packet)
            return []
        return receive(packet, now_s)

    rig.port.chain.receive = lossy
    rig.world.motors[0]._faults = Fault.OVERLOAD
    rig.live(0.3)
    assert rig.mode is M.FAULT and lost and abs(rig.registers("present_load")[0]) < 100


def test_an_arm_waits_for_a_servo_that_falls_silent_no_longer_in_any_cycle(rig):
    waits = []
    for phase in range(MEMORY_CYCLES):
        while rig.driver.cycles % MEMORY_CYCLES != phase:
            rig.cycle()
        sound = rig.world.line.chain.motors.pop(4)
        rig.port.sent.clear()
        rig.cycle()
        waits.append(sum(packet[4] == Instruction.SYNC_READ for packet in rig.port.sent))
        rig.world.line.chain.motors.insert(4, sound)
        rig.live(0.3)
    assert set(waits) == {2}  # the question, and the other try


def test_a_servo_that_let_go_is_found_although_another_is_silent(rig):
    rig.world.line.chain.motors.pop(4)
    rig.live(0.3)
    rig.world.motors[2].servo.write(40, b"\0")
    told = rig.live(0.3)
    assert told.mode == M.FAULT and "elbow_flex: has let go by itself" in told.causes


def test_a_silent_servo_holds_the_others(rig):
    goal = HOME + np.array([1.0, 0, 0, 0, 0, 0])
    rig.command(goal)
    servo = rig.world.motors[4].servo
    servo["id"] = 99
    rig.live(0.06, Target(tuple(goal.tolist()), rig.driver.cycles, 0.15))
    assert rig.mode is M.HOLD and rig.telemetry[-1].faults == ["wrist_roll: silent"]
    servo["id"] = 5
    rig.live(0.05)
    assert rig.telemetry[-1].faults == [] and rig.mode is M.HOLD


def test_a_stalled_joint_is_found_and_stops_pushing(rig):
    for _ in range(12):
        rig.world.plant.jam(0, 5.0)
        rig.command(HOME + np.array([0.8, 0, 0, 0, 0, 0]))
    assert any("shoulder_pan: stalled" in told.faults and told.mode == M.HOLD for told in rig.telemetry)
    rig.live(0.8)
    assert abs(rig.registers("present_load")[0]) < 100
    rig.world.plant.jam(0, None)
    for _ in range(12):
        rig.command(HOME + np.array([0.8, 0, 0, 0, 0, 0]))
    assert rig.mode is M.ACTIVE and rig.world.plant.joints_rad[0] > HOME[0] + 0.5


def test_a_lost_line_is_told_and_needs_opening_again(rig):
    rig.port.cut = True
    assert rig.cycle().mode == M.LOST
    rig.live(0.1, Target(tuple(HOME.tolist()), rig.driver.cycles, 0.15))
    assert rig.mode is M.LOST
    rig.port.cut = False
    rig.live(0.1)
    assert rig.mode is M.LOST
    rig.driver.open()
    assert rig.mode is M.READY


# Going home, parking, letting go


def test_home_is_reached_slowly(rig):
    rig.live(4.0, GoTo(tuple((HOME + np.array([1.0, 0.3, 0, 0, 0.5, -0.5])).tolist())))
    rig.fastest_rad_s[:] = 0.0
    rig.live(4.0, GoTo(tuple(HOME.tolist())))
    assert rig.mode is M.HOLD and moved(rig, HOME) < 0.06
    assert rig.fastest_rad_s.max() < 0.65


def test_parking_ends_limp_at_the_rest_pose(rig):
    rig.say(W.PARK, then_s=6.5)
    assert rig.mode is M.READY and not any(rig.registers("torque_enable"))
    assert np.abs(rig.world.plant.joints_rad[:GRIPPER] - REST[:GRIPPER]).max() < 0.5


def test_limp_is_limp_even_where_one_servo_is_silent_and_another_complains(rig):
    rig.world.motors[1]._faults = Fault.OVERLOAD
    rig.world.motors[3].servo["id"] = 99
    rig.say(W.LIMP)
    assert rig.mode is M.LIMP
    assert [on for j, on in enumerate(rig.registers("torque_enable")) if j != 3] == [0] * 5
    sent = len(rig.port.sent)
    rig.command(HOME)
    assert {packet[5] for packet in rig.port.sent[sent:] if packet[4] in (0x03, 0x83)} == {40}  # torque off, no goal


def test_torque_fades_before_a_parked_arm_is_let_go(rig):
    rig.say(W.PARK)
    limits = []
    while rig.mode is not M.READY and len(rig.telemetry) < 1000:
        if rig.cycle().mode == M.RELEASING:
            limits.append(rig.registers("torque_limit")[1])
    assert limits[0] > 380 and limits[-1] < 20 and (np.diff(limits) <= 0).all()


def test_a_parked_arm_has_torque_for_whichever_program_switches_it_on_next(rig):
    rig.say(W.PARK, then_s=6.5)
    assert rig.mode is M.READY and rig.registers("torque_limit") == [600] * 5 + [270]


def test_a_stop_while_torque_fades_holds_the_arm_where_it_has_sunk_to(rig):
    rig.say(W.PARK)
    while rig.mode is not M.RELEASING:
        rig.cycle()
    rig.live(1.9)
    sunk = rig.world.plant.joints_rad.copy()
    rig.say(W.STOP, then_s=1.0)
    assert rig.mode is M.STOPPED and moved(rig, sunk) < 0.02


def test_limp_goes_to_all_at_once_and_who_stays_on_is_named(rig):
    servo = rig.world.motors[3].servo
    write = servo.write
    servo.write = lambda address, data: None if address == 40 else write(address, data)
    sent = len(rig.port.sent)
    rig.say(W.LIMP)
    off = [packet for packet in rig.port.sent[sent:] if packet[4] in (0x03, 0x83) and packet[5] == 40]
    assert off[0][2] == 0xFE and len(off[0]) == 8 + 2 * len(JOINTS)  # before each by itself, of whom some may be silent
    assert rig.registers("torque_enable") == [0, 0, 0, 1, 0, 0]
    assert rig.telemetry[-1].causes == ["wrist_flex may still hold; switch the supply off"]


def test_a_servo_that_was_silent_when_the_arm_went_limp_is_let_go_as_soon_as_it_hears(rig):
    rig.world.line.chain.deaf = {4}
    told = rig.say(W.LIMP, then_s=0.05)
    told = rig.say(W.LIMP, then_s=0.05)  # nor is it forgotten for being said again
    assert told.mode == M.LIMP and told.causes == ["wrist_flex may still hold; switch the supply off"]
    rig.world.line.chain.deaf = set()
    told = rig.live(0.05)
    assert told.mode == M.LIMP and told.causes == [] and not any(rig.registers("torque_enable"))


def test_telemetry_fits_its_slot_with_everything_wrong(rig):
    for motor in rig.world.motors:
        motor._faults = Fault(0x2F)
    for id in range(200):
        rig.bus.tallies.of(id % 6 + 1).silent = 2**40
    told = rig.live(0.05)
    assert len(told.faults) >= 12
    slot = Slot(SLOT_BYTES)
    publish(slot, told)
    assert newest(slot) == told
    assert told.joints_rad and len(told.joints_rad) == len(JOINTS)


def test_cycles_that_were_missed_are_counted_and_never_caught_up_with(rig):
    began_s: list[float] = []

    def orders() -> list[Order]:
        if len(began_s) == 7:
            raise EOFError
        return []

    def tell(told: Telemetry) -> None:
        began_s.append(told.stamp_s)
        rig.pass_time(0.035 if len(began_s) == 3 else 0.002)

    rig.command(HOME + np.array([0.3, 0, 0, 0, 0, 0]))
    run(rig.driver, orders, tell, Pacer(100, lambda: rig.now_s, rig.pass_time))
    assert np.diff(began_s) == pytest.approx([0.01, 0.01, 0.04, 0.01, 0.01, 0.01])
    assert rig.driver.late == 3 and rig.driver.worst_late_s == pytest.approx(0.025)
    assert rig.mode is M.HOLD  # whoever gave the orders is gone


# What is wrong, and what becomes of it


def test_what_holds_in_a_dead_driver_s_stead_leaves_a_servo_that_does_not_answer_where_it_was(rig):
    before, chain = rig.driver._pose(), rig.port.chain
    deaf_answers = chain.receive

    def receive(packet: bytes, now_s: float) -> list:
        return [answer for answer in deaf_answers(packet, now_s) if answer.data[2] != 2]

    chain.receive = receive
    Servos(rig.bus, rig.driver.servos.calibration).stay(before, rig.now_s)
    rig.pass_time(1.0)
    assert moved(rig, HOME) < 0.06


def test_a_hot_arm_that_gets_hotter_is_parked_all_the_same(rig):
    rig.world.motors[5].celsius = 65.2
    assert rig.live(0.1).mode == M.FAULT and "65 degrees" in rig.telemetry[-1].causes[0]
    rig.world.motors[5].celsius = 66.4
    told = rig.say(W.PARK, then_s=1.0)
    assert told.mode == M.PARKING and "66 degrees" in told.faults[0]


def test_a_warm_arm_moves_at_half_speed(rig):
    full = SPEC.speed_rad_s[0] / SPEC.hz
    for celsius, travel in ((30.0, 0.8 * full), (61.0, 0.5 * full)):  # the leash allows no more of a cool one
        rig.world.motors[5].celsius = celsius
        rig.live(0.1, GoTo(tuple(HOME.tolist())))
        rig.live(2.0)
        start = rig.driver._governor.target_rad
        rig.command(start + np.array([0.5, 0, 0, 0, 0, 0]))
        assert rig.driver._governor.target_rad[0] - start[0] == pytest.approx(travel, rel=0.05)


def test_a_servo_that_switched_itself_off_is_not_switched_on_again_by_a_goal(rig):
    rig.world.motors[5].celsius = 71.0
    rig.live(0.5)
    assert rig.mode is M.FAULT and rig.registers("torque_enable") == [1, 1, 1, 1, 1, 0]
    rig.live(1.0)
    assert rig.registers("torque_enable") == [1, 1, 1, 1, 1, 0]


def test_a_servo_that_switches_itself_off_in_motion_stays_off_when_the_others_are_held(rig):
    goal = HOME + np.array([1.0, 0.2, 0, -0.5, 0, 0])
    for _ in range(3):
        rig.command(goal)
    rig.world.motors[3].complain(Fault.CURRENT)
    for _ in range(3):
        rig.command(goal)
    assert rig.mode is M.FAULT and rig.registers("torque_enable") == [1, 1, 1, 0, 1, 1]


def commanded_home(rig: Rig, seconds: float) -> None:
    """By a client that goes on at 50 Hz."""
    for _ in range(round(seconds / 0.02)):
        rig.live(0.02, Target(tuple(HOME.tolist()), rig.driver.cycles, 0.15))


@pytest.mark.parametrize("off_s", [0.04, 0.4])
def test_a_servo_that_let_go_over_its_voltage_is_held_where_it_sank_to_and_not_flung_back(rig, off_s):
    shoulder = rig.world.motors[1].servo
    shoulder["unloading_condition"] |= Fault.VOLTAGE
    commanded_home(rig, 0.2)
    shoulder["max_voltage"] = 119
    commanded_home(rig, 0.1 + off_s)
    assert not shoulder["torque_enable"]
    shoulder["max_voltage"] = 140
    rig.telemetry.clear()
    commanded_home(rig, 0.6)
    assert rig.mode is M.FAULT and "shoulder_lift: has let go by itself" in rig.driver.state.causes
    assert M.ACTIVE not in {told.mode for told in rig.telemetry}
    sunk = rig.world.plant.joints_rad.copy()
    rig.say(W.CLEAR, then_s=0.5)
    assert rig.mode is M.HOLD and all(rig.registers("torque_enable")) and moved(rig, sunk) < 0.1


def test_an_arm_is_parked_although_a_servo_has_let_go(rig):
    rig.world.motors[GRIPPER].celsius = 71.0
    assert rig.live(0.3).mode == M.FAULT and not rig.registers("torque_enable")[GRIPPER]
    assert rig.say(W.PARK, then_s=1.0).mode == M.PARKING


def test_an_arm_does_not_go_on_after_its_computer_has_slept(rig):
    slept = [40.0]
    rig.driver._vitals = Vitals(12.0, lambda: slept[0])
    commanded_home(rig, 0.2)
    assert rig.mode is M.ACTIVE
    slept[0] += 3600.0
    commanded_home(rig, 0.2)
    assert rig.mode is M.FAULT and rig.driver.state.causes == ("this computer slept for 3600 s",)
    rig.say(W.CLEAR)
    assert rig.mode is M.HOLD


def test_a_servo_whose_torque_is_off_for_no_reason_is_found(rig):
    rig.world.motors[2].servo.write(40, b"\0")
    told = rig.live(0.3)
    assert told.mode == M.FAULT and told.causes == ["elbow_flex: has let go by itself"]


@pytest.mark.parametrize("latch", ["stop", "fault"])
def test_a_servo_that_lost_power_while_latched_stays_off_until_cleared_and_is_then_held_where_it_is(rig, latch):
    if latch == "stop":
        rig.say(W.STOP)
    else:
        rig.world.motors[5]._faults = Fault.OVERLOAD
        rig.live(0.05)
        rig.world.motors[5]._faults = Fault(0)
    rig.world.motors[3].servo.power_up()
    told = rig.live(1.0)
    assert rig.registers("torque_enable") == [1, 1, 1, 0, 1, 1] and told.mode in (M.STOPPED, M.FAULT)
    sunk = rig.world.plant.joints_rad[3]
    rig.say(W.CLEAR, then_s=0.5)
    assert rig.mode is M.HOLD and all(rig.registers("torque_enable"))
    assert rig.registers("torque_limit") == [600] * 5 + [270]
    assert abs(rig.world.plant.joints_rad[3] - sunk) < 0.1


def reopen(rig: Rig) -> None:
    """The driver is gone; another one comes."""
    old = rig.driver
    rig.driver = Driver(Servos(rig.bus, old.servos.calibration), SPEC, np.full(6, 0.2), old._poses, lambda: rig.now_s)
    rig.driver.open()


@pytest.mark.parametrize("off_s", [0.06, 0.3, 0.5, 0.6])
def test_an_arm_whose_supply_comes_back_is_not_flung_to_where_its_client_still_wants_it(rig, off_s):
    def commanded(seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):  # by a client that goes on at 50 Hz
            rig.live(0.02, Target(tuple(HOME.tolist()), rig.driver.cycles, 0.15))

    commanded(0.1)
    rig.world.line.chain.deaf = set(rig.driver.servos.calibration.ids)
    for motor in rig.world.motors:
        motor.servo.power_up()
    commanded(off_s)
    rig.world.line.chain.deaf = set()
    rig.telemetry.clear()
    commanded(0.5)
    assert {told.mode for told in rig.telemetry} <= {M.HOLD, M.FAULT} and rig.mode is M.FAULT
    assert all("lost power" in cause for cause in rig.driver.state.causes)
    assert rig.registers("torque_limit") == [390] * 5 + [270]


@pytest.fixture(params=[M.STOPPED, M.FAULT])
def left(rig, request) -> M:
    """How the arm was left by one driver, and is found by the next."""
    if request.param is M.STOPPED:
        rig.say(W.STOP, then_s=0.1)
    else:
        rig.world.motors[2]._faults = Fault.OVERLOAD
        rig.live(0.05)
        rig.world.motors[2]._faults = Fault(0)
    reopen(rig)
    assert rig.mode is request.param
    return request.param


def test_a_servo_of_an_arm_that_was_left_latched_is_missed_when_it_loses_power(rig, left):
    rig.world.motors[2].servo["torque_enable"], rig.world.motors[2].servo["torque_limit"] = 0, 1000
    assert "elbow_flex: lost power for a moment" in rig.live(0.5).faults


def test_whoever_opens_an_arm_that_was_left_latched_finds_it_so(rig, left):
    assert "left" in rig.driver.state.causes[0]
    rig.say(W.ARM, then_s=0.5)
    assert rig.mode is left
    rig.say(W.CLEAR, then_s=0.5)
    assert rig.mode is M.HOLD and moved(rig, HOME) < 0.1


def test_a_fault_that_switched_its_servo_off_outlives_the_driver(rig):
    rig.world.motors[3].celsius = 71.0
    rig.live(0.5)
    rig.world.motors[3].celsius = 50.0
    rig.live(1.0)
    assert rig.mode is M.FAULT and rig.registers("torque_enable") == [1, 1, 1, 0, 1, 1]
    reopen(rig)
    rig.say(W.ARM, then_s=0.5)
    assert rig.mode is M.FAULT and rig.registers("torque_enable") == [1, 1, 1, 0, 1, 1]
    rig.say(W.CLEAR, then_s=0.5)
    assert rig.mode is M.HOLD and all(rig.registers("torque_enable"))


def test_an_arm_that_was_left_holding_far_out_is_armed_again_without_sinking(rig):
    out = np.array([0.0, 1.2, -1.4, 0.0, 1.57, 0.5])
    rig.live(8.0, GoTo(tuple(out.tolist())))
    there = rig.world.plant.joints_rad.copy()
    for _ in range(3):
        reopen(rig)
        rig.say(W.ARM, then_s=0.5)
        assert rig.mode is M.HOLD, rig.driver.state
    assert moved(rig, there) < 0.005


def test_an_arm_that_holds_and_is_moved_while_it_is_armed_is_not_said_to_be_let_go(rig):
    reopen(rig)
    rig.world.plant.data.qfrc_applied[rig.world.plant.arm.dofs[0]] = 3.0
    told = rig.say(W.ARM, then_s=0.25)
    assert rig.mode is M.REFUSED and all(rig.registers("torque_enable"))
    assert "the arm holds as before; hold the arm still" in told.causes[0]


def test_an_arm_that_is_not_held_yet_and_told_to_stop_is_not_armed_until_cleared(found):
    found.driver.open()
    found.say(W.STOP)
    found.say(W.ARM, then_s=0.5)
    assert found.mode is M.READY and "stopped by a person" in found.telemetry[-1].causes
    found.say(W.CLEAR, W.ARM, then_s=0.5)
    assert found.mode is M.HOLD


def test_a_glide_elsewhere_does_not_become_the_place_to_let_go(rig):
    rig.say(W.PARK, then_s=0.2)
    rig.live(0.2, GoTo(tuple((HOME + 0.3).tolist())))
    assert rig.mode is M.PARKING
    np.testing.assert_array_equal(rig.driver._glide._goal_rad, REST)


def test_a_servo_that_falls_silent_on_the_way_home_ends_the_way(rig):
    rig.live(0.5, GoTo(tuple((HOME + np.array([0, 0, 0, 0, 0.8, 0])).tolist())))
    rig.world.line.chain.deaf.add(1)
    rig.live(0.3)
    assert rig.mode is M.HOLD and any("silent" in cause for cause in rig.telemetry[-1].causes)
