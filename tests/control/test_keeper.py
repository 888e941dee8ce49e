"""What serves a robot is bounded, dies of nothing twice, and ends with whoever keeps it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from control.errors import LinkTimeout
from control.remote import RemoteRobot
from control.types import ResetRequest
from tools.hostile import unfinished

pytestmark = pytest.mark.clock

KEEPING = """
import sys
from control.errors import UserError
from control.gateway import serve_robot
from control.keeper import bound_memory, kept
from tools.bench_wire import StillRobot

def work(where, opened, stop):
    def ready(at):
        bound_memory(64)
        opened(at)
        print("opened", at, flush=True)
    serve_robot(StillRobot(), where or sys.argv[1], stop, ready)

kept(work, lambda cause: print("died of", cause, flush=True))
"""


@contextmanager
def keeping(endpoint: str) -> Iterator[subprocess.Popen[str]]:
    """A robot that is kept, once it is there."""
    with subprocess.Popen([sys.executable, "-c", KEEPING, endpoint], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert said(process).startswith("opened")
            yield process
        finally:
            process.terminate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def served_by(process: subprocess.Popen[str]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


@pytest.mark.parametrize("endpoint", ["ipc://{}/arm", "tcp://127.0.0.1:0"])
def test_what_is_killed_is_there_again_at_the_same_place(tmp_path, endpoint):
    with keeping(endpoint.format(tmp_path)) as process:
        os.kill(served_by(process), signal.SIGKILL)
        assert said(process) == "died of SIGKILL"
        where = said(process).removeprefix("opened ")
        assert endpoint.startswith("tcp") or where == endpoint.format(tmp_path)
        with closing(RemoteRobot(where)) as robot:
            robot.reset(ResetRequest("home", 1))


def test_a_message_without_an_end_fills_no_more_than_the_room_there_is(tmp_path):
    endpoint = f"ipc://{tmp_path}/arm"
    with keeping(endpoint) as process:
        first = served_by(process)
        attack = threading.Thread(target=unfinished, args=(endpoint, time.monotonic() + 20, Counter()), daemon=True)
        attack.start()
        assert said(process).startswith("died of")
        assert said(process) == f"opened {endpoint}" and served_by(process) != first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_both_end_and_neither_is_begun_anew(tmp_path, number):
    with keeping(f"ipc://{tmp_path}/arm") as process:
        served = served_by(process)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert not Path(f"/proc/{served}").exists() and not said(process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_what_served_has_just_died_it_is_not_begun_anew(tmp_path, number):
    with keeping(f"ipc://{tmp_path}/arm") as process:
        os.kill(served_by(process), signal.SIGKILL)
        assert said(process) == "died of SIGKILL"
        process.send_signal(number)
        assert process.wait(10) == 0 and not said(process)


def test_without_its_keeper_it_ends_too(tmp_path):
    endpoint = f"ipc://{tmp_path}/arm"
    with keeping(endpoint) as process:
        served = served_by(process)
        process.kill()
        until_s = time.monotonic() + 10
        while time.monotonic() < until_s and alive(served):
            time.sleep(0.05)
        assert not alive(served)
        with pytest.raises(LinkTimeout):
            RemoteRobot(endpoint, timeout_s=0.3)


def alive(pid: int) -> bool:
    with suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_one_that_dies_before_it_opens_is_not_begun_anew():
    broken = KEEPING.replace("def ready(at):", "raise AssertionError('a bug')\n    def ready(at):")
    ran = subprocess.run([sys.executable, "-c", broken, "ipc:///x"], capture_output=True, text=True)
    assert ran.returncode == 1 and "died of status 1 before it was ready" in ran.stderr
    assert ran.stderr.count("AssertionError: a bug") == 1 and not ran.stdout
