"""The arm as numbers: kinematic model built from `configs/so101.yaml`, forward and inverse kinematics.

The tool point is the site `gripperframe`, between the fingertips; the fingers point along its -z, the moving finger
opens along its +x. `heading` is the yaw of that x axis about the vertical, in radians.
"""

import math
from functools import cache
from typing import Any, Self

import daqp
import mink
import mujoco
import numpy as np

from control import config
from control.errors import ConfigError
from control.types import GRIPPER, JOINTS

TOOL_SITE = "gripperframe"
REACH_M = (0.14, 0.36)  # distances from the base at which the tool can point down
# In the frame of the finger's own body; the collision spheres at the tips of both jaws in the facts.
FIXED_FINGERTIP_M = np.array([-0.009, 0.0, -0.104])
MOVING_FINGERTIP_M = np.array([-0.012, -0.079, 0.019])
# Tool down is out of reach at the edges of the workspace: wrist_flex meets its limit. Position must win there.
POSITION_COST = 1.0
ORIENTATION_COST = (0.003, 0.003, 0.01)  # about the tool's x, y, z; z is the heading


def within_reach(x_m: float, y_m: float) -> bool:
    """Whether the tool can point down at this place on the table, metres from the base."""
    return REACH_M[0] <= math.hypot(x_m, y_m) <= REACH_M[1]


def kinematic_spec(facts: dict[str, Any]) -> mujoco.MjSpec:
    """Bodies with their inertia, joints and the tool site; nothing to see or to touch."""
    spec = mujoco.MjSpec()
    spec.modelname = "so101"
    spec.compiler.degree = False
    bodies = {"world": spec.worldbody}
    for fact in facts["bodies"]:
        body = bodies[fact["parent"]].add_body(name=fact["name"], pos=fact["pos_m"], quat=fact["quat_wxyz"])
        body.mass, body.ipos, body.iquat = fact["mass_kg"], fact["com_m"], fact["inertia_quat_wxyz"]
        body.inertia, body.explicitinertial = fact["inertia_diag_kgm2"], True
        if joint := fact.get("joint"):
            body.add_joint(name=joint["name"], axis=joint["axis"], range=joint["range_rad"], limited=1)
        bodies[fact["name"]] = body
    for name, site in facts["sites"].items():
        bodies[site["body"]].add_site(name=name, pos=site["pos_m"], size=[0.003] * 3, group=5)
    return spec


@cache
def facts() -> dict[str, Any]:
    """The shipped facts of the SO-101."""
    return config.shipped("so101.yaml")


