"""Rendering: named cameras to pixels, offscreen."""

from typing import Self

import mujoco
import numpy as np

from sim import looks
from sim.graphics import offscreen_context
from sim.scene import SENSOR_HW


class Eye:
    """Renders cameras of one model; several eyes may share a process.

    Args:
        largest: (H, W) of the largest picture wanted. A buffer larger than that costs cache on every frame.
        fine: smooth edges and shadows, for people; a policy's picture costs a tenth without.
    """

    def __init__(self, model: mujoco.MjModel, largest: tuple[int, int] = SENSOR_HW, fine: bool = False):
        height, width = largest
        self._model = model
        model.vis.global_.offheight, model.vis.global_.offwidth = largest
        model.vis.quality.offsamples = 4 if fine else 0
        self._gl = offscreen_context(width, height)
        self._gl.make_current()
        self._scene = mujoco.MjvScene(model, maxgeom=500)
        self.cast_shadows(fine)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        # Black beyond the table saves a fifth of a policy's picture.
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = fine
        self._dressed = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_MESH, "gripper_camera") >= 0
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._views = {model.camera(i).name: _view(i) for i in range(model.ncam)}
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = (1, 1, 1, 0, 0, 0)
        self._option.sitegroup[:] = 0

    def look(self, data: mujoco.MjData, camera: str, height: int, width: int) -> np.ndarray:
        """The picture (height, width, 3) uint8 that `camera` sees; its field of view spans the height."""
        view = self._views[camera]
        rect = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), np.uint8)
        self._option.geomgroup[looks.UNSEEN_GROUP] = not (self._dressed and camera == "wrist_cam")
        self._gl.make_current()
        mujoco.mjv_updateScene(self._model, data, self._option, None, view, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(pixels, None, rect, self._context)
        return np.ascontiguousarray(pixels[::-1])

    def cast_shadows(self, on: bool) -> None:
        """Whether pictures have shadows from now on."""
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = on

    def close(self) -> None:
        """Free the GL context."""
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _view(camera: int) -> mujoco.MjvCamera:
    view = mujoco.MjvCamera()
    view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, camera
    return view
