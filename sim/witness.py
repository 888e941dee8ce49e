"""What is true in a lift scene, whoever drives it."""

import mujoco
import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.types import Truth
from sim.scene import CUBE


class Witness:
    """Tells the truth of one model's states, and puts its cube somewhere else.

    Args:
        plant: the model's own kinematics.
    """

    def __init__(self, model: mujoco.MjModel, plant: Arm):
        self._plant = plant
        self._body_of, self._cube_body = model.geom_bodyid, model.body(CUBE).id
        self._cube_qpos = int(model.jnt_qposadr[model.joint(CUBE).id])
        self._cube_dofs = int(model.jnt_dofadr[model.joint(CUBE).id])
        self._pad = _moving_pad(model)

    def truth(self, data: mujoco.MjData) -> Truth:
        """At the state whose positions and contacts `data` has."""
        q = self._cube_qpos
        return Truth(
            cube_m=data.qpos[q : q + 3],
            cube_quat=data.qpos[q + 3 : q + 7],
            tool_m=data.site_xpos[self._plant.site],
            moving_pad_m=data.xmat[self._plant.jaw].reshape(3, 3) @ self._pad + data.xpos[self._plant.jaw],
            pads_touch=self._pads_touch(data),
        )

    def put_cube(self, data: mujoco.MjData, cube_m: np.ndarray, cube_quat: np.ndarray) -> None:
        """Let the cube rest with its centre at `cube_m` (3,), turned by `cube_quat` (4,), w x y z."""
        data.qpos[self._cube_qpos : self._cube_qpos + 7] = *cube_m, *cube_quat
        data.qvel[self._cube_dofs : self._cube_dofs + 6] = 0.0

    def _pads_touch(self, data: mujoco.MjData) -> tuple[bool, bool]:
        """Whether a collision geom of the fixed and of the moving finger's body touches the cube."""
        contacts = data.contact
        bodies: set[int] = set()
        for pair, distance in zip(self._body_of[contacts.geom].tolist(), contacts.dist.tolist(), strict=True):
            if distance < 0 and self._cube_body in pair:
                bodies.update(pair)
        return self._plant.hand in bodies, self._plant.jaw in bodies


def _moving_pad(model: mujoco.MjModel) -> np.ndarray:
    """The pad's centre (3,) in the jaw's frame; of a foreign model, its fingertip."""
    pad = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, "moving_pad")
    return kinematics.MOVING_FINGERTIP_M if pad < 0 else model.geom_pos[pad].copy()
