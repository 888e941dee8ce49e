"""What goes wrong on purpose, and what a bus and a driver make of it."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from rig import HOME, Rig, held, running

from control.errors import BusLost, ConfigError
from control.modes import Mode
from hardware import mishaps
from hardware.bus import Bus
from hardware.chain import Chain
from hardware.line import Line
from hardware.mishaps import AMOUNTS, SPOILS, Mishap, Spoiler, Timeline
from hardware.motor import Motor
from hardware.servo import Servo

pytestmark = pytest.mark.clock

IDS = (1, 2, 3, 4, 5, 6)
SLACK_S = 0.05
TURN = np.array([0.08, 0, 0, 0, 0, 0])


def test_a_mishap_waits_for_its_phase_lasts_and_is_over():
    timeline = Timeline([Mishap("silent", after="lift", at_s=1.0, for_s=2.0), Mishap("reset")])
    seen = []
    for now_s in range(10):
        phases = {"start", "lift"} if now_s >= 3 else {"start"}
        begun, over = timeline.step(phases, float(now_s))
        seen += [(now_s, m.what, "begins") for m in begun] + [(now_s, m.what, "ends") for m in over]
    assert seen == [(0, "reset", "begins"), (4, "silent", "begins"), (6, "silent", "ends")]
    assert not timeline.idle  # a reset that nobody ended goes on


@pytest.mark.parametrize("what", [*SPOILS, "echo"])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_no_spoilt_answer_is_ever_taken_for_a_reading(what, share):
    """Whatever happens on the line, a position that is reported is the servo's own."""
    motors = [Motor(Servo({"id": id})) for id in IDS]
    for id, motor in zip(IDS, motors, strict=True):
        motor.servo.encoder = 1000 + 100 * id
    spoiler = Spoiler(IDS)
    spoiler.running = [Mishap(what, share=share)]
    got = 0
    with (
        Line(Chain(motors), spoil=spoiler) as line,
        running(lambda: line.pass_on(time.monotonic() + 0.005)),
        closing(Bus(line.port, slack_s=SLACK_S)) as bus,
    ):
        for _ in range(8):
            answers = bus.sync_read(IDS, "present_position").data
            assert all(int.from_bytes(data, "little") == 1000 + 100 * id for id, data in answers.items())
            got += len(answers)
        counted = bus.tallies
    lost = what in ("corrupt", "drop", "stranger") and share == 1.0
    assert lost or got > 20
    assert not lost or all(tally.silent for tally in counted.servos.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mishaps: [{what: vanish}]", "vanish"),
        ("mishaps: [{what: silent, joint: knee}]", "joint must be one of shoulder_pan"),
        ("mishaps: [{what: silent, amount: 2}]", "silent takes no amount"),
        ("mishaps: [{what: drop, share: 0}]", "share must be in"),
        ("mishaps: [{what: drop, for_s: 0}]", "for_s > 0"),
        ("mishaps: [{what: drop, for: 2}]", "unknown key for"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        mishaps.load(str(path))


def test_what_goes_on_when_another_of_its_kind_is_over_goes_on():
    def two(what: str, **values: Any) -> list[Mishap]:
        return [Mishap(what, for_s=0.1, **values), Mishap(what, at_s=0.05, for_s=0.1, **values)]

    rig = Rig(mishaps=[*two("unplug"), *two("sag"), *two("silent", joint="gripper"), *two("frozen")])
    world, went_wrong = rig.world, []
    for now_s in (100.0, 100.06, 100.12, 100.2):
        world.suffer(now_s)
        signs = not world.line.plugged, world.supply_V < 12, 6 in world.line.chain.deaf, world.film["frozen"] == 1
        went_wrong.append(set(signs))
    assert went_wrong == [{True}, {True}, {True}, {False}]
    rig.close()


def test_every_mishap_has_an_effect_of_its_own():
    from tools.fate import CHANGES, LASTING

    named = set(SPOILS) | {"echo"} | set(CHANGES) | set(LASTING)
    assert named == set(mishaps.What.__args__) and set(AMOUNTS) <= named


@pytest.mark.parametrize(
    ("mishap", "mode", "told"),
    [
        (Mishap("silent", "motion", joint="wrist_roll"), Mode.HOLD, "wrist_roll: silent"),
        (Mishap("reset", "motion", joint="elbow_flex"), Mode.FAULT, "elbow_flex: lost power for a moment"),
        (Mishap("overload", "motion", joint="elbow_flex"), Mode.FAULT, "elbow_flex: overload"),
        (Mishap("sag", "motion"), Mode.FAULT, r"6\.\d V"),
        (Mishap("heat", "motion", joint="gripper"), Mode.FAULT, r"gripper: hot \(66 degrees Celsius\)"),
        (Mishap("jam", "motion", joint="shoulder_pan"), Mode.HOLD, "shoulder_pan: stalled"),
    ],
)
def test_an_arm_in_motion_holds_and_says_why(mishap, mode, told):
    rig = held(mishap)
    target = HOME.copy()
    for _ in range(16):
        target = target + TURN
        rig.command(target)
    seen = {fault for telemetry in rig.telemetry for fault in telemetry.faults}
    assert rig.mode is mode, rig.driver.state
    assert any(re.search(told, fault) for fault in seen), seen
    rig.live(0.3)
    before = rig.world.plant.joints_rad.copy()
    rig.live(0.3)
    assert np.abs(rig.world.plant.joints_rad - before).max() < 0.01
    rig.close()


def test_a_line_that_is_pulled_is_found_again_by_its_name(tmp_path):
    link, orders = tmp_path / "arm", list[Callable[[], None]]()

    def live() -> None:
        while orders:
            orders.pop(0)()
        line.pass_on(time.monotonic() + 0.005)

    with Line(Chain([Motor(Servo({"id": 1}))]), link) as line, running(live):
        before = link.readlink()
        with closing(Bus(str(link), slack_s=SLACK_S)) as bus:
            assert bus.ping(1) is not None
            orders.append(line.unplug)
            with pytest.raises(BusLost, match="is the adapter unplugged"):
                while bus.tallies.of(1).asked < 10_000:
                    bus.ping(1)
            assert not link.exists()
            orders.append(line.plug)
            while not link.exists():
                time.sleep(0.005)
            assert link.readlink() != before  # another name, as systems give them
        with closing(Bus(str(link), slack_s=SLACK_S)) as bus:
            assert bus.ping(1) is not None
