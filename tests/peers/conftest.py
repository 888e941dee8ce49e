"""Other people's software on the twin's port, as they ship it. `make peers` installs it and runs this; see there."""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import types
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """LeRobot's package imports torchvision for pictures, which a bus never touches; no build of it fits this torch."""
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
    """Of a twin in another process, at home in the middle of the air, torque off."""
    command = [sys.executable, "-m", "tools.cli", "twin", "--json", "--link", str(tmp_path / "ttyTWIN")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as twin:
        assert twin.stdout
        yield json.loads(twin.stdout.readline())["port"]
        twin.terminate()
