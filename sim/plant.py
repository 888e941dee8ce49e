"""What servos drive: the lift scene by joint torques, a millisecond at a time."""

import mujoco
import numpy as np

from control import arm as kinematics
from control.arm import Arm
from control.config import RobotConfig
from control.types import Truth
from sim.scene import CUBE, lift_scene
from sim.witness import Witness

STEP_S = 0.001


class Plant:
    """The arm, the table and the cube, without servos.

    Args:
        config: its profile gives friction, damping and inertia; its gains are the servos' own affair.
    Raises:
        ConfigError: the model or profile cannot be used.
    """

    def __init__(self, config: RobotConfig):
        facts = kinematics.facts()
        self.model = lift_scene(config, facts, by_torque=True)
        self.model.opt.timestep = STEP_S
        self.data = mujoco.MjData(self.model)
        self.arm = Arm(self.model)
        self.cube_m = config.cube_m
        self._witness = Witness(self.model, self.arm)
        self._cube = self.model.body(CUBE).id
        self._friction_Nm = self.model.dof_frictionloss.copy()
        self.place(np.array(facts["home_rad"]))

    @property
    def joints_rad(self) -> np.ndarray:
        """(J,) true angles."""
        return self.data.qpos[self.arm.qpos]

    @property
    def speed_rad_s(self) -> np.ndarray:
        """(J,)"""
        return self.data.qvel[self.arm.dofs]

    @property
    def cube_at_m(self) -> np.ndarray:
        """(3,) where its centre is."""
        return self.data.xpos[self._cube]

    def advance(self, torque_Nm: np.ndarray) -> None:
        """Let STEP_S pass with these torques (J,) on the joints."""
        self.data.ctrl[:] = torque_Nm
        mujoco.mj_step(self.model, self.data)

    def place(self, joints_rad: np.ndarray) -> None:
        """Put the arm at rest at `joints_rad` (J,)."""
        self.data.qpos[self.arm.qpos], self.data.qvel[self.arm.dofs] = joints_rad, 0.0
        mujoco.mj_forward(self.model, self.data)

    def put_cube(self, cube_m: np.ndarray, yaw_rad: float) -> None:
        """Lay the cube down with its centre at `cube_m` (3,)."""
        self._witness.put_cube(self.data, cube_m, np.array([np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)]))
        mujoco.mj_forward(self.model, self.data)

    def jam(self, joint: int, friction_Nm: float | None) -> None:
        """Let a joint turn against so much friction; None: against its own again."""
        dof = self.arm.dofs[joint]
        self.model.dof_frictionloss[dof] = self._friction_Nm[dof] if friction_Nm is None else friction_Nm

    def truth(self) -> Truth:
        """Now."""
        mujoco.mj_fwdPosition(self.model, self.data)
        return self._witness.truth(self.data)
