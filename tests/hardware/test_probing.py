"""The probe finds what the emulated servo does, says where a servo does otherwise, and leaves it as it was."""

import json
import time
from collections.abc import Iterator

import pytest
from rig import running

from control.arm import Arm
from control.config import RobotConfig
from control.errors import CalibrationError
from hardware.packets import Fault
from hardware.probing import RESTORED, probe, switched_off_and_on
from hardware.servo import Servo
from sim.plant import STEP_S
from tools.cli import main
from tools.world import World, twin_calibration

pytestmark = pytest.mark.clock


@pytest.fixture
def world() -> Iterator[World]:
    """The arm in the time of the clock."""
    with World(RobotConfig(camera_px=32), twin_calibration(Arm.from_facts())) as world:
        done_s = time.monotonic()

        def go_on() -> None:
            nonlocal done_s
            world.line.pass_on(time.monotonic() + 0.0005)
            while done_s < time.monotonic():
                world.tick()
                done_s += STEP_S

        with running(go_on):
            yield world


BY_THE_CLOCK = ("a packet broken off", "a gap in a sync read", "a ping to everyone")  # on a busy machine anything


class Meek(Servo):
    """Switches torque on only when told to."""

    def _take_effect(self, written, before):
        super()._take_effect(written, before)
        if "torque_enable" not in written:
            self["torque_enable"] = before["torque_enable"]


def settings(world: World) -> dict[str, int]:
    return {name: world.motors[0].servo[name] for name in RESTORED}


def test_the_emulated_servo_does_what_is_said_of_it_and_is_left_as_it_was(world):
    before, kept = settings(world), world.motors[0].servo._persistent
    found = list(probe(world.line.port, 1))
    odd = [finding for finding in found if not finding.alike and finding.behaviour not in BY_THE_CLOCK]
    assert len(found) == 12 and not odd
    assert not [finding for finding in found if finding.seen == "no answer"]
    assert settings(world) == before and world.motors[0].servo._persistent == kept
    assert world.motors[0].servo["torque_enable"] == 0


def test_a_servo_that_does_otherwise_is_told_with_what_it_did(world):
    world.motors[0].servo.__class__ = Meek
    odd = {finding.behaviour: finding.seen for finding in probe(world.line.port, 1) if not finding.alike}
    assert odd["a goal while torque is off"] == "torque_enable is 0"


def test_what_outlives_the_supply_is_asked_of_whoever_switches_it(world):
    assert switched_off_and_on(world.line.port, 1, world.motors[0].servo.power_up).alike
    assert not switched_off_and_on(world.line.port, 1, lambda: None).alike


@pytest.mark.parametrize(
    "id, spoil, words",
    [
        (9, lambda servo: None, "no servo answers as 9"),
        (1, lambda servo: servo.__setitem__("model", 1), "model 1, not an STS3215"),
        (1, lambda servo: servo.__setitem__("lock", 0), "not locked"),
    ],
)
def test_a_servo_that_is_not_fit_for_it_is_refused(world, id, spoil, words):
    spoil(world.motors[0].servo)
    with pytest.raises(CalibrationError, match=words):
        next(probe(world.line.port, id))


def test_a_servo_that_holds_an_arm_up_is_not_let_go_to_be_asked(world):
    servo = world.motors[0].servo
    servo["torque_enable"] = 1
    with pytest.raises(CalibrationError, match="servo 1 holds something up"):
        next(probe(world.line.port, 1))
    assert servo["torque_enable"] == 1


def test_a_servo_that_complains_already_is_refused(world):
    world.motors[0].complain(Fault.CURRENT)
    with pytest.raises(CalibrationError, match="complains of CURRENT"):
        next(probe(world.line.port, 1))


def test_nothing_is_asked_before_somebody_says_that_it_may_move(world, monkeypatch, capsys, tmp_path):
    (tmp_path / "nobody").touch()
    with open(tmp_path / "nobody") as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        assert main(["probe", world.line.port]) == 2
    assert "--allow-motion" in capsys.readouterr().err


def test_the_command_lists_every_behaviour(world, capsys):
    status = main(["probe", world.line.port, "--allow-motion", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 12 and status == int(not all(row["alike"] for row in rows))
