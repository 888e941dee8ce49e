"""The lift scene as shapes and poses, for whoever draws it elsewhere."""

from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.config import RobotConfig
from control.types import Truth
from sim.looks import VISUAL_GROUP
from sim.scene import CUBE, lift_scene
from sim.witness import Witness

AROUND, ALONG = 24, 9  # corners of a round shape
GEOM = mujoco.mjtGeom


class Surface(NamedTuple):
    """What there is to see of one geom."""

    body: int
    rgb: tuple[float, float, float]
    corners: np.ndarray  # (3 * triangles, 6) float32: place (m) and normal in the body's frame


class Figure:
    """The scene of a robot, without physics or pictures. Raises ConfigError where its model cannot be used."""

    def __init__(self, config: RobotConfig):
        self._model = lift_scene(config, kinematics.facts())
        self._data = mujoco.MjData(self._model)
        self._arm = Arm(self._model)
        self._witness = Witness(self._model, self._arm)
        self.cube = int(self._model.body(CUBE).id)  # which body it is
        self.surfaces = tuple(_surfaces(self._model))

    def poses(self, joints_rad: np.ndarray, truth: Truth | None) -> np.ndarray:
        """Of every body, (bodies, 7): place in metres and quaternion w x y z, with the arm at `joints_rad` (J,).

        The cube is where it was last told to be where `truth` is None.
        """
        self._data.qpos[self._arm.qpos] = joints_rad
        if truth is not None:
            self._witness.put_cube(self._data, truth.cube_m, truth.cube_quat)
        mujoco.mj_kinematics(self._model, self._data)
        return np.hstack([self._data.xpos, self._data.xquat])


def _surfaces(model: mujoco.MjModel) -> Iterator[Surface]:
    """Of all that belongs to a body and is shown; not of the room."""
    for geom in np.flatnonzero((model.geom_group <= VISUAL_GROUP) & (model.geom_bodyid > 0)).tolist():
        triangles = _triangles(model, geom)
        if not len(triangles):
            continue
        turned, normals = np.zeros(9), _normals(model, geom, triangles)
        mujoco.mju_quat2Mat(turned, model.geom_quat[geom])
        rotation = turned.reshape(3, 3).T
        corners = np.hstack([triangles.reshape(-1, 3) @ rotation + model.geom_pos[geom], normals @ rotation])
        material = model.geom_matid[geom]
        rgba = model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]
        yield Surface(int(model.geom_bodyid[geom]), tuple(rgba[:3].tolist()), corners.astype(np.float32))


def _triangles(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """(n, 3, 3) corners in the geom's frame; none for a shape without an end."""
    kind, size = GEOM(int(model.geom_type[geom])), model.geom_size[geom]
    if kind == GEOM.mjGEOM_MESH:
        start, count = (rows[model.geom_dataid[geom]] for rows in (model.mesh_faceadr, model.mesh_facenum))
        first = model.mesh_vertadr[model.geom_dataid[geom]]
        return model.mesh_vert[first + model.mesh_face[start : start + count]].astype(float)
    if kind == GEOM.mjGEOM_BOX:
        return _box() * size
    angles = np.linspace(-np.pi / 2, np.pi / 2, ALONG)
    ball = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if kind in (GEOM.mjGEOM_SPHERE, GEOM.mjGEOM_ELLIPSOID):
        return _revolved(ball) * (size[0] if kind == GEOM.mjGEOM_SPHERE else size)
    if kind == GEOM.mjGEOM_CAPSULE:
        return _revolved(ball * size[0] + np.outer(np.sign(angles), (0.0, size[1])))
    if kind == GEOM.mjGEOM_CYLINDER:
        return _revolved(np.array([(0, -1), (1, -1), (1, 1), (0, 1)]) * size[:2])
    return np.zeros((0, 3, 3))


def _normals(model: mujoco.MjModel, geom: int, triangles: np.ndarray) -> np.ndarray:
    """(3 n, 3) of unit length: a mesh's own, of any other shape those of its faces."""
    if model.geom_type[geom] == GEOM.mjGEOM_MESH:
        start, count = (rows[model.geom_dataid[geom]] for rows in (model.mesh_faceadr, model.mesh_facenum))
        first = model.mesh_normaladr[model.geom_dataid[geom]]
        return model.mesh_normal[first + model.mesh_facenormal[start : start + count].reshape(-1)]
    faces = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    lengths = np.maximum(np.linalg.norm(faces, axis=1, keepdims=True), 1e-12)
    return np.repeat(faces / lengths, 3, axis=0)


def _revolved(profile: np.ndarray) -> np.ndarray:
    """(n, 3, 3) of the surface that `profile` (k, 2), radius and height, leaves behind as it turns about z."""
    turn = np.linspace(0, 2 * np.pi, AROUND + 1)
    rings = np.stack(
        [
            np.outer(profile[:, 0], np.cos(turn)),
            np.outer(profile[:, 0], np.sin(turn)),
            np.tile(profile[:, 1:], turn.size),
        ],
        axis=-1,
    )
    a, b, c, d = rings[:-1, :-1], rings[:-1, 1:], rings[1:, 1:], rings[1:, :-1]
    return np.concatenate([np.stack(three, axis=2).reshape(-1, 3, 3) for three in ((a, b, c), (a, c, d))])


def _box() -> np.ndarray:
    """(12, 3, 3) of the cube from -1 to 1."""
    square = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, -1, 1), (1, 1, 1), (-1, 1, 1)]).reshape(2, 3, 3)
    up = [np.roll(square, shift, axis=2) for shift in range(3)]
    return np.concatenate([*up, *(-side[:, ::-1] for side in up)])
