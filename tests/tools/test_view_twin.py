"""Driving the emulated arm from a browser: the cube is lifted, and whoever lets go stops it at once."""

import time

import numpy as np
import pytest

from control import arm as kinematics
from tests.tools.chromium import wait_for
from tests.tools.viewing import Hands, Witness, drive, view

pytestmark = pytest.mark.roomy
HOME_RAD = np.array(kinematics.facts()["home_rad"])
STOPS_S = 0.2
FAST_M_S = 0.07  # of the 0.1 that a held key means


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """Address and witness."""
    log = tmp_path_factory.mktemp("twin") / "log.bin"
    with view("--robot", f"twin:{log}") as address:
        yield address, Witness(log)


def keys_up(page, browser, code):
    page.key(code, False)


def focus_lost(page, browser, code):
    page.run("document.activeElement.blur()")


def tab_closed(page, browser, code):
    page.close()


def released(browser, address, witness, let_go, times):
    """Speeds of the tool when somebody let go, and for how long it went on (s), of as many releases."""
    found = []
    page = browser.page(address)
    drive(page)
    for i in range(times):
        code = ("KeyJ", "KeyL")[i % 2]
        Hands(page, witness).hold_until(lambda key=code: [] if witness.speed_m_s() > FAST_M_S else [key], lift=False)
        time.sleep(0.1 + 0.013 * i)  # at another part of the tick each time
        let_go_s = time.monotonic()
        let_go(page, browser, code)
        found.append(witness.still_after(let_go_s))
        if let_go is tab_closed:
            page = browser.page(address)
            drive(page)
        else:
            page.key(code, False)
            page.run("document.querySelector('#drive').focus()")
    page.close()
    return found


@pytest.mark.parametrize("let_go, times", [(keys_up, 6), (focus_lost, 4), (tab_closed, 2)])
def test_whoever_lets_go_stops_the_arm(browser, twin, let_go, times):
    address, witness = twin
    speeds, lasted = np.array(released(browser, address, witness, let_go, times)).T
    assert speeds.min() > 0.5 * FAST_M_S
    assert lasted.max() < STOPS_S, lasted


def lift(page, witness):
    """Real keys, pressed by somebody who sees where arm and cube are."""
    hands = Hands(page, witness)
    hands.bring(0.08, 0.008)
    hands.tap("Digit2")
    hands.bring(0.03, 0.003)
    hands.bring(0.002, 0.003)
    hands.hold_until(lambda: ["KeyC"] if witness.now()["joints_rad"][-1] - witness.now()["goal_rad"][-1] < 0.25 else [])
    hands.tap("Digit5")
    hands.hold_until(lambda: ["KeyU"] if witness.now()["cube_m"][2] < 0.09 else [])
    time.sleep(1.0)
    assert witness.now()["cube_m"][2] > 0.08


def test_keys_of_a_browser_lift_the_cube(browser, twin):
    address, witness = twin
    page = browser.page(address)
    drive(page)
    page.click("[data-order=home]")
    wait_for(lambda: np.abs(witness.now()["joints_rad"] - HOME_RAD).max() < 0.1, what="the arm at home")
    page.until("document.querySelector('#stale').hidden")
    lift(page, witness)
    page.close()
