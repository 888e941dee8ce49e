"""The lift scene: an arm that can be touched and driven, a table, a cube and three cameras, as one MJCF."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import mujoco
import numpy as np

from control.actuators import Actuator, actuator
from control.arm import TOOL_SITE, Arm, kinematic_spec
from control.arm import facts as kinematic_facts
from control.config import RobotConfig
from control.errors import ConfigError
from control.mounting import SHIPPED, Mount, mount
from control.types import JOINTS, RobotSpec, Setting
from sim import looks

CAMERAS = ("wrist_cam", "front", "overhead")
CUBE = f"{looks.LIFT}cube"
SENSOR_HW = (480, 640)
# Bits of contype/conaffinity: parts of the arm never touch each other, except for the two pads.
ARM, WORLD, PAD = 1, 2, 4
BOX, SPHERE, CAPSULE = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CAPSULE
SHAPES = {"box": BOX, "sphere": SPHERE, "capsule": CAPSULE}
COLLISION_GROUP = 3
# What a model's main defaults could change in the geoms and actuators that are added to it.
INHERITED = {
    "geom": (
        *("type", "size", "pos", "quat", "group", "contype", "conaffinity", "condim", "priority", "friction", "solmix"),
        *("solref", "solimp", "margin", "gap", "mass", "density", "rgba", "material"),
    ),
    "actuator": (
        *("gear", "dyntype", "dynprm", "gaintype", "gainprm", "biastype", "biasprm", "ctrllimited", "ctrlrange"),
        *("forcelimited", "forcerange", "actlimited", "actrange", "actdim", "actearly", "lengthrange", "inheritrange"),
        *("damping", "armature", "delay", "nsample", "interp", "cranklength", "group"),
    ),
}
FRONT_M, OVERHEAD_M = [0.66, -0.45, 0.38], [0.22, 0.0, 0.75]


def arm_spec(facts: dict[str, Any], servos: Actuator, by_torque: bool = False) -> mujoco.MjSpec:
    """The SO-101: kinematics, looks, collision shapes, pads, wrist camera and actuators."""
    spec = kinematic_spec(facts)
    spec.option.timestep = facts["contact"]["option"]["timestep_s"]
    looks.dress(spec, facts)
    for fact in facts["bodies"]:
        for shape in fact.get("collision", ()):
            if not _is_finger(shape):
                _add_shape(spec.body(fact["name"]), shape)
    _add_pads(spec, facts["finger_pads"])
    _add_wrist_camera(spec.body("gripper"), mount(SHIPPED))
    actuate(spec, servos, by_torque)
    return spec


def user_spec(path: str, facts: dict[str, Any], servos: Actuator, by_torque: bool = False) -> mujoco.MjSpec:
    """A user's own arm, with this project's actuators and, where it has no `wrist_cam`, its wrist camera.

    Raises:
        ConfigError: the file is missing, is no MJCF, or lacks a joint, the tool site or a collision shape on a jaw.
    """
    if not Path(path).is_file():
        raise ConfigError(f"no model at {path}")
    try:
        spec = mujoco.MjSpec.from_file(path)
    except ValueError as error:
        raise ConfigError(f"{path} is not an MJCF that MuJoCo reads: {error}") from None
    _require_names(spec, path)
    for stale in [*spec.keys, *spec.actuators]:
        spec.delete(stale)
    _forget_defaults(spec)
    if spec.camera("wrist_cam") is None:
        _add_wrist_camera(spec.site(TOOL_SITE).parent, mount(SHIPPED))
    actuate(spec, servos, by_torque)
    return spec


def _forget_defaults(spec: mujoco.MjSpec) -> None:
    """Let what is added from now on not inherit the main defaults of a user's model; what is there keeps them."""
    plain = mujoco.MjSpec()
    for kind, names in INHERITED.items():
        theirs, ours = getattr(spec.default, kind), getattr(plain.default, kind)
        for name in names:
            setattr(theirs, name, getattr(ours, name))