class Arm:
    """Forward and inverse kinematics of an arm with the six named joints.

    Args:
        model: any compiled MJCF that has the joints of `control.types.JOINTS` and the site `gripperframe`.
    Raises:
        ConfigError: the model lacks one of those names.
    """

    jaw: int  # body of the moving finger
    hand: int  # body of the fixed finger and the tool point

    def __init__(self, model: mujoco.MjModel):
        self.model = model
        joints = [_id(model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in JOINTS]
        self.site = _id(model, mujoco.mjtObj.mjOBJ_SITE, TOOL_SITE)
        self.qpos, self.dofs = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self.lower_rad, self.upper_rad = (model.jnt_range[joints, i].astype(np.float64) for i in (0, 1))
        self.jaw = int(model.jnt_bodyid[joints[GRIPPER]])
        self.hand = int(model.site_bodyid[self.site])
        self._fingertips = ((self.hand, FIXED_FINGERTIP_M), (self.jaw, MOVING_FINGERTIP_M))
        self._configuration = mink.Configuration(model)
        self._task = mink.FrameTask(TOOL_SITE, "site", POSITION_COST, np.array(ORIENTATION_COST))
        self._cost = self._task.cost
        self._sense = np.zeros(model.nv, dtype=np.int32)  # daqp: every constraint is an inequality
        self._damping = 1e-6 * np.eye(model.nv)
        self._upper, self._lower = np.zeros(model.nv), np.zeros(model.nv)
        self._no_rows = np.zeros((0, model.nv))

    @classmethod
    def from_facts(cls) -> Self:
        """The SO-101."""
        return cls(kinematic_spec(facts()).compile())

    @classmethod
    def of(cls, model: str | None) -> Self:
        """The arm of the MJCF file `model`, or the SO-101 where there is none. Raises ConfigError for a bad file."""
        if model is None:
            return cls.from_facts()
        try:
            return cls(mujoco.MjModel.from_xml_path(model))
        except ValueError as error:
            raise ConfigError(f"{model} is not an MJCF that MuJoCo reads: {error}") from None

    def tool(self, joints_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tool point (3,) in metres and rotation (3, 3) at `joints_rad` (J,)."""
        data = self._place(joints_rad)
        return data.site_xpos[self.site].copy(), data.site_xmat[self.site].reshape(3, 3).copy()

    def hand_pose(self, joints_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Place (3,) in metres and rotation (3, 3) of the fixed finger's body, which carries the wrist camera."""
        data = self._place(joints_rad)
        return data.xpos[self.hand].copy(), data.xmat[self.hand].reshape(3, 3).copy()

    def lowest_fingertip_m(self, joints_rad: np.ndarray) -> float:
        """Height of the lower fingertip above the table, metres, at `joints_rad` (J,)."""
        data = self._place(joints_rad)
        heights = [data.xmat[body, 6:9] @ tip + data.xpos[body, 2] for body, tip in self._fingertips]
        return float(min(heights))

    def solve(
        self,
        start_rad: np.ndarray,
        tool_m: np.ndarray,
        heading_rad: float,
        iterations: int = 3,
        travel_rad: np.ndarray | None = None,
    ) -> np.ndarray:
        """Joints (J,) that bring the tool point to `tool_m` (3,), pointing down with `heading_rad` as well as they can.

        Starts from `start_rad` (J,) and keeps its gripper angle and the joint limits. Three iterations bring a step of
        two centimetres within half a millimetre; a far target takes more. At the edge of its reach the arm would jump
        from one posture into another: no joint goes farther than `travel_rad` (J,), if that is given.
        """
        self._task.set_target(_down(tool_m, heading_rad))
        lower, upper = self.lower_rad, self.upper_rad
        joints = start_rad = within(start_rad, lower, upper)
        if travel_rad is not None:
            lower, upper = np.maximum(lower, start_rad - travel_rad), np.minimum(upper, start_rad + travel_rad)
        for i in range(iterations):
            self._place(joints)
            if i % 3 == 0:  # the Jacobian costs more than all the rest, and serves three steps
                jacobian = self._cost[:, None] * self._task.compute_jacobian(self._configuration)
                hessian = jacobian.T @ jacobian + self._damping
            gradient = (self._cost * self._task.compute_error(self._configuration)) @ jacobian
            step = self._step(hessian, gradient, lower - joints, upper - joints)
            joints = within(joints + step, lower, upper)
        return joints

    def _step(self, hessian: np.ndarray, gradient: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The step (J,) between low and high (J,) that reduces the task's error most.

        `mink.solve_ik` states the limits as rows of a general matrix, which takes three times as long.
        """
        upper, lower = self._upper, self._lower
        upper[self.dofs], lower[self.dofs] = high, low
        lower[self.dofs[GRIPPER]] = upper[self.dofs[GRIPPER]] = 0.0
        step, _, exit_flag, _ = daqp.solve(hessian, gradient, self._no_rows, upper, lower, self._sense)
        if exit_flag <= 0:
            raise RuntimeError(
                f"the IK's quadratic program failed (daqp exit flag {exit_flag}) between {low} and {high}"
            )
        return step[self.dofs]

    def _place(self, joints_rad: np.ndarray) -> mujoco.MjData:
        data = self._configuration.data
        data.qpos[self.qpos] = joints_rad
        self._configuration.update()
        return data


def within(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """np.clip, at a fifth of its price for six numbers."""
    return np.minimum(np.maximum(value, low), high)


def heading(rotation: np.ndarray) -> float:
    """Yaw of the tool's x axis in `rotation` (3, 3), radians."""
    return math.atan2(rotation[1, 0], rotation[0, 0])


def turn(angle_rad: float, period_rad: float = 2 * np.pi) -> float:
    """`angle_rad` brought within half a period of zero."""
    return (angle_rad + period_rad / 2) % period_rad - period_rad / 2


def _down(tool_m: np.ndarray, heading_rad: float) -> mink.SE3:
    half = heading_rad / 2
    return mink.SE3(np.array([math.cos(half), 0.0, 0.0, math.sin(half), *tool_m]))


def _id(model: mujoco.MjModel, kind: mujoco.mjtObj, name: str) -> int:
    found = mujoco.mj_name2id(model, kind, name)
    if found < 0:
        what = "site" if kind == mujoco.mjtObj.mjOBJ_SITE else "joint"
        raise ConfigError(
            f"the model has no {what} named {name}; it needs the joints {', '.join(JOINTS)} and {TOOL_SITE}"
        )
    return found
