"""The page in a real browser: what it shows, what it asks for, who may drive by it, and what ends that."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from urllib.parse import urlsplit

import cv2
import pytest

from control.errors import DriverLost, LinkTimeout
from tests.tools.chromium import Browser, wait_for
from tests.tools.viewing import drive, hold
from tools import view
from tools.cli import main
from tools.robots import robot_section

pytestmark = pytest.mark.clock
STATE = "document.querySelector('#state').textContent"
ANGLES = "[...document.querySelectorAll('#joints b')].map((angle) => parseFloat(angle.textContent))"
HELD = "document.querySelector('#drive').classList.contains('held')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    page = browser.page(address)
    page.until(f"{STATE} != '…'")
    yield page
    page.close()


@pytest.fixture
def driven(page):
    drive(page)
    return page


@pytest.mark.parametrize(("befalls", "raised"), [("nothing", LinkTimeout), ("an end", None), ("a fault", DriverLost)])
def test_a_robot_served_here_that_answers_no_more_says_why(monkeypatch, befalls, raised):
    stop, due = threading.Event(), threading.Event()

    def served(robot: object, endpoint: str, stop: threading.Event, ready: Callable[[str], object]) -> None:
        ready(endpoint)
        while not (due.wait(0.01) or stop.is_set()):
            pass
        if due.is_set():
            raise DriverLost("the driver died")

    monkeypatch.setattr(view, "serve_robot", served)
    expected = pytest.raises(raised) if raised else nullcontext()
    with expected, view.reachable("sim", robot_section("lift_fast.yaml"), stop):
        if befalls == "an end":
            stop.set()
        elif befalls == "a fault":
            due.set()
            assert stop.wait(10.0)
        raise LinkTimeout("nobody answers")


def test_the_arm_and_its_camera_are_shown_and_nothing_is_asked_for_elsewhere(page, address, tmp_path):
    page.until("document.querySelector('.camera img').naturalWidth == 240")
    page.until("document.querySelector('#joints b').textContent.endsWith('°')")
    page.click("#tab-runs")
    page.until("document.querySelector('#list').textContent.includes('no runs yet')")
    page.click("#tab-arm")
    page.shoot(tmp_path / "page.png")
    here = urlsplit(address).netloc
    assert {urlsplit(url.removeprefix("blob:")).netloc for url in page.requests()} == {here}
    assert page.complaints() == []
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / "page.png")), cv2.COLOR_BGR2HSV).astype(int)
    amber = (abs(picture[..., 0] - 22) < 5) & (picture[..., 1] > 150) & (picture[..., 2] > 100)
    assert amber[100:, : picture.shape[1] * 2 // 3].sum() > 2000  # the printed parts


def await_stand(page):
    """Wait until nothing is held and no joint moves by more than half a degree in half a second."""
    page.until(f"!{HELD}")
    later = f"new Promise((told) => setTimeout(() => told({ANGLES}), 500))"
    wait_for(lambda: max(abs(a - b) for a, b in zip(page.run(ANGLES), page.run(later), strict=True)) < 0.5)


def test_a_key_moves_the_arm_as_long_as_it_is_held(driven):
    before, *_ = driven.run(ANGLES)
    moved = f"{STATE} == 'active' && {HELD} && Math.abs({ANGLES}[0] - {before}) > 5"
    hold(driven, lambda: driven.key("KeyJ", True), lambda: driven.key("KeyJ", False), moved)
    driven.key("KeyJ", False)
    await_stand(driven)


@pytest.mark.parametrize(
    "lose",
    [
        lambda page, browser: page.run("document.activeElement.blur()"),
        lambda page, browser: page.run("document.querySelector('#tab-runs').focus()"),
        lambda page, browser: page.run("window.dispatchEvent(new Event('blur'))"),
        lambda page, browser: browser.page("about:blank"),
        lambda page, browser: page.key("Tab", True),
    ],
    ids=["no focus", "another button", "another window", "another tab", "the tab key"],
)
def test_losing_the_focus_is_letting_go_though_the_key_is_down(driven, browser, lose):
    driven.key("KeyJ", True)
    driven.until(HELD)
    lose(driven, browser)
    await_stand(driven)


def test_a_shortcut_of_the_browsers_moves_nothing(driven):
    driven.line.ask("Input.dispatchKeyEvent", type="rawKeyDown", code="KeyJ", key="j", modifiers=2)
    assert not driven.run(HELD)


@pytest.mark.parametrize("key", ["Space", "Escape"])
def test_anybody_stops_the_arm_and_it_stays_so_until_it_is_cleared(driven, browser, address, key):
    watcher = browser.page(address)
    watcher.until(f"{STATE} != '…' && document.querySelector('#driver').textContent.startsWith('driven by')")
    driven.line.ask("Page.bringToFront")
    driven.key("KeyJ", True)
    driven.until(f"{STATE} == 'active'")
    watcher.key(key, True)
    driven.until(f"{STATE} == 'stopped' && document.querySelector('#give').hidden")
    driven.key("KeyJ", False)
    driven.click("#take")
    driven.until("document.querySelector('#notices').textContent.includes('the arm is stopped')")
    driven.click("#clear")
    driven.until(f"{STATE} == 'hold'")
    watcher.close()


def test_one_page_drives_and_another_is_told(driven, browser, address):
    other = browser.page(address)
    other.until(f"{STATE} != '…'")
    other.click("#take")
    other.until("document.querySelector('#notices').textContent.includes('another page drives this arm')")
    other.close()


def test_a_page_that_is_closed_leaves_the_arm_to_others(browser, address):
    for _ in range(2):
        page = browser.page(address)
        drive(page)
        page.key("KeyL", True)
        page.until(f"{STATE} == 'active'")
        page.close()


@pytest.mark.parametrize(
    "flags, words",
    [
        (("--port", "-1"), "--port must be 0 to 65535, got -1"),
        (("--robot", "nobody"), "no robot called nobody"),
        (("--set", "robot.hz=7"), "hz must divide 100"),
    ],
)
def test_a_mistake_is_one_line(capsys, flags, words):
    assert main(["view", *flags]) == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(capsys, address):
    port = str(urlsplit(address).port)
    assert main(["view", "--port", port]) == 2
    assert f"port {port} cannot be had" in capsys.readouterr().err