def actuate(spec: mujoco.MjSpec, servos: Actuator, by_torque: bool = False) -> None:
    """Put a position servo on every joint, or `by_torque` no more than its motor."""
    for name in JOINTS:
        joint = spec.joint(name)
        joint.damping = [servos.damping, 0.0, 0.0]  # the linear term of a polynomial
        joint.frictionloss, joint.armature = servos.frictionloss, servos.armature
        force = servos.gripper_force_Nm if name == "gripper" else servos.force_Nm
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        if by_torque:
            servo.forcerange, servo.forcelimited = [-servos.force_Nm, servos.force_Nm], 1
            continue
        servo.gaintype, servo.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
        servo.gainprm[0] = servos.kp
        servo.biasprm[1:3] = -servos.kp, -servos.kv
        servo.forcerange, servo.forcelimited = [-force, force], 1
        servo.ctrlrange, servo.ctrllimited = list(joint.range), 1


def lift_scene(robot: RobotConfig, facts: dict[str, Any], by_torque: bool = False) -> mujoco.MjModel:
    """The arm of `robot`, a table with its top at z = 0 and a free cube, compiled.

    Args:
        by_torque: its controls are the joints' torques (N·m), not the angles that servos are told.
    Raises:
        ConfigError: the profile or the user's own model cannot be used.
    """
    servos = actuator(robot.profile)
    spec = user_spec(robot.model, facts, servos, by_torque) if robot.model else arm_spec(facts, servos, by_torque)
    set_options(spec, facts["contact"])
    try:
        looks.furnish(spec)
        _add_cube(spec, robot, facts["finger_pads"])
        _add_room_cameras(spec)
        if robot.wrist_camera:
            spec.delete(spec.camera("wrist_cam"))
            _add_wrist_camera(spec.site(TOOL_SITE).parent, mount(robot.wrist_camera))
        return spec.compile()
    except ValueError as error:
        raise ConfigError(f"{robot.model or 'the SO-101'} does not compile in the lift scene: {error}") from None


def plant(robot: RobotConfig) -> dict[str, Setting]:
    """What a simulated robot is made of, to tell it from another: its settings, a model of the user's by content.

    Raises:
        ConfigError: the model cannot be used.
    """
    settings = msgspec.to_builtins(robot)
    if robot.model is not None:
        model = user_spec(robot.model, kinematic_facts(), actuator(robot.profile)).compile()
        content = np.empty(mujoco.mj_sizeModel(model), np.uint8)
        mujoco.mj_saveModel(model, None, content)
        settings["model"] = hashlib.sha256(content.tobytes()).hexdigest()[:16]
    return settings


def robot_spec(config: RobotConfig, arm: Arm, facts: dict[str, Any]) -> RobotSpec:
    """What the simulated arm is and can do."""
    limits = facts["governor"]
    return RobotSpec(
        joints=JOINTS,
        lower_rad=arm.lower_rad,
        upper_rad=arm.upper_rad,
        speed_rad_s=np.array(limits["speed_rad_s"]),
        accel_rad_s2=np.array(limits["accel_rad_s2"]),
        hz=config.hz,
        cameras={"wrist_cam": (SENSOR_HW, (config.camera_px, config.camera_px))},
        profile=config.profile,
        calibration="exact",
        scene_cameras=CAMERAS,
        plant=plant(config),
    )


def set_options(spec: mujoco.MjSpec, contact: dict[str, Any]) -> None:
    spec.option.timestep = contact["option"]["timestep_s"]
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = contact["option"]["impratio"]
    height, width = SENSOR_HW
    spec.visual.global_.offheight, spec.visual.global_.offwidth = height, width


