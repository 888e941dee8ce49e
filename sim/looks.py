"""What the arm and its surroundings look like; nothing here can be touched."""

from typing import Any

import mujoco

CUBE_RGBA = (0.85, 0.12, 0.10, 1.0)
PAD_RGBA = (0.15, 0.15, 0.16, 1.0)
PART_RGBA = (0.95, 0.55, 0.10, 1.0)
SERVO_RGBA = (0.10, 0.10, 0.11, 1.0)
BOX = mujoco.mjtGeom.mjGEOM_BOX


def dress(spec: mujoco.MjSpec, facts: dict[str, Any]) -> None:
    """Add visual geoms (group 2) to the arm's bodies."""
    for fact in facts["bodies"]:
        for box in fact["visual_bounding_boxes"]:
            rgba = SERVO_RGBA if "sts3215" in box["part"] else PART_RGBA
            geom = spec.body(fact["name"]).add_geom(type=BOX, size=box["box_half_size_m"], pos=box["pos_m"], group=2)
            geom.quat, geom.rgba, geom.contype, geom.conaffinity, geom.mass = box["quat_wxyz"], rgba, 0, 0, 0


def furnish(spec: mujoco.MjSpec) -> None:
    """Add the table (a collision box, top at z = 0) and the light."""
    spec.worldbody.add_light(pos=[0.1, -0.4, 1.0], dir=[0.1, 0.4, -1.0], diffuse=[0.6] * 3, castshadow=False)
    table = spec.worldbody.add_geom(name="table", type=BOX, size=[0.4, 0.5, 0.02], pos=[0.25, 0, -0.02])
    table.rgba, table.contype, table.conaffinity = (0.55, 0.57, 0.60, 1.0), 2, 7
    spec.visual.headlight.ambient = [0.4] * 3
    spec.visual.quality.numslices, spec.visual.quality.numstacks, spec.visual.quality.numquads = 8, 4, 1
    spec.visual.quality.offsamples = 0
