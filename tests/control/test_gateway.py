"""One drives, many watch, anybody stops: over real sockets, with and without keys."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import numpy as np
import pytest

from control import keys as keyring
from control import wire
from control.config import RobotConfig
from control.desk import MOST_SESSIONS, Desk
from control.endpoints import STOPPING, WATCHING, beside
from control.errors import CommandRefused, LeaseHeld, LinkError, LinkTimeout, NotPermitted, UserError
from control.gateway import open_three, serve_robot
from control.keys import TICKET, Keys, own_ticket, read_keys
from control.modes import Word
from control.peers import LEASE_S, Lease, Peer, Role
from control.remote import RemoteRobot
from control.types import Command, ResetRequest
from sim.robot import SimRobot

pytestmark = pytest.mark.clock

HOME = ResetRequest("home", 1)


@contextmanager
def serving(endpoint: str, keys: Keys | None = None, kind: type[SimRobot] = SimRobot, **config: float) -> Iterator[str]:
    """A simulated arm by the clock; gives the endpoint to drive it at."""
    stop, opened, where = threading.Event(), threading.Event(), []

    def work() -> None:
        with kind(RobotConfig(**{"camera_px": 32, "hz": 20.0, **config}), realtime=True) as robot:  # type: ignore
            serve_robot(robot, endpoint, stop, lambda at: (where.append(at), opened.set()), keys)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert opened.wait(20)
        yield where[0]
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture
def endpoint(tmp_path) -> Iterator[str]:
    with serving(f"ipc://{tmp_path}/arm") as endpoint:
        yield endpoint


@pytest.fixture
def driver(endpoint) -> Iterator[RemoteRobot]:
    with closing(RemoteRobot(endpoint)) as robot:
        yield robot


def driven(robot: RemoteRobot, steps: int = 5):
    """A little way up, and what was seen at its end."""
    seen = robot.reset(HOME)
    for _ in range(steps):
        seen = robot.step(Command(seen.target_rad + 0.02, seen.seq))
    return seen


def await_nobody(robot: RemoteRobot) -> None:
    """Until whoever closed has been heard to let go."""
    until_s = time.monotonic() + LEASE_S / 2
    while robot.status().driver and time.monotonic() < until_s:
        time.sleep(0.01)


def test_one_drives_at_a_time_and_the_other_is_told_who_and_since_when(endpoint, driver):
    driven(driver)
    with closing(RemoteRobot(endpoint)) as other:
        seen = other.observe()
        with pytest.raises(LeaseHeld, match=rf"process {os.getpid()}\) has driven this robot since \d\d:\d\d:\d\d"):
            other.step(Command(seen.target_rad, seen.seq))
        with pytest.raises(LeaseHeld):
            other.reset(HOME)
        assert str(os.getpid()) in other.status().driver
        driver.close()
        await_nobody(other)
        driven(other)


@pytest.mark.parametrize("word", [Word.HOME, Word.PARK])
def test_nobody_says_a_word_that_moves_the_arm_past_whoever_drives_it(endpoint, driver, word):
    driven(driver)
    with closing(RemoteRobot(endpoint)) as other:
        with pytest.raises(LeaseHeld, match=r"has driven this robot since"):
            other.say(word)
        other.say(Word.STOP)
    assert driver.health().state == "stopped"


def test_whoever_drives_is_known_by_the_command(endpoint, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/twinarm", "teleop", "--robot", endpoint])
    with closing(RemoteRobot(endpoint)) as robot:
        driven(robot)
        assert f"(twinarm teleop, process {os.getpid()})" in robot.status().driver


def test_whoever_is_silent_for_a_second_lets_others_drive_and_may_come_back(endpoint, driver):
    driven(driver)
    time.sleep(LEASE_S + 0.3)
    assert driver.status().driver == ""
    with closing(RemoteRobot(endpoint)) as other:
        driven(other)
        with pytest.raises(LeaseHeld):
            driver.reset(HOME)
    await_nobody(driver)
    driven(driver)


class FarFromHome(SimRobot):
    """Comes home as slowly as an arm does."""

    def reset(self, request):
        time.sleep(LEASE_S + 0.2)
        return super().reset(request)


def test_whoever_waits_for_the_arm_to_come_home_is_not_taken_for_silent(tmp_path):
    with (
        serving(f"ipc://{tmp_path}/arm", kind=FarFromHome) as endpoint,
        closing(RemoteRobot(endpoint)) as driver,
        closing(RemoteRobot(endpoint)) as other,
    ):
        homing = threading.Thread(target=driver.reset, args=(HOME,))
        homing.start()
        time.sleep(0.1)
        with pytest.raises(LeaseHeld):
            other.reset(HOME)  # waits in line until the arm is home
        homing.join()


def test_what_was_seen_does_not_become_younger_by_another_question(endpoint, driver):
    driven(driver)
    with closing(RemoteRobot(beside(endpoint, WATCHING))) as watcher:
        with suppress(LinkError):
            watcher.observe()
        until_s = time.monotonic() + 0.5
        ages = []
        while time.monotonic() < until_s:  # so many questions that the arm itself is never looked at
            driver.health()
            ages.append(watcher.status().age_s)
        assert max(ages) > 0.3


def test_whoever_is_refused_at_once_keeps_nobody_away(endpoint, driver):
    driven(driver)
    driver.say(Word.STOP)
    time.sleep(LEASE_S + 0.3)
    with closing(RemoteRobot(endpoint)) as other:
        with pytest.raises(UserError, match="stopped by a person; to go on: twinarm stop ENDPOINT --clear"):
            other.reset(HOME)
        assert driver.status().driver == ""
        driver.say(Word.CLEAR)
        driven(driver)


def test_who_drives_is_not_pushed_out_by_who_only_says_hello(endpoint, driver):
    seen = driven(driver)
    with ExitStack() as crowd:
        for _ in range(2 * MOST_SESSIONS):
            crowd.enter_context(closing(RemoteRobot(endpoint)))
            seen = driver.step(Command(seen.target_rad, seen.seq))
    assert str(os.getpid()) in driver.status().driver


def test_any_free_port_has_two_free_ones_after_it():
    with ExitStack() as taken:
        for _ in range(400):  # some of them neighbours of what the system gives next
            one = taken.enter_context(closing(socket.socket()))
            one.bind(("127.0.0.1", 0))
        for _ in range(150):
            with ExitStack() as opened:
                drive, watch, stop = (each.endpoint for each in open_three("tcp://127.0.0.1:0", None, opened))
                assert (watch, stop) == (beside(drive, WATCHING), beside(drive, STOPPING))


def test_many_watch_while_one_drives_and_see_what_it_sees(endpoint, driver):
    seen = driver.reset(HOME)
    with (
        closing(RemoteRobot(beside(endpoint, WATCHING))) as plain,
        closing(RemoteRobot(beside(endpoint, WATCHING), jpeg=True)) as squeezed,
    ):
        with suppress(LinkError):
            plain.observe()  # from now on somebody watches
        for _ in range(4):
            seen = driver.step(Command(seen.target_rad + 0.02, seen.seq))
        for watcher in (plain, squeezed):
            watched = watcher.observe()
            assert watched.seq == seen.seq and watched.stamp_s == seen.stamp_s
            off = np.abs(watched.frames["wrist_cam"].rgb.astype(int) - seen.frames["wrist_cam"].rgb)
            assert off.mean() < (1e-9 if watcher is plain else 6.0)
            assert watcher.health().state == "active" and watcher.status().age_s < 0.5
            with pytest.raises(NotPermitted, match="is for watching"):
                watcher.step(Command(seen.target_rad, seen.seq))
            with pytest.raises(NotPermitted, match="is for watching"):
                watcher.say(Word.STOP)


def test_what_nobody_drives_is_still_seen_anew(endpoint):
    with closing(RemoteRobot(beside(endpoint, WATCHING))) as watcher:
        stamps = []
        for _ in range(20):
            with suppress(LinkError):
                stamps.append(watcher.observe().stamp_s)
            time.sleep(0.05)
        assert len(set(stamps)) >= 5


def test_anybody_stops_it_at_once_and_only_a_clear_lets_it_go_on(endpoint, driver):
    seen = driven(driver)
    with closing(RemoteRobot(beside(endpoint, STOPPING))) as button:
        button.say(Word.STOP)
        with pytest.raises(NotPermitted, match="is for stopping"):
            button.reset(HOME)
        with pytest.raises(NotPermitted, match="is for stopping"):
            button.say(Word.CLEAR)
    with pytest.raises(CommandRefused, match="stopped by a person; nothing was moved"):
        driver.step(Command(seen.target_rad + 0.1, seen.seq))
    assert driver.health().state == "stopped"
    with pytest.raises(UserError, match="stopped by a person"):
        driver.reset(HOME)
    driver.say(Word.CLEAR)
    driven(driver)


def test_a_halt_beside_the_driver_stands_the_arm_and_lets_it_go_on(endpoint, driver):
    seen = driver.reset(HOME)
    driver.step(Command(seen.target_rad + 0.1, seen.seq))
    with closing(RemoteRobot(beside(endpoint, STOPPING))) as brake:
        brake.say(Word.HALT)
    assert driver.health().state == "hold"
    driven(driver)


def test_the_stop_does_not_wait_for_the_step_that_is_under_way(tmp_path):
    with serving(f"ipc://{tmp_path}/arm", hz=2.0) as endpoint, closing(RemoteRobot(endpoint)) as robot:
        seen = robot.reset(HOME)
        with closing(RemoteRobot(beside(endpoint, STOPPING))) as button:
            stepping = threading.Thread(target=lambda: robot.step(Command(seen.target_rad, seen.seq)))
            stepping.start()
            time.sleep(0.1)
            began_s = time.monotonic()
            button.say(Word.STOP)
            took_s = time.monotonic() - began_s
            assert stepping.is_alive() and took_s < 0.2, took_s
            stepping.join()


# Keys


@pytest.fixture
def keys(tmp_path, monkeypatch) -> Iterator[Keys]:
    """A robot's keys, with a ticket for each role in tmp_path/<role>."""
    known = Keys.draw()
    for role in ("observer", "commander", "operator"):
        known, ticket = known.admit(f"a {role}", role)
        keyring.write(tmp_path / role, ticket)
    keyring.write(tmp_path / "keys.yaml", known)
    yield read_keys(tmp_path / "keys.yaml")