def _add_cube(spec: mujoco.MjSpec, robot: RobotConfig, pads: dict[str, Any]) -> None:
    half = robot.cube_m / 2
    body = spec.worldbody.add_body(name=CUBE, pos=[0.25, 0.0, half])
    body.add_freejoint(name=CUBE)
    geom = body.add_geom(name=CUBE, type=BOX, size=[half] * 3, mass=robot.cube_kg, rgba=looks.CUBE_RGBA)
    geom.contype, geom.conaffinity, geom.condim = WORLD, ARM | WORLD | PAD, 4
    geom.friction, geom.solref, geom.solimp = pads["friction"], pads["solref"], pads["solimp"]


def _add_room_cameras(spec: mujoco.MjSpec) -> None:
    """Look from the front and from above, unless a user's own model has cameras of these names."""
    places = {"front": (FRONT_M, _look(FRONT_M, [0.15, 0.0, 0.12])), "overhead": (OVERHEAD_M, [0, -1, 0, 1, 0, 0])}
    for name, (pos, axes) in places.items():
        if spec.camera(name) is None:
            spec.worldbody.add_camera(name=name, pos=pos, fovy=42, xyaxes=axes)


def _look(eye: list[float], at: list[float]) -> list[float]:
    """x and y axes of a camera at `eye` that looks at `at`, level."""
    back = np.array(eye) - np.array(at)
    right = np.cross([0.0, 0.0, 1.0], back)
    up = np.cross(back, right)
    return [*(right / np.linalg.norm(right)), *(up / np.linalg.norm(up))]


def _add_shape(body: Any, shape: dict[str, Any]) -> None:
    geom = body.add_geom(type=SHAPES[shape["type"]], pos=shape["pos_m"], quat=shape["quat_wxyz"], group=COLLISION_GROUP)
    geom.size[: len(shape["size_m"])] = shape["size_m"]
    geom.contype, geom.conaffinity, geom.mass = ARM, 0, 0


def _is_finger(shape: dict[str, Any]) -> bool:
    """The published finger-tip shapes, which the pads replace: spheres of a millimetre, boxes two millimetres thick."""
    return shape.get("name", "").startswith(("fixed_jaw", "moving_jaw")) and shape["size_m"][0] < 0.0015


def _add_pads(spec: mujoco.MjSpec, pads: dict[str, Any]) -> None:
    for name, touches in (("fixed", 0), ("moving", PAD)):
        pad = pads[name]
        half_yaw = pad["yaw_rad"] / 2
        quat = [np.cos(half_yaw), 0, 0, np.sin(half_yaw)]
        geom = spec.body(pad["body"]).add_geom(
            name=f"{name}_pad", type=BOX, size=pad["size_m"], pos=pad["pos_m"], quat=quat
        )
        geom.contype, geom.conaffinity, geom.condim = ARM | PAD, touches, 4
        geom.friction, geom.solref, geom.solimp = pads["friction"], pads["solref"], pads["solimp"]
        geom.rgba, geom.mass = looks.PAD_RGBA, 0


def _add_wrist_camera(body: Any, camera: Mount) -> None:
    quat = np.zeros(4)
    mujoco.mju_euler2Quat(quat, np.array(camera.euler_rad), "xyz")
    body.add_camera(name="wrist_cam", pos=camera.pos_m, quat=quat, fovy=camera.fovy_deg)


def _require_names(spec: mujoco.MjSpec, path: str) -> None:
    missing = [name for name in JOINTS if spec.joint(name) is None]
    if missing:
        raise ConfigError(f"{path} has no joint named {', '.join(missing)}; it needs {', '.join(JOINTS)}")
    if spec.site(TOOL_SITE) is None:
        raise ConfigError(f"{path} has no site named {TOOL_SITE}; it marks the point between the fingertips")
    for body in (spec.joint("gripper").parent, spec.site(TOOL_SITE).parent):
        if not any(geom.contype or geom.conaffinity for geom in body.geoms):
            raise ConfigError(f"{path}: body {body.name} has no collision geom to grasp with")
