"""The cube is lifted by hand through every real device path, and whoever lets go stops the arm.

The twin is a process of its own; how long it took until the joints were at rest is read from its own record.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "hardware"))  # where a leader and what goes on beside a test are
from hands import LOOK_S, MOVING_S, RESTING_S, Hands, Keys, LeadingHand, Stage, Sticks, lift
from leaders import HeldLeader
from rig import running

from tools.cli import main

pytestmark = pytest.mark.clock

RELEASES, LOSSES = 20, 5
AT_REST_S = 0.2
Set = tuple[Stage, Hands]


@contextmanager
def typed(folder: Path, kitty: bool = False) -> Iterator[Set]:
    with Stage(folder, kitty=kitty) as stage:
        yield stage, Keys(stage)


@contextmanager
def thumbed(folder: Path) -> Iterator[Set]:
    path = folder / "js0"
    os.mkfifo(path)
    keep = os.open(path, os.O_RDWR)  # so that either end may come first
    with Stage(folder, device=f"gamepad:{path}") as stage, closing(Sticks(path)) as sticks:
        os.close(keep)
        yield stage, sticks


@contextmanager
def led(folder: Path) -> Iterator[Set]:
    with closing(HeldLeader()) as held, running(held.live):
        held.calibration.save(folder / "leader.json")
        (folder / "leader.yaml").write_text(f"port: {held.port}\ncalibration: leader.json\nslack_s: 0.02\n")
        flags = ("--set", "spaces.actions=joints")
        with Stage(folder, *flags, device=f"leader:{folder / 'leader.yaml'}") as stage:
            yield stage, LeadingHand(stage, held)


DEVICES: dict[str, Callable[[Path], AbstractContextManager[Set]]] = {
    "terminal": typed,
    "terminal that tells releases": lambda folder: typed(folder, kitty=True),
    "gamepad": thumbed,
    "leader": led,
}


@pytest.fixture(scope="module", params=DEVICES)
def driven(request, tmp_path_factory) -> Iterator[Set]:
    with DEVICES[request.param](tmp_path_factory.mktemp("teleop")) as driven:
        yield driven


def test_the_cube_is_lifted_by_hand(driven, record_property):
    stage, hands = driven
    record_property("lifted_s", lift(stage, hands))


def rests(stage: Stage, hands: Hands, times: int, let_go: Callable[[], object]) -> list[float]:
    """How long after each of so many releases the arm was at rest, swept to and fro meanwhile.

    A busy machine's camera may be late, and an arm that nobody sees stands: such a release is none.
    """
    took: list[float] = []
    for i in range(2 * times):
        until_s = time.monotonic() + MOVING_S
        while time.monotonic() < until_s:
            hands.want(np.array([0, 0.1 * (-1) ** i, 0, 0, 0]))
            time.sleep(LOOK_S)
        released_s = time.monotonic()
        let_go()
        time.sleep(RESTING_S)
        rest_s = stage.rest_s(released_s)
        took += [] if rest_s is None else [rest_s]
        if len(took) == times:
            return took
        hands.mend()
    raise AssertionError(f"it moved at {len(took)} of {2 * times} releases: {stage.said[-500:]!r}")


@pytest.mark.parametrize(("how", "times"), [("let_go", RELEASES), ("lose_touch", LOSSES)])
def test_whoever_lets_go_or_loses_touch_stops_the_arm(driven, how, times):
    stage, hands = driven
    took = rests(stage, hands, times, getattr(hands, how))
    hands.mend()
    print(f"{how}: at rest after {1e3 * np.median(took):.0f} ms (p50), {1e3 * max(took):.0f} ms (longest) of {times}")
    assert max(took) <= AT_REST_S


def test_the_arm_stops_when_the_process_that_drives_it_is_killed(driven):
    stage, hands = driven
    hands.mend = lambda: None
    assert rests(stage, hands, 1, stage.process.kill)[0] <= AT_REST_S


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--speed", "2"), "--speed must be above 0 and at most 1 m/s, got 2"),
        (("--device", "joystick"), "no device called joystick; name keyboard, gamepad"),
        (("--device", "gamepad:/nowhere"), "no gamepad at /nowhere"),
    ],
)
def test_a_flag_that_means_nothing_is_told_in_one_line(words, said, capsys):
    assert main(["teleop", "--robot", "sim", *words]) == 2
    assert said in capsys.readouterr().err