@pytest.fixture
def come(tmp_path, keys, monkeypatch):
    """`come(role)` opens the robot with that role's ticket."""
    with serving("tcp://127.0.0.1:0", keys) as endpoint:

        @contextmanager
        def come(role: str, which: int = 0) -> Iterator[RemoteRobot]:
            monkeypatch.setenv(TICKET, str(tmp_path / role))
            with closing(RemoteRobot(beside(endpoint, which) if which else endpoint, timeout_s=3.0)) as robot:
                yield robot

        come.endpoint = endpoint  # type: ignore[attr-defined]
        yield come


ALLOWED = {
    "look": ("observer", "commander", "operator"),
    "stop": ("observer", "commander", "operator"),
    "drive": ("commander", "operator"),
    "halt": ("commander", "operator"),
    "clear": ("operator",),
}
DEEDS = {
    "look": lambda robot: robot.observe(),
    "stop": lambda robot: robot.say(Word.STOP),
    "drive": lambda robot: robot.reset(HOME),
    "halt": lambda robot: robot.halt(),
    "clear": lambda robot: robot.say(Word.CLEAR),
}


@pytest.mark.parametrize("role", ["observer", "commander", "operator"])
def test_each_role_does_what_it_may_and_no_more(come, role):
    for deed, roles in ALLOWED.items():
        with come("operator") as operator:
            operator.say(Word.CLEAR)
        with come(role) as robot:
            if role in roles:
                DEEDS[deed](robot)
            else:
                with pytest.raises(NotPermitted, match=f"is {role} and may not"):
                    DEEDS[deed](robot)


