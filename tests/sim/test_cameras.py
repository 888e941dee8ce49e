"""What the cameras show: the wrist camera sees the cube wherever it may start, and a policy's picture is a real one."""

import mujoco
import numpy as np
import pytest

from control.config import RobotConfig
from control.pictures import policy_picture
from control.types import ResetRequest, Spawn
from sim.cameras import Eye
from sim.robot import SimRobot
from sim.scene import CUBE, SENSOR_HW

HALF_M = RobotConfig().cube_m / 2
CORNERS = HALF_M * np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
CAMERA = "wrist_cam"
MARGIN = 0.02  # of the half picture: what droop and a settling cube may take
LEAST_SEEN = 0.2  # of the cube's pixels, where the fixed finger stands before it


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig()) as sim:
        yield sim


@pytest.fixture(scope="module")
def eye(robot):
    with Eye(robot.model) as opened:
        yield opened


def at(x, y, yaw=0.0):
    return ResetRequest("home", spawn=Spawn((x, x), (y, y), (yaw, yaw)))


def projected(robot, points_m):
    """Where the wrist camera sees points (n, 3): (n, 2) in half pictures from the middle of the square."""
    camera = robot.model.camera(CAMERA).id
    local = (points_m - robot.data.cam_xpos[camera]) @ robot.data.cam_xmat[camera].reshape(3, 3)
    assert (local[:, 2] < 0).all()
    return local[:, :2] / -local[:, 2:] / np.tan(np.radians(robot.model.cam_fovy[camera]) / 2)


def cube_corners(robot):
    truth = robot.truth()
    turned = np.zeros(9)
    mujoco.mju_quat2Mat(turned, truth.cube_quat)
    return CORNERS @ turned.reshape(3, 3).T + truth.cube_m


def cube_pixels(robot, eye, camera=CAMERA):
    """How many pixels of the camera's picture change when the cube changes its colour."""
    colour = robot.model.geom(CUBE).rgba
    painted, kept = [], colour.copy()
    for rgba in ((0, 1, 0, 1), (0, 0, 1, 1)):
        colour[:] = rgba
        painted.append(eye.look(robot.data, camera, 168, 168))
    colour[:] = kept
    return int((painted[0] != painted[1]).any(axis=2).sum())


def alone(robot, eye):
    """The same with nothing in front of the cube."""
    groups = robot.model.geom_group.copy()
    robot.model.geom_group[np.arange(robot.model.ngeom) != robot.model.geom(CUBE).id] = 5
    try:
        return cube_pixels(robot, eye)
    finally:
        robot.model.geom_group[:] = groups


def test_at_home_the_tool_is_above_the_table_and_the_joints_are_off_their_limits(robot):
    observation = robot.reset(at(0.25, 0.0))
    assert robot.truth().tool_m[2] > 0.12
    slack = np.minimum(observation.target_rad - robot.spec.lower_rad, robot.spec.upper_rad - observation.target_rad)
    assert (slack > 0.02).all()


@pytest.mark.parametrize("yaw", [0.0, np.pi / 4, 1.1])
@pytest.mark.parametrize("y", [-0.12, -0.06, 0.0, 0.06, 0.12])
@pytest.mark.parametrize("x", [0.16, 0.23, 0.30])
def test_at_home_the_wrist_camera_has_the_whole_cube_in_its_picture(robot, x, y, yaw):
    robot.reset(at(x, y, yaw))
    assert np.abs(projected(robot, cube_corners(robot))).max() < 1 - MARGIN


@pytest.mark.parametrize("y", np.linspace(-0.12, 0.12, 9).round(3))
@pytest.mark.parametrize("x", [0.16, 0.18, 0.20, 0.25, 0.30])
def test_at_home_no_finger_hides_the_cube_altogether(robot, eye, x, y):
    robot.reset(at(x, y, 0.4))
    assert cube_pixels(robot, eye) > LEAST_SEEN * alone(robot, eye)


def test_the_cube_is_the_only_red_thing_in_the_wrist_camera_s_picture(robot):
    picture = robot.reset(at(0.25, 0.05, 0.4)).frames[CAMERA].rgb.astype(int)
    red = (picture[..., 0] > 90) & (picture[..., 0] > 3 * picture[..., 1]) & (picture[..., 0] > 3 * picture[..., 2])
    middle = (projected(robot, robot.truth().cube_m[None])[0] * [1, -1] + 1) / 2 * picture.shape[0]
    rows, columns = np.nonzero(red)
    assert 30 < red.sum() < 400
    assert np.hypot(columns - middle[0], rows - middle[1]).max() < 16


@pytest.mark.parametrize("stage", ["home", "far", "near", "grasped", "lifted"])
def test_the_direct_picture_is_close_to_the_exact_one(robot, eye, stage):
    """The exact one: 640x480, its centre square, averaged down. The direct one is not averaged: edges differ."""
    direct = robot.reset(ResetRequest(stage, seed=3)).frames[CAMERA].rgb
    exact = policy_picture(eye.look(robot.data, CAMERA, *SENSOR_HW), direct.shape[0])
    difference = np.abs(direct.astype(int) - exact)
    assert difference.mean() < 1.5  # grey levels of 255; measured 0.6 to 0.9
    assert (difference.max(axis=2) > 12).mean() < 0.05  # of the pixels: those on an edge; measured 0.02 to 0.03


def test_a_robot_set_to_exact_gives_exactly_that_picture(robot, eye):
    request = ResetRequest("near", seed=5)
    robot.reset(request)
    expected = policy_picture(eye.look(robot.data, CAMERA, *SENSOR_HW), 84)
    with SimRobot(RobotConfig(render="exact")) as exact:
        assert (exact.reset(request).frames[CAMERA].rgb == expected).all()


def test_an_area_average_keeps_the_centre_square_alone():
    sensor = np.zeros((480, 640, 3), np.uint8)
    sensor[:, 80:560] = (10, 200, 30)
    assert (policy_picture(sensor, 84) == (10, 200, 30)).all()


@pytest.mark.parametrize("camera", ["front", "overhead"])
def test_the_room_s_cameras_show_the_cube_all_over_the_box(robot, eye, camera):
    for x, y in [(0.16, -0.12), (0.16, 0.12), (0.30, -0.12), (0.30, 0.12)]:
        robot.reset(at(x, y))
        assert cube_pixels(robot, eye, camera) > 10
