"""The arm as a file: written for use elsewhere, and a user's own taken in its place."""

import mujoco
import numpy as np
import pytest

from control.arm import Arm, facts
from control.config import RobotConfig
from control.errors import ConfigError
from control.types import JOINTS, ResetRequest
from sim.robot import SimRobot
from sim.scene import lift_scene, plant
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


def clashing(written, tmp_path, prefix=""):
    """The arm in a scene of its user's own, whose names are those of the lift scene."""
    model = mujoco.MjSpec.from_file(str(written))
    box, light = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    body = model.worldbody.add_body(name=f"{prefix}cube", pos=[-0.5, 0.5, 0.02])
    body.add_freejoint(name=f"{prefix}cube")
    body.add_geom(name=f"{prefix}cube", type=box, size=[0.02] * 3)
    model.worldbody.add_geom(name=f"{prefix}table", type=box, size=[0.1] * 3, pos=[-0.5, -0.5, -0.1])
    model.worldbody.add_light(name=f"{prefix}sun", type=light)
    model.worldbody.add_camera(name="front", pos=[0.3, 0.0, 5.0])
    path = tmp_path / "clashing.xml"
    model.compile()
    path.write_text(model.to_xml())
    return path


def test_a_users_own_scene_may_have_a_cube_a_table_and_a_front_camera(written, tmp_path):
    with SimRobot(RobotConfig(camera_px=16, model=str(clashing(written, tmp_path)))) as robot:
        robot.reset(ResetRequest("grasped", 0))
        truth = robot.truth()
        assert truth.pads_touch == (True, True) and truth.cube_m[0] > 0.1
        np.testing.assert_array_equal(robot.model.camera("front").pos, [0.3, 0.0, 5.0])
        assert robot.picture("front", 48, 64).shape == (48, 64, 3)


def test_a_name_that_is_reserved_is_refused_with_the_name_and_the_file(written, tmp_path):
    path = clashing(written, tmp_path, prefix="lift/")
    with pytest.raises(ConfigError, match=rf"{path} does not compile in the lift scene.*'lift/sun'"):
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


def test_the_defaults_of_a_users_model_do_not_reach_what_the_task_adds(written, tmp_path):
    leaking = '<geom group="3" friction="0.01 0 0"/><general gear="3" dyntype="filter" dynprm="0.5"/>'
    own, text = tmp_path / "own.xml", written.read_text()
    before, opening, after = text.partition("<default>" if "<default>" in text else "<worldbody>")
    inside = opening + leaking if opening == "<default>" else f"<default>{leaking}</default>{opening}"
    own.write_text(before + inside + after)
    plain, theirs = (lift_scene(RobotConfig(model=str(path)), facts()) for path in (written, own))
    for name in ("lift/cube", "lift/table"):
        assert plain.geom(name).group == theirs.geom(name).group
        assert (plain.geom(name).friction == theirs.geom(name).friction).all()
    assert (theirs.actuator_gear == plain.actuator_gear).all() and theirs.na == 0


def test_a_users_model_is_told_by_all_of_its_content(tmp_path, written):
    whole, part = tmp_path / "whole.xml", tmp_path / "part.xml"
    part.write_text(written.read_text())
    whole.write_text('<mujoco><include file="part.xml"/></mujoco>')
    before = plant(RobotConfig(model=str(whole)))
    assert plant(RobotConfig(model=str(whole))) == before
    part.write_text(written.read_text().replace('fovy="70.5"', 'fovy="110"'))
    assert plant(RobotConfig(model=str(whole)))["model"] != before["model"]