WORDS = {
    Word.HOME: ("commander", "operator"),
    Word.HALT: ("commander", "operator"),
    Word.CLEAR: ("operator",),
    Word.PARK: ("operator",),
    Word.LIMP: ("operator",),
}


@pytest.mark.parametrize("role", ["observer", "commander"])
def test_what_is_latched_only_an_operator_clears(come, role):
    with come("observer", STOPPING) as button:
        button.say(Word.STOP)
    with come(role) as robot:
        for word in (word for word, roles in WORDS.items() if role not in roles):
            with pytest.raises(NotPermitted, match=f"is {role} and may not say {word};"):
                robot.say(word)
        assert robot.health().state == "stopped"
        with pytest.raises(UserError if role == "commander" else NotPermitted):
            robot.reset(HOME)
    with come("operator") as operator:
        assert operator.health().state == "stopped"
        operator.say(Word.CLEAR)
        operator.reset(HOME)


def test_an_observer_s_key_stops_at_the_stop_s_endpoint_and_does_no_more_there(come):
    with come("observer", STOPPING) as button:
        with pytest.raises(NotPermitted, match="is observer and may not"):
            button.say(Word.HALT)
        button.say(Word.STOP)
    with come("operator") as operator:
        assert operator.health().state == "stopped"


@pytest.mark.parametrize("shown", ["no ticket", "a stranger's ticket", "one that was never admitted here"])
def test_without_a_key_that_is_known_nobody_is_answered(come, keys, tmp_path, shown, monkeypatch):
    if shown == "no ticket":
        monkeypatch.delenv(TICKET, raising=False)
    else:
        strange = Keys.draw() if shown.startswith("a stranger") else keys
        keyring.write(tmp_path / "other", strange.admit("me", "operator")[1])
        monkeypatch.setenv(TICKET, str(tmp_path / "other"))
    doubt = "does it want a ticket" if shown == "no ticket" else "does it know the ticket of me"
    with pytest.raises(LinkTimeout, match=doubt):
        RemoteRobot(come.endpoint, timeout_s=0.6)


