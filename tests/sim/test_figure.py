"""The scene as shapes and poses is the scene that MuJoCo draws."""

import mujoco
import numpy as np
import pytest

from control.arm import facts
from control.config import RobotConfig
from control.types import ResetRequest
from sim.figure import Figure
from sim.robot import SimRobot

SHAPES = """<mujoco><worldbody><geom type="plane" size="1 1 1"/><body name="b" pos="0 0 1">
<joint name="j" type="free"/>{}</body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def figure():
    return Figure(RobotConfig())


def test_bodies_are_where_the_simulated_robot_has_them(figure):
    with SimRobot(RobotConfig(camera_px=32)) as robot:
        seen, truth = robot.reset(ResetRequest(seed=3)), robot.truth()
        poses = figure.poses(seen.joints_rad, truth)
        assert poses[:, :3] == pytest.approx(robot.data.xpos, abs=1e-6)
        assert np.abs((poses[:, 3:] * robot.data.xquat).sum(axis=1)) == pytest.approx(1.0, abs=1e-6)
        assert poses[figure.cube, :3] == pytest.approx(truth.cube_m, abs=1e-6)


def test_a_cube_that_nobody_knows_of_stays_where_it_was(figure):
    home = np.array(facts()["home_rad"])
    before = figure.poses(home, None)[figure.cube]
    assert figure.poses(home + 0.1, None)[figure.cube] == pytest.approx(before)


def test_the_cube_is_a_cube_and_everything_has_outward_normals(figure):
    (cube,) = (surface for surface in figure.surfaces if surface.body == figure.cube)
    places, normals = cube.corners[:, :3], cube.corners[:, 3:]
    assert len(places) == 36 and np.abs(places) == pytest.approx(0.015)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    assert ((places * normals).sum(axis=1) > 0).all()


@pytest.mark.parametrize(
    "geom, size",
    [
        ('<geom type="sphere" size="0.1"/>', (0.1, 0.1, 0.1)),
        ('<geom type="capsule" size="0.1 0.2"/>', (0.1, 0.1, 0.3)),
        ('<geom type="cylinder" size="0.1 0.2"/>', (0.1, 0.1, 0.2)),
        ('<geom type="ellipsoid" size="0.1 0.2 0.3"/>', (0.1, 0.2, 0.3)),
        ('<geom type="box" size="0.1 0.2 0.3" euler="0 0 90"/>', (0.2, 0.1, 0.3)),
    ],
)
def test_every_shape_has_its_size_and_faces_outwards(geom, size):
    from sim.figure import _surfaces

    (surface,) = _surfaces(mujoco.MjModel.from_xml_string(SHAPES.format(geom)))
    places, normals = surface.corners[:, :3], surface.corners[:, 3:]
    assert np.abs(places).max(axis=0) == pytest.approx(size, rel=0.02)
    middles = places.reshape(-1, 3, 3).mean(axis=1).repeat(3, axis=0)
    faces = np.linalg.norm(normals, axis=1) > 0.5  # a round shape has faces without area at its poles
    assert ((middles * normals).sum(axis=1)[faces] > 0).all()
