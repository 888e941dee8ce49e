"""The arm's model against poses computed from the facts alone: rotations, levers and weights in numpy, no MuJoCo.

`python tests/control/test_kinematics_golden.py` writes the golden file anew, after the facts have changed.
"""

from functools import cache
from pathlib import Path

import mujoco
import numpy as np
import pytest
import yaml

from control import config
from control.actuators import actuator
from control.arm import Arm, facts, kinematic_spec
from control.types import JOINTS
from sim.scene import arm_spec

GOLDEN = Path(__file__).with_name("golden_kinematics.yaml")
POSES, SEED = 20, 101
GRAVITY_M_S2 = 9.81
JAW_POINT_M = (-0.0113, -0.076, 0.01875)  # in the moving jaw's frame: moving_jaw_box2 of the facts, at its tip
TOLERANCE = 1e-5  # metres and newton metres


def rotation(quat_wxyz):
    """The matrix (3, 3) of a quaternion of any length, by Rodrigues' formula."""
    w, *v = np.array(quat_wxyz) / np.linalg.norm(quat_wxyz)
    cross = np.cross(np.eye(3), v)  # times a vector, this is v x it
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def turn(axis, angle_rad):
    return rotation([np.cos(angle_rad / 2), *(np.sin(angle_rad / 2) * np.array(axis))])


def frames(facts, joints_rad):
    """{body: (position (3,), rotation (3, 3))} in the world, at joint angles by name."""
    placed = {"world": (np.zeros(3), np.eye(3))}
    for body in facts["bodies"]:
        origin, parent = placed[body["parent"]]
        turned = parent @ rotation(body["quat_wxyz"])
        if joint := body.get("joint"):
            turned = turned @ turn(joint["axis"], joints_rad[joint["name"]])
        placed[body["name"]] = origin + parent @ body["pos_m"], turned
    return placed


def point(placed, body, local_m):
    origin, turned = placed[body]
    return origin + turned @ local_m


def carried(facts, root):
    """The bodies that turn with `root`: itself and all below it."""
    found = [root]
    for body in facts["bodies"]:
        if body["parent"] in found:
            found.append(body["name"])
    return [body for body in facts["bodies"] if body["name"] in found]


def gravity_nm(facts, placed, body):
    """Torque that holds up all that the body's joint carries: the climb of its weight per radian of turn."""
    origin, turned = placed[body["name"]]
    axis = turned @ body["joint"]["axis"]
    climbs = [
        part["mass_kg"] * np.cross(axis, point(placed, part["name"], part["com_m"]) - origin)[2]
        for part in carried(facts, body["name"])
    ]
    return GRAVITY_M_S2 * sum(climbs)


def expected(facts, joints_rad):
    """What the model must give at `joints_rad` (J,), as lists of floats."""
    placed = frames(facts, dict(zip(JOINTS, joints_rad, strict=True)))
    moved = {body["joint"]["name"]: body for body in facts["bodies"] if "joint" in body}
    tool = facts["sites"]["gripperframe"]
    return {
        "tool_m": point(placed, tool["body"], tool["pos_m"]),
        "jaw_m": point(placed, "moving_jaw", JAW_POINT_M),
        "gravity_nm": np.array([gravity_nm(facts, placed, moved[name]) for name in JOINTS]),
    }


def write_golden():
    """Draw poses within the joint limits and store what is expected there."""
    shipped = facts()
    ranges = {body["joint"]["name"]: body["joint"]["range_rad"] for body in shipped["bodies"] if "joint" in body}
    lower, upper = np.array([ranges[name] for name in JOINTS]).T
    rows = []
    for joints in np.random.default_rng(SEED).uniform(lower, upper, (POSES, len(JOINTS))).round(6):
        values = {"joints_rad": joints, **expected(shipped, joints)}
        rows.append({name: value.round(9).tolist() for name, value in values.items()})
    GOLDEN.write_text(yaml.safe_dump({"poses": rows}, default_flow_style=None, sort_keys=False, width=120))


@cache
def golden():
    return config.read(GOLDEN)["poses"]


@cache
def kinematic():
    return kinematic_spec(facts()).compile()


@cache
def simulated():
    return arm_spec(facts(), actuator("measured")).compile()


@pytest.fixture(params=range(POSES))
def pose(request):
    return {name: np.array(values) for name, values in golden()[request.param].items()}


@pytest.fixture(scope="module")
def so101():
    return Arm.from_facts()


def test_the_golden_file_is_what_the_facts_say(pose):
    for name, value in expected(facts(), pose["joints_rad"]).items():
        assert value == pytest.approx(pose[name], abs=1e-8)


def test_the_golden_poses_differ_and_use_the_joint_ranges(so101):
    joints = np.array([row["joints_rad"] for row in golden()])
    assert joints.shape == (POSES, len(JOINTS))
    assert ((so101.lower_rad <= joints) & (joints <= so101.upper_rad)).all()
    assert (np.ptp(joints, axis=0) > 0.7 * (so101.upper_rad - so101.lower_rad)).all()


def test_the_model_puts_the_tool_and_the_jaw_where_the_facts_do(so101, pose):
    data = mujoco.MjData(so101.model)
    data.qpos[so101.qpos] = pose["joints_rad"]
    mujoco.mj_kinematics(so101.model, data)
    jaw = data.xpos[so101.jaw] + data.xmat[so101.jaw].reshape(3, 3) @ JAW_POINT_M
    assert so101.tool(pose["joints_rad"])[0] == pytest.approx(pose["tool_m"], abs=TOLERANCE)
    assert jaw == pytest.approx(pose["jaw_m"], abs=TOLERANCE)


@pytest.mark.parametrize("build", [kinematic, simulated])
def test_gravity_pulls_at_every_joint_as_the_facts_say(build, pose):
    """Also of the simulated arm: what is seen and touched there must weigh nothing."""
    so101 = Arm(build())
    data = mujoco.MjData(so101.model)
    data.qpos[so101.qpos] = pose["joints_rad"]
    mujoco.mj_forward(so101.model, data)
    assert data.qfrc_bias[so101.dofs] == pytest.approx(pose["gravity_nm"], abs=TOLERANCE)


if __name__ == "__main__":
    write_golden()
