"""The arm as a file: written for use elsewhere, and a user's own taken in its place."""

import mujoco
import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.errors import ConfigError
from control.types import JOINTS, ResetRequest
from sim.robot import SimRobot
from tools.cli import main


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "arm.xml"
    assert main(["model", "--out", str(path)]) == 0
    return path


def test_the_written_model_opens_in_plain_mujoco_with_the_promised_names(written):
    model = mujoco.MjModel.from_xml_path(str(written))
    assert [model.joint(i).name for i in range(model.njnt)] == list(JOINTS)
    assert model.site("gripperframe").id >= 0 and model.camera("wrist_cam").id >= 0
    ours, theirs = Arm.from_facts(), Arm(model)
    for seed in range(5):
        pose = np.random.default_rng(seed).uniform(ours.lower_rad, ours.upper_rad)
        assert ours.tool(pose)[0] == pytest.approx(theirs.tool(pose)[0], abs=1e-6)


def test_the_task_runs_on_a_users_own_model(written, capsys, tmp_path):
    """Other body names, no pads of ours, no wrist camera, actuators and a keyframe of its own, as Menagerie's has."""
    spec = mujoco.MjSpec.from_file(str(written))
    spec.delete(spec.camera("wrist_cam"))
    spec.body("moving_jaw").name = "moving_jaw_so101_v1"
    for name in ("fixed_pad", "moving_pad"):
        spec.geom(name).name = f"{name}_of_mine"
    spec.add_key(name="rest", qpos=np.zeros(6), ctrl=np.zeros(6))
    path = tmp_path / "mine.xml"
    spec.compile()
    path.write_text(spec.to_xml())
    words = ["eval", "scripted", "--model", str(path), "--episodes", "3", "--output", str(tmp_path / "o"), "--json"]
    assert main(words) == 0
    assert '"success": 1.0' in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, words",
    [
        ("<mujoco><worldbody/></mujoco>", "shoulder_pan"),
        ("not xml", "not an MJCF"),
        (None, "no model at"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_in_words(text, words, tmp_path):
    path = tmp_path / "bad.xml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        SimRobot(RobotConfig(model=str(path)))


def test_a_jaw_without_collision_shapes_is_refused(written, tmp_path):
    spec = mujoco.MjSpec.from_file(str(written))
    for geom in spec.body("moving_jaw").geoms:
        geom.contype = geom.conaffinity = 0
    path = tmp_path / "soft.xml"
    spec.compile()
    path.write_text(spec.to_xml())
    with pytest.raises(ConfigError, match="moving_jaw has no collision geom"):
        SimRobot(RobotConfig(model=str(path)))


@pytest.mark.parametrize("stage, touching", [("grasped", (True, True)), ("home", (False, False))])
def test_the_pads_touch_the_cube_only_when_it_is_held(stage, touching):
    with SimRobot(RobotConfig(camera_px=16)) as robot:
        robot.reset(ResetRequest(stage, 0))
        assert robot.truth().pads_touch == touching