def test_a_secret_that_others_may_read_is_refused(tmp_path, keys, monkeypatch):
    (tmp_path / "keys.yaml").chmod(0o640)
    with pytest.raises(UserError, match="others may read it; chmod 600"):
        read_keys(tmp_path / "keys.yaml")
    (tmp_path / "observer").chmod(0o604)
    monkeypatch.setenv(TICKET, str(tmp_path / "observer"))
    with pytest.raises(UserError, match="chmod 600"):
        own_ticket()


def test_keys_are_written_for_their_owner_alone(tmp_path, keys):
    assert (tmp_path / "keys.yaml").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "observer").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))


# The lease alone: no sockets


def test_a_lease_goes_on_while_it_is_used_and_lapses_in_silence():
    now = 0.0
    lease = Lease(lambda: now)
    one, other = Peer(b"1" * 16, "one"), Peer(b"2" * 16, "other")
    assert lease.take(one)
    for _ in range(5):
        now += 0.9 * LEASE_S
        assert not lease.take(one) and not lease.lapsed
        with pytest.raises(LeaseHeld, match="one has driven"):
            lease.take(other)
    now += 1.1 * LEASE_S
    assert lease.lapsed and lease.take(other) and lease.holder is other
    assert not lease.drop(one) and lease.drop(other) and lease.holder is None


def test_no_session_goes_on_with_another_key():
    asked: list[str] = []

    def handler(kind: str, body: object, peer: Peer) -> None:
        asked.append(kind)

    desk, session = Desk(handler), b"s" * wire.ID_BYTES
    hello = wire.HELLO.write(wire.Hello(wire.SCHEMA, "a test"))
    desk.answer(wire.pack("hello", session, 1, wire.NOBODY, hello), Role.OBSERVER)
    answer = wire.unpack(desk.answer(wire.pack("halt", session, 2, desk.boot, None), Role.OPERATOR))
    assert isinstance(wire.read_error(answer.body), NotPermitted) and asked == ["hello"]
