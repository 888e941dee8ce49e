"""Other people's software, as they ship it, on the twin's port and on what is exported. `make peers` installs it and
runs this; see there."""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.datasets import Dataset
from tools.cli import main

SMALL = ("--set", "robot.camera_px=48", "--set", "spaces.camera_px=48")


def pytest_configure() -> None:
    """LeRobot's package imports torchvision, to vary pictures; no build of it fits this torch."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(Path(sys.prefix) / "huggingface")}
    if importlib.util.find_spec("lerobot") is None:
        return
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.transforms.v2")
    stand_ins = {name: types.ModuleType(name) for name in names}
    for name, module in stand_ins.items():
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(stand_ins[parent], leaf, module)
        module.__path__, module.__spec__ = [], importlib.machinery.ModuleSpec(name, None)
    stand_ins["torchvision.transforms.v2"].Transform = object  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)


@pytest.fixture
def port(tmp_path) -> Iterator[str]:
    """Of a twin in another process, limp and lying on the table."""
    command = [sys.executable, "-m", "tools.cli", "twin", "--json", "--link", str(tmp_path / "ttyTWIN")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as twin:
        assert twin.stdout
        yield json.loads(twin.stdout.readline())["port"]
        twin.terminate()


@pytest.fixture(scope="session")
def collected(tmp_path_factory) -> Dataset:
    """Three scripted grasps."""
    folder = tmp_path_factory.mktemp("collected") / "set"
    words = ("collect", "--config", "lift_fast.yaml", "--curriculum-stage", "3", *SMALL, "--workers", "1")
    assert main([*words, "--episodes", "3", "--output", str(folder)]) == 0
    return Dataset.open(folder)
