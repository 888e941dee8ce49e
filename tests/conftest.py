"""What tests of several packages share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import pytest
from hypothesis import settings

# What a shell runs in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes: two threads on busy cores wait 20 times longer than they work
settings.register_profile("busy", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("busy")

Serving = Callable[..., AbstractContextManager[tuple[str, subprocess.Popen[str]]]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--robot", action="append", default=[], help="a further robot to test: an endpoint or an arm.yaml")
    parser.addoption("--allow-motion", action="store_true", help="an arm of yours may move: all of its range, at speed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--allow-motion"):
        return
    if arms := [name for name in config.getoption("--robot") if might_be_an_arm(name)]:
        raise pytest.UsageError(
            f"the arm at {arms[0]} would move through all of its range at full speed, and grasp; "
            "clear the table but for the cube, keep its switch at hand, and add --allow-motion"
        )


def might_be_an_arm(name: str) -> bool:
    """Whether what moves there may be of metal: a served robot is, unless it says what it is simulated from."""
    from control.remote import RemoteRobot  # only here: what is set above comes before everything else
    from tools.robots import REMOTE

    if not name.startswith(REMOTE):
        return name == "real" or name.endswith(".yaml")
    with closing(RemoteRobot(name)) as robot:
        return not robot.spec.plant


@contextmanager
def served(endpoint: str, flags: tuple[str, ...]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tools.cli", "serve", "--endpoint", endpoint, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert "serving" in line
            yield line.split()[-1], process
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def serving() -> Serving:
    """`with serving(folder, *flags) as (endpoint, process)`: `twinarm serve` in another process, once it is ready."""
    return lambda folder, *flags: served(f"ipc://{folder}/robot/wire", flags)


@pytest.fixture(scope="session")
def serving_at() -> Callable[..., AbstractContextManager[str]]:
    """`with serving_at(endpoint, *flags) as opened`: the same, anywhere."""

    @contextmanager
    def serving_at(endpoint: str, *flags: str) -> Iterator[str]:
        with served(endpoint, flags) as (opened, _):
            yield opened

    return serving_at
