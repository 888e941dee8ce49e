"""What the arm and its surroundings look like; nothing here can be touched, nothing weighs."""

from typing import Any

import mujoco
import numpy as np

from sim import parts, textures
from sim.shapes import Solid, join, prism, rect

CUBE_RGBA = (0.80, 0.09, 0.07, 1.0)
PAD_RGBA = (0.16, 0.16, 0.17, 1.0)
PRINTED_RGBA = (0.97, 0.70, 0.12, 1.0)
SERVO_RGBA = (0.13, 0.13, 0.14, 1.0)
TABLE_RGBA = (0.56, 0.61, 0.66, 1.0)
SKY_TOP, SKY_BOTTOM = (0.82, 0.87, 0.92), (0.94, 0.95, 0.96)
LIFT = "lift/"  # before the names of what surrounds the arm: a user's own model may have a cube or a table too
VISUAL_GROUP = 2
# Behind the wrist camera's back at every pose: drawing these for it would cost a quarter of its picture's time.
UNSEEN_GROUP = 1
UNSEEN = ("lower_arm", "wrist", "camera_mount", "gripper_servo", "gripper_camera", "moving_jaw_servo")
UPRIGHT = (0.0, 1.0, 0.0, 0.0)  # of the servo whose box in the facts lies askew, for want of its horns
BOX, MESH = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_MESH
SCENE_CENTRE_M, SUN_DIRECTION = np.array([0.2, 0.0, 0.1]), np.array([-0.3, 0.3, -0.9])
MM = 1e-3


def dress(spec: mujoco.MjSpec, facts: dict[str, Any]) -> None:
    """Add to each body of the arm a mesh of its printed parts and one of its servos, and to the hand its camera."""
    for fact in facts["bodies"]:
        boxes = fact["visual_bounding_boxes"]
        printed = [parts.printed(box["part"]) for box in boxes if box["part"] in parts.PRINTED]
        servos = [servo(box) for box in boxes if "sts3215" in box["part"]]
        camera = facts["wrist_cameras"]["wide_angle_v5"]
        if fact["name"] == camera["body"]:
            printed.append(_strut(camera))
            _add_mesh(spec, fact["name"], "camera", _camera(camera))
        _add_mesh(spec, fact["name"], "printed", *printed)
        _add_mesh(spec, fact["name"], "servo", *servos, *parts.HOLES.get(fact["name"], list)())


def furnish(spec: mujoco.MjSpec) -> None:
    """Add the table (a collision box, top at z = 0), the light and a pale sky."""
    light(spec)
    table = spec.worldbody.add_geom(name=f"{LIFT}table", type=BOX, size=[0.4, 0.5, 0.1], pos=[0.25, 0, -0.1])
    table.rgba, table.contype, table.conaffinity = TABLE_RGBA, 2, 7
    textures.add(spec)
    sky = spec.add_texture(name=f"{LIFT}sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    sky.builtin = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    sky.rgb1, sky.rgb2, sky.width, sky.height = SKY_TOP, SKY_BOTTOM, 64, 384


def light(spec: mujoco.MjSpec) -> None:
    """Light the scene: a sun from the front, a matte headlight; and draw curves coarsely, edges plainly."""
    sun = spec.worldbody.add_light(name=f"{LIFT}sun", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, castshadow=True)
    sun.pos, sun.dir = SCENE_CENTRE_M - SUN_DIRECTION, SUN_DIRECTION
    sun.diffuse, sun.specular = [0.45] * 3, [0.1] * 3
    head = spec.visual.headlight
    head.ambient, head.diffuse, head.specular = [0.42] * 3, [0.2] * 3, [0.0] * 3
    quality = spec.visual.quality
    quality.numslices, quality.numstacks, quality.numquads = 8, 4, 1
    quality.offsamples, quality.shadowsize = 0, 2048
    spec.stat.extent, spec.visual.map.shadowclip = 1.0, 1.5  # what shadows cover; less leaves a seam on the table


def _add_mesh(spec: mujoco.MjSpec, body: str, kind: str, *solids: Solid) -> None:
    """Give `body` the solids as one mesh, named after both; nothing for none."""
    if not solids:
        return
    name, solid = f"{body}_{kind}", join(solids)
    corners = np.concatenate([solid.corners * MM, solid.normals], axis=2).reshape(-1, 6).round(6)
    points, face = np.unique(corners, axis=0, return_inverse=True)
    mesh = spec.add_mesh(name=name, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
    mesh.uservert, mesh.usernormal, mesh.userface = points[:, :3].ravel(), points[:, 3:].ravel(), face.ravel()
    geom = spec.body(body).add_geom(name=name, type=MESH, meshname=name)
    geom.group = UNSEEN_GROUP if name in UNSEEN or body in UNSEEN else VISUAL_GROUP
    geom.rgba = PRINTED_RGBA if kind == "printed" else SERVO_RGBA
    geom.contype, geom.conaffinity, geom.mass = 0, 0, 0


def servo(box: dict[str, Any]) -> Solid:
    """A servo where the facts have its box."""
    quat = UPRIGHT if "no_horn" in box["part"] else box["quat_wxyz"]
    return parts.servo().moved(rotation(quat), np.array(box["pos_m"]) / MM)


def _camera(camera: dict[str, Any]) -> Solid:
    """The module behind the camera's eye."""
    quat = np.zeros(4)
    mujoco.mju_euler2Quat(quat, np.array(camera["euler_rad"]), "xyz")
    return parts.camera_module().moved(rotation(quat), np.array(camera["pos_m"]) / MM)


def _strut(camera: dict[str, Any]) -> Solid:
    """What holds that module: the facts' own bracket, on the other side of the hand, is made for another one."""
    x, y, _ = np.array(camera["pos_m"]) / MM
    return prism("z", -11, -7, rect(x - 9, x + 9, y + 1, -20), 0.8)


def rotation(quat_wxyz: Any) -> np.ndarray:
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, np.array(quat_wxyz) / np.linalg.norm(quat_wxyz))
    return matrix.reshape(3, 3)
