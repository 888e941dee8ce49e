"""A gamepad and fingers on a touch screen drive the arm by the page, and let go as keys do."""

import math
import time

import pytest

from control.arm import facts
from tests.tools.chromium import wait_for
from tests.tools.viewing import drive, hold

pytestmark = pytest.mark.clock
STATE = "document.querySelector('#state').textContent"
PAN = "parseFloat(document.querySelector('#joints b').textContent)"
HELD = "document.querySelector('#drive').classList.contains('held')"
NOTICES = "document.querySelector('#notices').textContent"
PAD = """
window.pad = {index: 0, connected: true, mapping: 'standard', axes: [0, 0, 0, 0],
              buttons: Array.from({length: 17}, () => ({pressed: false, value: 0}))};
navigator.getGamepads = () => [null, window.pad];
"""
HOME_DEG = math.degrees(facts()["home_rad"][0])
B, X, LB, RB = 1, 2, 4, 5


@pytest.fixture
def page(browser, address):
    page = browser.page(address)
    page.run(PAD)
    if page.text("#state") == "stopped":
        page.click("#clear")
    drive(page)
    yield page
    assert page.complaints() == []
    page.close()


def press(page, button, down=True):
    page.run(f"void (window.pad.buttons[{button}] = {{pressed: {str(down).lower()}, value: {int(down)}}})")


def push(page, axis, share):
    page.run(f"void (window.pad.axes[{axis}] = {share})")


def await_stand(page):
    page.until(f"!{HELD}")
    later = f"new Promise((told) => setTimeout(() => told({PAN}), 400))"
    wait_for(lambda: abs(page.run(PAN) - page.run(later)) < 0.5)


@pytest.mark.parametrize("shoulder", [LB, RB])
@pytest.mark.parametrize("left", [True, False])
def test_a_stick_moves_the_arm_while_a_shoulder_button_is_held(page, shoulder, left):
    before = page.run(PAN)
    push(page, 0, -0.9 if left else 0.9)
    await_stand(page)
    assert abs(page.run(PAN) - before) < 1  # nothing without the dead-man
    hold(
        page,
        lambda: press(page, shoulder),
        lambda: press(page, shoulder, False),
        f"({PAN} - {before}) * {-1 if left else 1} > 5",
    )
    press(page, shoulder, False)
    await_stand(page)


@pytest.mark.parametrize(
    "lose",
    [
        lambda page, browser: page.run("void (window.pad.connected = false)"),
        lambda page, browser: page.run("void (navigator.getGamepads = () => [null, null])"),
        lambda page, browser: browser.page("about:blank"),
        lambda page, browser: page.click("#tab-runs"),
    ],
    ids=["switched off", "unplugged", "another tab", "the arm is not shown"],
)
def test_a_gamepad_that_is_not_there_or_not_looked_at_has_let_go(page, browser, lose):
    push(page, 0, -0.9)
    press(page, LB)
    page.until(HELD)
    lose(page, browser)
    await_stand(page)


def test_a_gamepad_s_buttons_give_orders_once_each(page):
    push(page, 0, -0.9)
    hold(page, lambda: press(page, LB), lambda: press(page, LB, False), f"Math.abs({PAN} - {HOME_DEG}) > 10")
    press(page, LB, False)
    await_stand(page)
    press(page, X)
    page.until(f"Math.abs({PAN} - {HOME_DEG}) < 1")
    press(page, X, False)
    press(page, B)
    page.until(f"{STATE} == 'stopped'")
    page.click("#clear")
    page.until(f"{STATE} == 'hold'")  # though the button is still down
    press(page, B, False)


def test_a_button_that_was_down_before_the_page_looked_gives_no_order(page, browser):
    other = browser.page("about:blank")
    press(page, 16)  # which gives the arm back
    page.line.ask("Page.bringToFront")
    other.close()
    push(page, 0, -0.9)
    press(page, LB)
    page.until(HELD)
    press(page, 16, False)
    time.sleep(0.2)
    press(page, 16)
    page.until("document.querySelector('#give').hidden")


@pytest.fixture
def touched(browser, address):
    page = browser.page()
    page.line.ask("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    page.go(address)
    drive(page)
    yield page
    assert page.complaints() == []
    page.close()


def button(words):
    numbers = {"turn left": 1, "forwards": 2, "turn right": 3, "up": 4, "open": 5, "left": 6, "back": 7, "right": 8}
    return f"#touch button:nth-child({numbers[words]})"


def test_fingers_move_the_arm_as_long_as_they_stay(touched):
    assert touched.run("getComputedStyle(document.querySelector('#touch')).display") == "grid"
    before = touched.run(PAN)
    hold(touched, lambda: touched.touch(button("left")), touched.touch, f"{before} - {PAN} > 5")
    touched.touch(button("left"), button("up"))
    touched.until("document.querySelectorAll('#touch .down').length == 2")
    touched.touch()
    touched.until("document.querySelectorAll('#touch .down').length == 0")
    await_stand(touched)


@pytest.mark.parametrize(
    "lose",
    [
        lambda page, browser: page.line.ask("Input.dispatchTouchEvent", type="touchCancel", touchPoints=[]),
        lambda page, browser: browser.page("about:blank"),
        lambda page, browser: page.run("window.dispatchEvent(new Event('blur'))"),
    ],
    ids=["the system takes the finger", "another tab", "another window"],
)
def test_a_finger_that_the_page_hears_no_more_of_has_let_go(touched, browser, lose):
    touched.touch(button("right"))
    touched.until(HELD)
    lose(touched, browser)
    await_stand(touched)


def test_a_second_finger_stops_the_arm_while_the_first_one_stays(touched):
    touched.touch(button("left"))
    touched.until(HELD)
    touched.touch(button("left"), "#stop")
    touched.until(f"{STATE} == 'stopped'", 5)
    touched.touch()
    touched.click("#clear")
    touched.until(f"{STATE} == 'hold'")


@pytest.mark.parametrize("width, height", [(390, 844), (844, 390), (1024, 768)])
def test_the_stop_and_the_buttons_fit_on_a_small_screen(touched, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    touched.line.ask("Emulation.setDeviceMetricsOverride", **size)
    touched.run("window.scrollTo(0, 10000)")
    inside = "[...document.querySelectorAll('{}')].every((one) => one.getBoundingClientRect().right <= innerWidth)"
    assert touched.run(inside.format("#stop")) and touched.run(inside.format("#touch button"))
    touched.until("document.querySelector('#stop').getBoundingClientRect().top >= 0")
