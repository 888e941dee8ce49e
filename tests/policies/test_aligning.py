"""Where the wrist camera sits is found from pictures of a cube, however it was mounted."""

import json
from contextlib import closing

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from control.arm import Arm
from control.config import RobotConfig
from control.errors import ConfigError, UserError
from control.mounting import Mount, mount
from policies.aligning import align
from policies.finder import CubeFinder
from sim.robot import SimRobot
from tools.align import CAMERA, PX, looks
from tools.cli import main

SHIPPED = mount(None)
HIDDEN = [
    {"pos_m": [0.011, -0.062, -0.022], "euler_rad": [0.43, 0.03, 3.17], "fovy_deg": 72.0},
    {"pos_m": [0.004, -0.07, -0.016], "euler_rad": [0.36, -0.04, 3.1], "fovy_deg": 67.0},
]


@pytest.fixture
def worn(tmp_path, request):
    """A file with a hidden mount."""
    path = tmp_path / "hidden.yaml"
    path.write_text(json.dumps(getattr(request, "param", HIDDEN[0])))
    return str(path)


def seen_with(worn: str | None):
    with closing(SimRobot(RobotConfig(hz=10.0, camera_px=PX, wrist_camera=worn))) as robot:
        return list(looks(robot))


def finder(worn: str | None = None) -> CubeFinder:
    return CubeFinder(Arm.from_facts(), mount(worn), (0.85, 0.1, 0.1), 0.03, CAMERA)


@pytest.mark.parametrize("worn", HIDDEN, indirect=True)
def test_a_camera_that_sits_elsewhere_is_found(worn):
    found = align(seen_with(worn), finder(), Arm.from_facts(), SHIPPED, 0.03)
    true = mount(worn)
    between = Rotation.from_euler("XYZ", found.mount.euler_rad).inv() * Rotation.from_euler("XYZ", true.euler_rad)
    assert np.abs(np.subtract(found.mount.pos_m, true.pos_m)).max() < 0.0015
    assert between.magnitude() < 0.04
    assert found.mount.fovy_deg == pytest.approx(true.fovy_deg, abs=0.5)
    assert found.after_px < 0.2 < 1.0 < found.before_px


def test_the_simulated_camera_sits_where_a_file_says(worn):
    with closing(SimRobot(RobotConfig(hz=10.0, wrist_camera=worn))) as robot:
        camera = robot.model.camera("wrist_cam")
        np.testing.assert_allclose(camera.pos, mount(worn).pos_m)
        assert camera.fovy[0] == mount(worn).fovy_deg


def test_too_few_pictures_of_the_cube_are_said_with_what_to_do():
    blind = seen_with(None)[:5]
    with pytest.raises(UserError, match="in 5 of 5 pictures, 6 are needed; lay it"):
        align(blind, finder(), Arm.from_facts(), SHIPPED, 0.03)


@pytest.mark.parametrize(
    "text, words",
    [
        ("pos_m: [8.0, -65.0, -18.0]\neuler_rad: [0.4, 0, 3.14]\nfovy_deg: 70\n", "is it in mm?"),
        ("pos_m: [0, 0, 0]\neuler_rad: [23.0, 0, 180.0]\nfovy_deg: 70\n", "must be radians"),
        ("pos_m: [0, 0, 0]\neuler_rad: [0.4, 0, 3.14]\nfovy_deg: 1.2\n", "5 to 150 degrees"),
        ("pos_m: [0, 0]\neuler_rad: [0.4, 0, 3.14]\nfovy_deg: 70\n", "pos_m"),
    ],
)
def test_a_mount_that_cannot_be_is_refused_with_the_number(tmp_path, text, words):
    path = tmp_path / "mount.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        mount(str(path))


def test_a_mount_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(ConfigError, match="no wrist camera nowhere; there are: .*wide_angle_v5.* twinarm align"):
        mount("nowhere")


def test_the_command_writes_a_mount_and_a_picture_and_leaves_what_is_there(tmp_path, capsys):
    output = tmp_path / "found" / "camera.yaml"
    words = ["align", "--robot", "sim", "--output", str(output), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["after_px"] < 0.2
    found = mount(str(output))
    assert isinstance(found, Mount) and found.fovy_deg == told["fovy_deg"]
    assert cv2.imread(str(output.with_suffix(".png"))).shape == (PX, 3 * PX, 3)
    before = output.read_text()
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err and output.read_text() == before
