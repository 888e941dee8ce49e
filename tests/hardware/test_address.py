"""`--robot real`: an arm named by its file, here the emulated one, reached the way a real one would be."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from control.arm import Arm
from control.config import RobotConfig
from control.errors import CalibrationError, CameraError, ConfigError, DriverLost, TwinarmError
from control.remote import RemoteRobot
from control.types import ResetRequest
from hardware.calibration import Calibration
from tools.robots import open_robot
from tools.world import twin_calibration

pytestmark = pytest.mark.clock

CONFIG = RobotConfig(camera_px=32)
WITHOUT_TORCH = """
import sys

class Hidden:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Hidden())
from tools.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def twin() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tools.cli", "twin", "--json", "--set", "robot.camera_px=32"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
def file(twin, tmp_path) -> Path:
    twin_calibration(Arm.from_facts()).save(tmp_path / "mine.json")
    path = tmp_path / "arm.yaml"
    camera = {"source": twin["camera"]}
    path.write_text(
        yaml.safe_dump({"port": twin["port"], "calibration": "mine.json", "cameras": {"wrist_cam": camera}})
    )
    return path


def changed(path: Path, **values: object) -> str:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))
    return str(path)


def test_an_arm_is_opened_by_its_file_sees_and_goes_home(file):
    robot = open_robot(str(file), CONFIG)
    try:
        assert robot.health().state == "ready" and robot.truth() is None
        assert robot.spec.calibration == Calibration.load(file.parent / "mine.json").digest
        seen = robot.reset(ResetRequest("home", 0))
        assert seen.frames["wrist_cam"].rgb.shape == (32, 32, 3) and seen.frames["wrist_cam"].rgb.std() > 5
        assert robot.health().state == "hold"
    finally:
        robot.close()


def test_a_computer_without_torch_serves_the_arm(file, tmp_path):
    endpoint = f"ipc://{tmp_path}/arm"
    words = ["serve", "--robot", str(file), "--endpoint", endpoint, "--set", "robot.camera_px=32"]
    with subprocess.Popen([sys.executable, "-c", WITHOUT_TORCH, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline()
        with closing(RemoteRobot(endpoint)) as robot:
            assert robot.health().state == "ready" and robot.observe().frames["wrist_cam"].rgb.std() > 5
        process.terminate()
        assert process.wait(10) == 0


def test_real_is_the_arm_of_the_file_here(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    open_robot("real", CONFIG).close()


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"port": "/dev/ttyNONE"}, DriverLost, "no port /dev/ttyNONE; twinarm find"),
        ({"calibration": "other.json"}, CalibrationError, "no calibration at .*other.json; make one with"),
        ({"cameras": {}}, ConfigError, "cameras must have wrist_cam, got none"),
        ({"cameras": {"wrist_cam": {"source": "0"}}}, ConfigError, "source 0 is an index"),
        ({"cameras": {"wrist_cam": {"source": "/dev/video77"}}}, CameraError, "/dev/video77"),
        ({"slack_s": 4}, ConfigError, "slack_s must be above 0 and at most 0.1 seconds, got 4"),
        ({"speed": 3}, ConfigError, "unknown key speed"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(file, values, error, words):
    with pytest.raises(error, match=words) as told:
        open_robot(changed(file, **values), CONFIG)
    assert isinstance(told.value, TwinarmError) and "\n" not in str(told.value)


def test_without_a_file_it_says_what_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hardware.address.PLACES", (Path("arm.yaml"), tmp_path / "none" / "arm.yaml"))
    with pytest.raises(ConfigError, match="no arm.yaml here nor in .*none; write one with port, calibration and cam"):
        open_robot("real", CONFIG)
