"""A browser, and the page of a simulated robot, for the tests of a module."""

import pytest

from tests.tools.chromium import NO_SCENE, Browser
from tests.tools.viewing import view


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser"), NO_SCENE) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with view("--robot", "sim", "--runs", str(tmp_path_factory.mktemp("runs"))) as address:
        yield address
