"""Headless OpenGL: pictures are drawn offscreen by EGL, with or without a display.

A MUJOCO_GL that is set is respected. MuJoCo is imported inside the functions because its import alone fails where
MUJOCO_GL names a library that this machine lacks, and that deserves a plain sentence.
"""

import importlib
import os
import sys
from typing import Any

from control.errors import GraphicsError

# libGL and glib are what OpenCV loads, libEGL with Mesa's drivers what draws without a display.
DEBIAN_PACKAGES = ("libegl1", "libgl1", "libgl1-mesa-dri", "libglib2.0-0")
EMPTY_SCENE = "<mujoco/>"


def offscreen_context(width: int, height: int) -> Any:
    """A `mujoco.GLContext` that draws without a display. Raises GraphicsError where there is none."""
    # Mesa's software renderer would spread each small picture over threads that the physics then waits for.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        return _backend().GLContext(width, height)
    except Exception as error:  # ImportError, AttributeError, RuntimeError, GLError: each backend has its own
        raise GraphicsError(_advice(error)) from error


def require_gl() -> None:
    """Draw nothing, offscreen. Raises GraphicsError, with the packages to install, where that fails."""
    try:
        importlib.import_module("cv2")
        mujoco = importlib.import_module("mujoco")
    except Exception as error:
        raise GraphicsError(_advice(error)) from error
    context = offscreen_context(16, 16)
    context.make_current()
    try:
        mujoco.MjrContext(mujoco.MjModel.from_xml_string(EMPTY_SCENE), mujoco.mjtFontScale.mjFONTSCALE_100).free()
    except mujoco.FatalError as error:
        raise GraphicsError(_advice(error)) from error
    finally:
        context.free()


def _backend() -> Any:
    """Not `mujoco.GLContext` on Linux: unless MUJOCO_GL was set before MuJoCo's import, that one wants a display."""
    if sys.platform != "linux" or os.environ.get("MUJOCO_GL"):
        return importlib.import_module("mujoco")
    return importlib.import_module("mujoco.egl")


def _advice(error: Exception) -> str:
    backend = os.environ.get("MUJOCO_GL") or "egl"
    reason = " ".join(str(error).split()).split(". ")[0] or type(error).__name__
    choice = "unset MUJOCO_GL, or on Debian" if "MUJOCO_GL" in os.environ else "on Debian"
    return (
        f"cannot draw without a display (MUJOCO_GL={backend}: {reason}); "
        f"{choice}: sudo apt-get install -y {' '.join(DEBIAN_PACKAGES)}"
    )


if __name__ == "__main__":
    try:
        require_gl()
    except GraphicsError as error:
        sys.exit(f"twinarm: {error}")
