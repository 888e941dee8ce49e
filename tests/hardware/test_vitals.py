"""What the servos say, and what is wrong with it."""

import numpy as np
import pytest

from control.modes import Severity
from control.types import GRIPPER, JOINTS
from hardware.bus import Answers
from hardware.calibration import STEPS_PER_RAD, Calibration, JointCalibration
from hardware.packets import Fault
from hardware.servo import Servo
from hardware.vitals import FIRST, SIZE, Senses, Vitals

CALIBRATION = Calibration({name: JointCalibration(j, 0, 2048, 1000, 3000) for j, name in enumerate(JOINTS, 1)})
S = Severity


def answers(missing: tuple[int, ...] = (), **of: dict[str, int]) -> Answers:
    """Every servo at rest at zero, 12 V and 30 degrees, but for what is said of a joint."""
    data = {}
    for id, name in enumerate(JOINTS, 1):
        servo = Servo({"id": id})
        told = dict(present_position=2048, present_voltage=120, present_temperature=30) | of.get(name, {})
        for register, value in told.items():
            servo[register] = value
        data[id] = servo.read(FIRST, SIZE)
    return Answers({id: row for id, row in data.items() if id not in missing}, {}, missing)


def faults(*cycles: tuple[float, Answers], reference: float = 0.0) -> dict[str, Severity]:
    """Those of the last of these cycles (when, what was answered)."""
    senses, vitals, found = Senses(CALIBRATION), Vitals(12.0), ()
    for now_s, told in cycles:
        found = vitals.faults(senses.read(told, now_s), senses.astray, np.full(6, reference), now_s)
    return dict(found)


def test_what_is_read_has_units_and_signs():
    reading = Senses(CALIBRATION).read(
        answers(
            elbow_flex=dict(present_position=2048 - 652, present_speed=-100, present_load=-250, present_current=-200),
            gripper=dict(present_voltage=74, present_temperature=41, status=Fault.OVERLOAD),
        ),
        5.0,
    )
    assert reading.joints_rad[2] == pytest.approx(-1.0, abs=1e-3)
    assert reading.speed_rad_s[2] == pytest.approx(-100 / STEPS_PER_RAD)
    assert (reading.load[2], reading.amperes[2]) == (-0.25, pytest.approx(-1.3))
    assert (reading.volts[5], reading.celsius[5], reading.status[5]) == (7.4, 41, Fault.OVERLOAD)
    assert (reading.heard_s == 5.0).all()


@pytest.mark.parametrize(
    ("of", "found"),
    [
        ({}, {}),
        ({"gripper": {"present_temperature": 54}}, {}),
        ({"gripper": {"present_temperature": 55}}, {"gripper: hot": S.WARN}),
        ({"gripper": {"present_temperature": 60}}, {"gripper: hot": S.DERATE}),
        ({"gripper": {"present_temperature": 65}}, {"gripper: hot": S.FAULT}),
        ({"elbow_flex": {"status": Fault.OVERLOAD}}, {"elbow_flex: overload": S.FAULT}),
        ({"elbow_flex": {"status": Fault.ANGLE}}, {}),
        ({"elbow_flex": {"status": Fault.VOLTAGE}}, {"elbow_flex: voltage": S.HOLD}),
        (
            {"wrist_flex": {"status": Fault.CURRENT | Fault.SENSOR}},
            {"wrist_flex: over-current": S.FAULT, "wrist_flex: encoder": S.FAULT},
        ),
        ({"wrist_flex": {"present_voltage": 95}}, {"wrist_flex: low supply": S.DERATE}),
    ],
)
def test_what_stands_in_a_cycle_is_found(of, found):
    assert faults((1.0, answers(**of))) == found


@pytest.mark.parametrize(("for_s", "severity"), [(0.05, S.DERATE), (0.5, S.HOLD), (1.5, S.FAULT)])
def test_a_sagging_supply_matters_more_the_longer_it_lasts(for_s, severity):
    low = answers(shoulder_pan={"present_voltage": 90})
    assert faults((1.0, low), (1.0 + for_s, low)) == {"shoulder_pan: low supply": severity}
    assert faults((1.0, low), (1.2, answers()), (1.2 + for_s, low)) == {"shoulder_pan: low supply": S.DERATE}


@pytest.mark.parametrize(("for_s", "silent"), [(0.02, False), (0.04, True)])
def test_a_silent_servo_is_what_it_last_said_for_three_cycles(for_s, silent):
    gone = answers(missing=(3,))
    found = faults((1.0, answers()), (1.0 + for_s, gone))
    assert found == ({"elbow_flex: silent": S.HOLD} if silent else {})
    senses = Senses(CALIBRATION)
    senses.read(answers(elbow_flex={"present_position": 2500}), 1.0)
    assert senses.read(gone, 1.01).joints_rad[2] == pytest.approx(452 / STEPS_PER_RAD)


def test_a_servo_that_was_never_heard_is_silent():
    assert faults((1.0, answers(missing=(6,))))["gripper: silent"] is S.HOLD


@pytest.mark.parametrize(
    ("joint", "load", "reference", "for_s", "found"),
    [
        ("elbow_flex", 600, 0.1, 0.6, {"elbow_flex: stalled": S.HOLD}),
        ("elbow_flex", -600, 0.1, 0.6, {"elbow_flex: stalled": S.HOLD}),
        ("elbow_flex", 600, 0.1, 0.4, {}),
        ("elbow_flex", 500, 0.1, 0.6, {}),
        ("elbow_flex", 700, 0.04, 0.6, {}),
        (JOINTS[GRIPPER], 1000, 0.5, 9.0, {}),
    ],
)
def test_a_joint_that_pushes_and_gets_nowhere_is_stalled(joint, load, reference, for_s, found):
    pushing = answers(**{joint: {"present_load": load}})
    assert faults((1.0, pushing), (1.0 + for_s, pushing), reference=reference) == found


def test_a_position_no_joint_can_have_got_to_is_left_out_until_it_persists():
    senses, far = Senses(CALIBRATION), answers(wrist_roll={"present_position": 10})
    senses.read(answers(), 1.0)
    for cycle in (1, 2):
        assert senses.read(far, 1.0 + 0.01 * cycle).joints_rad[4] == 0.0 and not senses.astray.any()
    assert senses.read(far, 1.03).joints_rad[4] < -3 and senses.astray.tolist() == [False] * 4 + [True, False]
    cycles = [(1.0, answers()), *((1.0 + 0.01 * cycle, far) for cycle in (1, 2, 3))]
    assert faults(*cycles) == {"wrist_roll: encoder jumped": S.FAULT}
