"""The arm that is seen is the arm of the facts, is light to draw, and cannot be touched."""

import mujoco
import numpy as np
import pytest

from control.actuators import actuator
from control.arm import Arm, facts
from control.config import RobotConfig
from sim import looks, parts
from sim.cameras import Eye
from sim.scene import arm_spec, lift_scene

MOST_TRIANGLES = 6000
BOX_TRIANGLES = 12  # with vis.quality.numquads at 1
BOX_TOLERANCE_M = 0.004
BOXES = [
    pytest.param(fact["name"], box, id=f"{fact['name']}-{box['part']}")
    for fact in facts()["bodies"]
    for box in fact["visual_bounding_boxes"]
]


@pytest.fixture(scope="module")
def model():
    return lift_scene(RobotConfig(), facts())


def drawn(model):
    """Ids of the geoms that a camera in the room draws."""
    return [i for i in range(model.ngeom) if model.geom_group[i] <= looks.VISUAL_GROUP]


@pytest.mark.parametrize(("body", "box"), BOXES)
def test_every_part_fills_its_bounding_box_in_the_facts(body, box):
    solid = looks.servo(box) if "sts3215" in box["part"] else parts.printed(box["part"])
    turned = looks.rotation(box["quat_wxyz"])
    local = (solid.corners.reshape(-1, 3) * looks.MM - box["pos_m"]) @ turned
    assert local.max(axis=0) == pytest.approx(box["box_half_size_m"], abs=BOX_TOLERANCE_M)
    assert -local.min(axis=0) == pytest.approx(box["box_half_size_m"], abs=BOX_TOLERANCE_M)


def test_the_whole_scene_takes_at_most_6000_triangles(model):
    meshes = [model.geom_dataid[i] for i in drawn(model) if model.geom_type[i] == mujoco.mjtGeom.mjGEOM_MESH]
    others = [i for i in drawn(model) if model.geom_type[i] != mujoco.mjtGeom.mjGEOM_MESH]
    assert (model.geom_type[others] == mujoco.mjtGeom.mjGEOM_BOX).all()
    assert model.vis.quality.numquads == 1
    assert 2000 < model.mesh_facenum[meshes].sum() + BOX_TRIANGLES * len(others) <= MOST_TRIANGLES


def test_every_body_of_the_arm_is_dressed_and_no_dress_can_be_touched(model):
    dress = [i for i in drawn(model) if model.geom_type[i] == mujoco.mjtGeom.mjGEOM_MESH]
    assert {model.body(model.geom_bodyid[i]).name for i in dress} == {fact["name"] for fact in facts()["bodies"]}
    assert not model.geom_contype[dress].any() and not model.geom_conaffinity[dress].any()


def test_the_arm_keeps_its_looks_in_a_file(model):
    spec = arm_spec(facts(), actuator("measured"))
    spec.compile()
    again = mujoco.MjModel.from_xml_string(spec.to_xml())
    assert again.nmesh == model.nmesh and (again.mesh_facenum == model.mesh_facenum).all()
    assert again.mesh_normal == pytest.approx(model.mesh_normal, abs=1e-5)


def test_the_wrist_camera_never_sees_what_is_marked_as_behind_its_back(model):
    """Whatever the pose, repainting those parts changes no pixel, though it does in a camera of the room."""
    so101, data = Arm(model), mujoco.MjData(model)
    unseen = np.nonzero(model.geom_group == looks.UNSEEN_GROUP)[0]
    model.geom_group[unseen] = looks.VISUAL_GROUP  # or a camera might not draw them at all
    rng = np.random.default_rng(7)
    with Eye(model) as eye:
        for _ in range(60):
            data.qpos[so101.qpos] = rng.uniform(so101.lower_rad, so101.upper_rad)
            mujoco.mj_forward(model, data)
            assert changes(model, data, eye, "wrist_cam", unseen) == 0
            assert changes(model, data, eye, "front", unseen) > 0
    model.geom_group[unseen] = looks.UNSEEN_GROUP


def changes(model, data, eye, camera, geoms):
    """How many pixels change when the geoms change their colour."""
    kept, pictures = model.geom_rgba[geoms].copy(), []
    for rgba in ((0, 1, 0, 1), (0, 0, 1, 1)):
        model.geom_rgba[geoms] = rgba
        pictures.append(eye.look(data, camera, 64, 64))
    model.geom_rgba[geoms] = kept
    return int((pictures[0] != pictures[1]).any(axis=2).sum())
