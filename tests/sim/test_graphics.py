"""A machine that cannot draw says which packages it lacks. Each case runs in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from control.errors import GraphicsError
from sim import graphics

ROOT = Path(__file__).parents[2]
APT = re.compile(r"sudo apt-get install -y ([\w .-]+)")
NO_DRIVER = {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"}


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "PYOPENGL_PLATFORM", "DISPLAY")
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, env=clean | environment, text=True, capture_output=True
    )


def test_this_machine_draws():
    graphics.require_gl()


@pytest.mark.parametrize("first", ["import mujoco", "from control import arm", "pass"])
def test_it_draws_without_a_display_whoever_imported_mujoco_first(first):
    drawn = python(f"{first}; from sim import graphics; graphics.require_gl()")
    assert drawn.returncode == 0, drawn.stderr


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (NO_DRIVER, "MUJOCO_GL=egl: Cannot initialize a EGL device display"),
        (NO_DRIVER | {"MUJOCO_GL": "egl"}, "unset MUJOCO_GL, or on Debian"),
        ({"MUJOCO_GL": "osmesa"}, "MUJOCO_GL=osmesa"),
        ({"MUJOCO_GL": "nonsense"}, "invalid value for environment variable MUJOCO_GL"),
    ],
)
def test_without_a_driver_the_message_names_it_and_the_packages(environment, reason):
    drawn = python("import runpy; runpy.run_module('sim.graphics', run_name='__main__')", **environment)
    assert drawn.returncode == 1
    assert reason in drawn.stderr and APT.search(drawn.stderr) and "Traceback" not in drawn.stderr
    assert len(drawn.stderr.splitlines()) == 1


def test_a_choice_of_backend_is_respected():
    made = python(
        "from sim.graphics import offscreen_context as make; print(type(make(8, 8)).__module__)", MUJOCO_GL="egl"
    )
    assert made.stdout.strip() == "mujoco.egl"


@pytest.mark.parametrize("file", ["README.md", "Makefile"])
def test_every_place_that_names_the_packages_names_them_all(file):
    text = (ROOT / file).read_text()
    assert not [package for package in graphics.DEBIAN_PACKAGES if package not in text]


def test_a_context_that_cannot_be_made_is_a_mistake_the_user_can_mend(monkeypatch):
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "99")
    code = "from sim import graphics; graphics.offscreen_context(8, 8)"
    assert f"{GraphicsError.__module__}.GraphicsError" in python(code).stderr
