"""What tests of several packages share."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # before torch comes: two threads on busy cores wait 20 times longer than they work

Serving = Callable[..., AbstractContextManager[tuple[str, subprocess.Popen[str]]]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--robot", action="append", default=[], help="an endpoint to hold to the robot contract as well")


@pytest.fixture(scope="session")
def serving() -> Serving:
    """`with serving(folder, *flags) as (endpoint, process)`: `twinarm serve` in another process, once it is ready."""

    @contextmanager
    def serving(folder: Path, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        endpoint = f"ipc://{folder}/robot/wire"
        command = [sys.executable, "-m", "tools.cli", "serve", "--endpoint", endpoint, *flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout and endpoint in process.stdout.readline()
                yield endpoint, process
            finally:
                process.terminate()

    return serving
