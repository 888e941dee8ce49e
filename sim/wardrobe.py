"""Putting a wild draw on: on a compiled model, between references and joints, and on a picture."""

from collections import deque
from collections.abc import Sequence
from typing import Self

import cv2
import mujoco
import numpy as np

from control.actuators import Actuator
from control.governor import TICK_S
from control.types import JOINTS
from sim import textures
from sim.looks import LIFT
from sim.scene import CUBE
from sim.wild import Camera, Cube, Draw, Light, Picture, Servo, Table

TABLE, SUN = f"{LIFT}table", f"{LIFT}sun"
TOUCHED = (
    *("geom_size", "geom_rbound", "geom_aabb", "geom_friction", "geom_rgba", "geom_matid", "mat_rgba", "bvh_aabb"),
    *("body_mass", "body_inertia", "body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0"),
    *("actuator_gainprm", "actuator_biasprm", "cam_pos", "cam_quat", "cam_fovy", "light_dir", "light_diffuse"),
)


class Wardrobe:
    """Puts a draw on a model, and takes the last one off first."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData):
        self._model, self._data = model, data
        self._tame = {name: getattr(model, name).copy() for name in TOUCHED}
        head = model.vis.headlight
        self._head = head.ambient.copy(), head.diffuse.copy()

    def put_on(self, draw: Draw) -> None:
        """Change the model to the draw; what moves is left to be placed anew."""
        for name, values in self._tame.items():
            getattr(self._model, name)[:] = values
        self._model.vis.headlight.ambient[:], self._model.vis.headlight.diffuse[:] = self._head
        for name in ("cube", "colour", "table", "light", "camera", "servo"):
            if (what := getattr(draw, name)) is not None:
                getattr(self, f"_{name}")(what)

    def _cube(self, cube: Cube) -> None:
        model, half = self._model, cube.size_m / 2
        geom, body = model.geom(CUBE).id, model.body(CUBE).id
        model.geom_size[geom], model.geom_rbound[geom] = half, half * np.sqrt(3)
        model.geom_aabb[geom, 3:] = half
        model.bvh_aabb[model.body_bvhadr[body] : model.body_bvhadr[body] + model.body_bvhnum[body], 3:] = half
        model.geom_friction[geom, 0] = cube.friction
        model.body_mass[body], model.body_inertia[body] = cube.mass_kg, cube.mass_kg * cube.size_m**2 / 6
        mujoco.mj_setConst(model, self._data)

    def _colour(self, rgb: np.ndarray) -> None:
        self._model.geom_rgba[self._model.geom(CUBE).id, :3] = rgb

    def _table(self, table: Table) -> None:
        geom = self._model.geom(TABLE).id
        if not table.texture:
            self._model.geom_rgba[geom, :3] = table.rgb
            return
        material = self._model.material(textures.PREFIX + table.texture).id
        self._model.geom_matid[geom] = material
        self._model.mat_rgba[material, :3] = table.rgb
        self._model.geom_rgba[geom] = 0.5, 0.5, 0.5, 1.0  # the value that says: as the material has it

    def _light(self, light: Light) -> None:
        sun = self._model.light(SUN).id
        self._model.light_dir[sun], self._model.light_diffuse[sun] = light.direction, light.sun
        self._model.vis.headlight.ambient[:] = light.ambient

    def _camera(self, camera: Camera) -> None:
        model, eye = self._model, self._model.camera("wrist_cam").id
        turn = np.zeros(4)
        mujoco.mju_euler2Quat(turn, camera.turn_rad, "xyz")
        mujoco.mju_mulQuat(model.cam_quat[eye], model.cam_quat[eye].copy(), turn)
        model.cam_pos[eye] += camera.shift_m
        model.cam_fovy[eye] += camera.fovy_deg

    def _servo(self, servo: Servo) -> None:
        for name in JOINTS:
            actuator = self._model.actuator(name).id
            self._model.actuator_gainprm[actuator, 0] = servo.kp
            self._model.actuator_biasprm[actuator, 1] = -servo.kp


class Transmission:
    """What lies between a reference and its joint: a transport delay, play in the gears, and an error of the zero.

    Args:
        ticks: of 10 ms that a reference takes to arrive.
        lead: ticks by which it is ahead at its speed.
        backlash_rad: (J,) play, end to end: the joint's goal follows only beyond it. A simple model: a loaded gear
            lies on one flank, and then the play costs nothing.
        zero_rad: (J,) what the encoders say beyond the truth.
    """

    def __init__(self, ticks: int, lead: float, backlash_rad: np.ndarray, zero_rad: np.ndarray):
        self._ticks, self._lead, self._half, self.zero_rad = ticks, lead, backlash_rad / 2, zero_rad
        self._direct = ticks == 0 and lead == 0.0 and not backlash_rad.any() and not zero_rad.any()

    @classmethod
    def of(cls, draw: Draw, actuator: Actuator, ticks: int) -> Self:
        """Of a draw, `ticks` late besides what the actuator is; of a tame one, what the actuator says."""
        ones = np.ones(len(JOINTS))
        servo = draw.servo or Servo(actuator.kp, actuator.backlash_rad * ones, 0 * ones)
        lead = 0.0 if draw.servo else actuator.lead_s / TICK_S
        return cls(ticks + round(actuator.delay_s / TICK_S), lead, servo.backlash_rad, servo.zero_rad)

    def start(self, reference_rad: np.ndarray) -> np.ndarray:
        """At rest at `reference_rad` (J,), as the encoders say; the joints' goal, truly."""
        self._goal = self._arrived = reference_rad - self.zero_rad
        self._line = deque([self._goal] * self._ticks)
        return self._goal

    def pass_on(self, reference_rad: Sequence[float]) -> Sequence[float] | np.ndarray:
        """The joints' goal (J,), truly, one tick after the governor gave out `reference_rad` (J,)."""
        if self._direct:
            return reference_rad
        self._line.append(np.asarray(reference_rad) - self.zero_rad)
        before, self._arrived = self._arrived, self._line.popleft()
        ahead = self._arrived + self._lead * (self._arrived - before)
        self._goal = np.minimum(np.maximum(self._goal, ahead - self._half), ahead + self._half)
        return self._goal


def developed(rgb: np.ndarray, picture: Picture, rng: np.random.Generator) -> np.ndarray:
    """A picture (H, W, 3) uint8 as another camera would have taken it."""
    hsv = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * picture.hue) % 360
    image: np.ndarray = (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) - 0.5) * picture.contrast + 0.5 + picture.brightness
    if picture.blur_px > 0.1:
        image = cv2.GaussianBlur(image, (0, 0), picture.blur_px)
    image += picture.noise * rng.standard_normal(image.shape, np.float32)
    return (255 * image).clip(0, 255).astype(np.uint8)
