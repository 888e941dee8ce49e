"""Driver and gateway as two processes on a real port: whichever dies, the arm holds."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from rig import ARM, CALIBRATION, HOME

from control.config import RobotConfig
from control.endpoints import STOPPING, WATCHING, beside
from control.errors import CommandRefused, DriverLost, LinkError, UserError
from control.gateway import Stopping, serve_robot
from control.link import Listener, serving_beside
from control.modes import Word
from control.remote import RemoteRobot
from control.types import JOINTS, Command, Observation, ResetRequest
from hardware.arm import REST_RAD, ServoArm
from hardware.orders import Say
from hardware.promptness import PRIORITY, prompt
from tools.cli import main
from tools.world import World

pytestmark = pytest.mark.clock

CONFIG = RobotConfig(hz=10.0, camera_px=32)
SLACK_S = 0.05  # the world runs in a thread here
TURN = np.array([0.08, 0, 0, 0, 0, 0])


@pytest.fixture
def world() -> Iterator[World]:
    made, stop = World(CONFIG, CALIBRATION), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    made.settle()
    thread.start()
    yield made
    stop.set()
    thread.join()
    made.close()


@contextmanager
def opened(world: World) -> Iterator[ServoArm]:
    arm = ServoArm(CONFIG, world.line.port, CALIBRATION, {}, slack_s=SLACK_S)
    try:
        yield arm
    finally:
        arm.close()


def moving(arm: ServoArm, steps: int = 6) -> Observation:
    seen = arm.observe()
    for _ in range(steps):
        seen = arm.step(Command(seen.target_rad + TURN, seen.seq))
    return seen


def stands(world: World, within_s: float = 0.4) -> bool:
    """Whether the arm stands still, after what may be left of its motion."""
    time.sleep(within_s)
    before = world.plant.joints_rad.copy()
    time.sleep(0.3)
    return bool(np.abs(world.plant.joints_rad - before).max() < 0.01)


def torque(world: World) -> list[int]:
    return [motor.servo["torque_enable"] for motor in world.motors]


def test_an_arm_is_opened_limp_armed_by_its_first_reset_and_steps_by_the_clock(world):
    with opened(world) as arm:
        assert torque(world) == [0] * 6 and arm.health().state == "ready"
        assert arm.spec.calibration == CALIBRATION.digest
        first = arm.reset(ResetRequest("home", 0))
        assert torque(world) == [1] * 6 and first.joints_rad == pytest.approx(HOME, abs=0.1)
        began_s, seen = time.monotonic(), first
        for _ in range(5):
            seen = arm.step(Command(seen.target_rad + TURN, seen.seq))
        assert time.monotonic() - began_s == pytest.approx(0.5, abs=0.12)
        assert seen.seq >= first.seq + 5 and seen.joints_rad[0] > first.joints_rad[0] + 0.2


def test_closing_leaves_the_arm_holding(world):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        moving(arm)
    assert torque(world) == [1] * 6 and stands(world)
    with opened(world) as again:
        assert again.health().state == "ready"
        again.reset(ResetRequest("home", 0))


def test_a_driver_is_watched_with_its_own_priority(world):
    with prompt(PRIORITY) as granted:
        pass
    with opened(world):
        policies = [os.sched_getscheduler(thread.native_id) for thread in threading.enumerate() if thread.native_id]
    assert policies.count(os.SCHED_FIFO) == granted


def test_a_driver_keeps_in_memory_what_it_has_touched_and_little_else(world):
    with opened(world) as arm:
        said = Path(f"/proc/{arm.driver_pid}/status").read_text()
    kept_mb = int(re.findall(r"VmRSS:\s+(\d+) kB", said)[0]) / 1000
    assert kept_mb < 150  # all that it may touch are some 330


@pytest.mark.parametrize(("number", "words"), [(signal.SIGKILL, "died"), (signal.SIGSTOP, "hung")])
def test_a_driver_that_dies_or_hangs_in_motion_leaves_the_arm_holding(world, number, words):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        moving(arm)
        os.kill(arm.driver_pid, number)
        assert stands(world)
        assert torque(world) == [1] * 6
        assert {motor.servo["torque_limit"] for motor in world.motors[:5]} == {400}
        with pytest.raises(DriverLost, match=words):
            arm.observe()


def test_an_arm_that_was_told_to_go_limp_is_let_go_even_where_the_driver_hangs_over_it(world):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        moving(arm, 2)
        os.kill(arm.driver_pid, signal.SIGSTOP)
        arm._driver.tell(Say(Word.LIMP))
        time.sleep(1.0)
        assert torque(world) == [0] * 6
        with pytest.raises(DriverLost, match="hung .* the arm was let go"):
            arm.observe()


@pytest.mark.parametrize("hangs", [True, False])
def test_a_servo_that_a_dead_driver_could_not_let_go_is_named(world, hangs):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        world.line.chain.deaf = {4}
        if hangs:
            os.kill(arm.driver_pid, signal.SIGSTOP)
        arm._driver.tell(Say(Word.LIMP))
        time.sleep(0.3)
        with suppress(ProcessLookupError):  # who waits for a silent servo may be taken for hung meanwhile
            os.kill(arm.driver_pid, signal.SIGKILL)
        arm._driver._guard.join(10.0)
        assert [on for j, on in enumerate(torque(world)) if j != 3] == [0] * 5
        with pytest.raises(DriverLost, match="wrist_flex may still hold: switch the supply off"):
            arm.observe()


@pytest.mark.parametrize("heard", [True, False])
def test_an_arm_that_was_stopped_is_found_so_when_its_driver_has_died(world, heard):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        moving(arm, 2)
        if heard:
            arm.say(Word.STOP)
        else:
            os.kill(arm.driver_pid, signal.SIGSTOP)
            arm._driver.tell(Say(Word.STOP))
        os.kill(arm.driver_pid, signal.SIGKILL)
        assert stands(world)
    assert torque(world) == [1] * 6
    with opened(world) as again:
        assert again.health().state == "stopped"
        with pytest.raises(UserError, match="the arm is stopped"):
            again.reset(ResetRequest("home", 0))


@pytest.mark.parametrize(
    ("word", "on", "told"), [(Word.LIMP, 0, "the arm was let go"), (Word.STOP, 1, "the arm holds where it was")]
)
def test_an_arm_whose_driver_has_died_is_still_stopped_and_let_go(world, word, on, told):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        os.kill(arm.driver_pid, signal.SIGKILL)
        assert stands(world) and torque(world) == [1] * 6
        with pytest.raises(DriverLost, match=f"died.*{told}"):
            arm.say(word)
        assert torque(world) == [on] * 6
    with opened(world) as again:
        assert again.health().state == ("stopped" if on else "ready")


def test_when_the_gateway_dies_as_torque_fades_the_arm_is_let_go_all_the_same(world):
    arm = ServoArm(CONFIG, world.line.port, CALIBRATION, {}, slack_s=SLACK_S)
    arm.reset(ResetRequest("home", 0))
    arm.say(Word.PARK)
    until_s = time.monotonic() + 20.0
    while arm.health().state != "releasing" and time.monotonic() < until_s:
        time.sleep(0.02)
    time.sleep(0.5)
    assert torque(world) == [1] * 6
    arm.close()
    assert torque(world) == [0] * 6


@contextmanager
def served(world: World, tmp_path: Path) -> Iterator[tuple[ServoArm, str]]:
    endpoint, stop, ready = f"ipc://{tmp_path}/arm", threading.Event(), threading.Event()
    with opened(world) as arm:
        serving = threading.Thread(target=serve_robot, args=(arm, endpoint, stop, lambda where: ready.set()))
        serving.start()
        assert ready.wait(5.0)
        try:
            yield arm, endpoint
        finally:
            stop.set()
            serving.join()


def test_a_served_arm_is_laid_down_by_a_command(world, tmp_path, capsys):
    with served(world, tmp_path) as (arm, endpoint):
        assert main(["stop", endpoint, "--park"]) == 2
        assert "the arm is ready; only an arm that holds" in capsys.readouterr().err
        with closing(RemoteRobot(endpoint, timeout_s=0.6)) as robot:  # of any question but this, which glides home
            robot.reset(ResetRequest("home", 0))
        assert main(["stop", endpoint]) == 0 and main(["stop", endpoint, "--park"]) == 2
        assert "twinarm stop ENDPOINT --clear" in capsys.readouterr().err
        assert main(["stop", endpoint, "--clear"]) == 0 and main(["stop", endpoint, "--park"]) == 0
        assert "its torque is off" in capsys.readouterr().err and torque(world) == [0] * 6
        assert np.abs(world.plant.joints_rad[:3] - REST_RAD[:3]).max() < 0.3


def test_a_served_arm_is_let_go_by_a_command_even_on_its_way_home(world, tmp_path, capsys):
    with served(world, tmp_path) as (arm, endpoint), closing(RemoteRobot(endpoint, timeout_s=30.0)) as robot:
        robot.reset(ResetRequest("home", 0))
        seen = robot.observe()
        for _ in range(12):
            seen = robot.step(Command(seen.target_rad + 2 * TURN, seen.seq))
        homing = threading.Thread(target=lambda: pytest.raises(UserError, robot.reset, ResetRequest("home", 0)))
        homing.start()
        time.sleep(0.5)
        assert arm.health().state == "homing"
        assert main(["stop", endpoint, "--limp"]) == 0
        assert main(["stop", endpoint, "--clear"]) == 2
        assert torque(world) == [0] * 6 and "serve it again" in capsys.readouterr().err
        homing.join()
        with pytest.raises(CommandRefused, match="the arm is limp: .*serve it again"):
            robot.step(Command(seen.target_rad, seen.seq))


@pytest.mark.parametrize("words", [[], ["--clear"], ["--limp"]])
def test_a_word_that_reaches_no_servo_is_not_told_as_done(world, tmp_path, capsys, words):
    with served(world, tmp_path) as (arm, endpoint):
        arm.reset(ResetRequest("home", 0))
        world.suffer = lambda now_s: world.line.unplug()  # in the world's own thread
        time.sleep(0.3)
        assert main(["stop", endpoint, *words]) == 2
        assert re.search("the arm is lost.*see its cable", capsys.readouterr().err)


def test_what_a_fault_that_stands_keeps_from_going_on_is_told(world, tmp_path, capsys):
    with served(world, tmp_path) as (arm, endpoint):
        arm.reset(ResetRequest("home", 0))
        world.motors[2].celsius = 75.0
        time.sleep(0.3)
        assert main(["stop", endpoint, "--clear"]) == 2
        assert re.search("the arm is fault: elbow_flex: hot .*see to that", capsys.readouterr().err)


def test_a_server_whose_driver_has_died_goes_on_answering_whether_or_not_somebody_watches(world, tmp_path, capsys):
    with served(world, tmp_path) as (arm, endpoint), closing(RemoteRobot(beside(endpoint, WATCHING))) as watcher:
        arm.reset(ResetRequest("home", 0))
        os.kill(arm.driver_pid, signal.SIGKILL)
        for _ in range(10):
            with suppress(LinkError):
                watcher.observe()
            time.sleep(0.05)
        assert main(["stop", endpoint, "--limp"]) == 2
        assert "the driver died; the arm was let go" in capsys.readouterr().err and torque(world) == [0] * 6


def test_a_stop_that_was_heard_is_told_so_where_nobody_says_what_came_of_it(world, tmp_path, capsys):
    endpoint = f"ipc://{tmp_path}/arm"
    with opened(world) as arm, Listener(beside(endpoint, STOPPING)) as listener:
        arm.reset(ResetRequest("home", 0))
        with serving_beside(listener, Stopping(arm), threading.Event()):
            assert main(["stop", endpoint]) == 2
        assert "stop was heard, but not what came of it" in capsys.readouterr().err and arm.health().state == "stopped"


def test_one_word_is_said_at_a_time(capsys):
    assert main(["stop", "ipc:///tmp/arm", "--park", "--limp"]) == 2
    assert "say one of --clear, --park and --limp" in capsys.readouterr().err


def test_closing_twice_is_closing_once(world):
    with opened(world) as arm:
        arm.close()


def test_when_the_gateway_dies_the_driver_holds_and_leaves_the_port_to_the_next(world):
    arm = ServoArm(CONFIG, world.line.port, CALIBRATION, {}, slack_s=SLACK_S)
    arm.reset(ResetRequest("home", 0))
    moving(arm)
    arm._driver._closing.set()
    arm._driver._guard.join()
    arm._driver._socket.close()  # all that a dying process does
    assert stands(world) and torque(world) == [1] * 6
    arm._driver._process.wait(2.0)
    arm.close()
    with opened(world):
        pass


def test_a_stopped_arm_resets_only_once_somebody_has_cleared_it(world):
    with opened(world) as arm:
        arm.reset(ResetRequest("home", 0))
        moving(arm, 2)
        arm.say(Word.STOP)
        assert stands(world)
        with pytest.raises(UserError, match="the arm is stopped: stopped by a person"):
            arm.reset(ResetRequest("home", 0))
        arm.say(Word.CLEAR)
        arm.reset(ResetRequest("home", 0))


def test_another_arms_calibration_is_refused_in_words(world):
    world.motors[JOINTS.index("elbow_flex")].servo["homing_offset"] = 7
    with pytest.raises(UserError, match="the arm is refused: elbow_flex: servo 3 holds homing_offset 7"):
        ServoArm(CONFIG, world.line.port, CALIBRATION, {}, slack_s=SLACK_S)


def test_servos_at_another_rate_are_refused_in_one_clause(world):
    for motor in world.motors:
        motor.servo["baud_code"] = 1
    with pytest.raises(UserError) as told:
        ServoArm(CONFIG, world.line.port, CALIBRATION, {}, slack_s=SLACK_S)
    assert "no servo answers on" in str(told.value) and "silent" not in str(told.value)


def test_a_port_that_is_none_is_told_in_the_drivers_words():
    with pytest.raises(DriverLost, match="no port /dev/ttyNONE; twinarm find"):
        ServoArm(CONFIG, "/dev/ttyNONE", CALIBRATION, {})


def test_limits_are_the_narrower_of_model_and_stops(world):
    with opened(world) as arm:
        assert (arm.spec.lower_rad >= ARM.lower_rad - 1e-9).all() and (arm.spec.upper_rad <= ARM.upper_rad + 1e-9).all()
