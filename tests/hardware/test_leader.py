"""A leader arm on a real port: when it is followed, and when it is not."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing

import msgspec
import numpy as np
import pytest
from leaders import HeldLeader
from rig import running

from control.arm import Arm
from control.errors import CalibrationError, ServoSilent, UserError
from control.operating import Intent, Order
from control.types import GRIPPER, JOINTS
from hardware.calibration import STEPS_PER_RAD, Calibration, JointCalibration
from hardware.leader import STALE_S, Leader, open_leader
from tools.operators import open_operator

ARM = Arm.from_facts()
POSE = np.array([0.3, -0.5, 0.4, 0.9, -1.0, 0.6])


class Console:
    """Somebody at the keys."""

    def __init__(self) -> None:
        self.said: list[Order] = []
        self.closed = False

    def intent(self) -> Intent | None:
        return None

    def orders(self) -> tuple[Order, ...]:
        given, self.said = tuple(self.said), []
        return given

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def held() -> Iterator[HeldLeader]:
    with closing(HeldLeader()) as held, running(held.live):
        yield held


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def leader(held, console, told, tmp_path) -> Iterator[Leader]:
    held.turn(POSE)
    with closing(open_leader(address(tmp_path, held), console, told.append)) as leader:
        yield leader


def address(folder, held: HeldLeader) -> str:
    held.calibration.save(folder / "mine.json")
    (folder / "leader.yaml").write_text(f"port: {held.port}\ncalibration: mine.json\nslack_s: 0.05\n")
    return str(folder / "leader.yaml")


def eventually(true, within_s: float = 3.0) -> float:
    began_s = time.monotonic()
    while not true():
        assert time.monotonic() - began_s < within_s
        time.sleep(0.002)
    return time.monotonic() - began_s


def say(leader: Leader, console: Console, *orders: Order) -> None:
    console.said += orders
    assert leader.orders() == orders


def test_it_is_followed_from_taking_over_until_giving_back(leader, console):
    assert leader.intent() is None
    for over in (Order.GIVE, Order.STOP, Order.HOME):
        say(leader, console, Order.TAKE)
        assert leader.intent().joints_rad == pytest.approx(POSE, abs=1 / STEPS_PER_RAD)
        say(leader, console, over)
        assert leader.intent() is None


def test_what_it_says_is_its_newest_pose(held, leader, console):
    say(leader, console, Order.TAKE)
    for angle in np.linspace(0, 1, 12):
        held.turn(POSE + angle * np.array([0.3, 0.2, -0.3, 0.2, 0.5, 0.1]))
        time.sleep(0.03)
    eventually(lambda: leader.intent().joints_rad[0] == pytest.approx(POSE[0] + 0.3, abs=0.002))


def test_nothing_is_written_to_it(held, leader, console):
    say(leader, console, Order.TAKE)
    before = [motor.servo.writes for motor in held.motors]
    time.sleep(0.2)
    assert [motor.servo.writes for motor in held.motors] == before
    assert not any(motor.servo["torque_enable"] for motor in held.motors)


@pytest.mark.clock
@pytest.mark.parametrize("lost", ["one servo", "the cable"])
def test_a_silent_leader_is_let_go_of_and_must_be_taken_again(held, leader, console, told, lost):
    say(leader, console, Order.TAKE)
    assert leader.intent() is not None
    if lost == "one servo":
        held.line.chain.deaf.add(3)
    else:
        held.line.unplug()
    assert eventually(lambda: leader.intent() is None) < STALE_S + 0.1
    assert told == [f"the leader at {held.port} fell silent: the arm stands; see its cable, then press t"]
    if lost == "one servo":
        held.line.chain.deaf.clear()
        time.sleep(0.2)
        assert leader.intent() is None
        say(leader, console, Order.TAKE)
        eventually(lambda: leader.intent() is not None)


def test_an_arm_that_holds_its_pose_is_no_leader(held, console, tmp_path):
    held.motors[1].servo["torque_enable"] = 1
    with pytest.raises(UserError, match="servo 2 at .* holds its pose, and a leader is limp"):
        open_leader(address(tmp_path, held), console, print)
    assert held.motors[1].servo["torque_enable"] == 1


def test_a_missing_servo_is_named(held, console, tmp_path):
    held.line.chain.deaf.add(4)
    with pytest.raises(ServoSilent, match="servo 4"):
        open_leader(address(tmp_path, held), console, print)


def lerobot(low_gripper: int = 2000, high_gripper: int = 2900) -> Calibration:
    """As LeRobot's own calibration leaves a leader, whose trigger turns less than a gripper."""
    rows = {}
    for id, (name, low, high) in enumerate(zip(JOINTS, ARM.lower_rad, ARM.upper_rad, strict=True), 1):
        span = round((high - low) * STEPS_PER_RAD)
        zero = round(2048 - (low + high) / 2 * STEPS_PER_RAD)
        rows[name] = JointCalibration(id, 100 * id, zero, 2048 - span // 2, 2048 + span // 2)
    rows["gripper"] = JointCalibration(6, 0, low_gripper, low_gripper, high_gripper)
    return Calibration(rows)


@pytest.mark.clock
def test_one_named_by_its_port_is_calibrated_by_what_its_servos_remember(console):
    with closing(HeldLeader(lerobot())) as held, running(held.live):
        held.turn(np.array([*POSE[:GRIPPER], 450 / STEPS_PER_RAD]))
        with closing(open_leader(held.port, console, print)) as leader:
            say(leader, console, Order.TAKE)
            joints = leader.intent().joints_rad
    assert joints[:GRIPPER] == pytest.approx(POSE[:GRIPPER], abs=0.01)
    assert joints[GRIPPER] == pytest.approx((ARM.lower_rad[GRIPPER] + ARM.upper_rad[GRIPPER]) / 2, abs=0.01)


@pytest.mark.clock
def test_one_that_was_never_calibrated_says_what_is_off(console):
    rows = {name: msgspec.structs.replace(joint, lowest_steps=1000) for name, joint in lerobot().joints.items()}
    with (
        closing(HeldLeader(Calibration(rows))) as held,
        running(held.live),
        pytest.raises(CalibrationError, match="shoulder_pan: its lower stop was found"),
    ):
        open_leader(held.port, console, print)


def test_without_a_terminal_there_is_nobody_to_take_over(monkeypatch, tmp_path, held):
    (tmp_path / "nobody").touch()
    with open(tmp_path / "nobody") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(UserError, match="keys are read from a terminal"):
            open_operator(f"leader:{address(tmp_path, held)}", "sim", None)
