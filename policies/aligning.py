"""Where a wrist camera really sits: from pictures of one cube on the table, taken from many poses of the arm.

Each picture gives a patch of the cube's colour, whose place, size and shape are its moments; a camera and a cube are
looked for whose outlines have the same. Least squares over all pictures at once, the cube's place among what is found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from control.arm import Arm
from control.errors import UserError
from control.mounting import Mount
from control.types import Observation
from policies.finder import CubeFinder, View, corners

SHAPE, SKEW_PX = 5, 5.0  # numbers of a patch; what the last, a share, counts
FEWEST = 6  # pictures with the whole cube in them
NUDGE = 0.2  # of a unit, to see what a change does: outlines are single-precision
ROBUST_PX = 1.0  # beyond which an error counts less: a shadow or a finger in the patch
# How far a mount may be from where it was thought to be: 3 cm, 20 degrees, 20 degrees.
FARTHEST = np.array([0.03] * 3 + [0.35] * 3 + [20.0])
UNIT = np.array([0.001] * 3 + [0.01] * 3 + [1.0, 0.001, 0.001, 0.02])


@dataclass(frozen=True)
class Alignment:
    """The mount that was found, where the cube was, and how far the outlines' middles were off, rms, in pixels."""

    mount: Mount
    cube: tuple[float, float, float]  # x, y (m), yaw (rad)
    before_px: float
    after_px: float
    pictures: int


def align(seen: Sequence[Observation], finder: CubeFinder, arm: Arm, base: Mount, cube_m: float) -> Alignment:
    """The mount that explains the pictures best.

    Args:
        seen: at rest, in several poses, the cube untouched.
        base: where the camera is thought to be.
    Raises:
        UserError: the whole cube is in too few of the pictures.
    """
    patches = [(s.joints_rad, *_patch(finder, s)) for s in seen]
    looks = [(arm.hand_pose(joints), patch, px) for joints, patch, px in patches if patch is not None]
    sighting = next((found for s in seen if (found := finder.find(s, least=0.1))), None)
    if len(looks) < FEWEST or sighting is None:
        raise UserError(
            f"the whole cube is in {len(looks)} of {len(seen)} pictures, {FEWEST} are needed; lay it 20 to 24 cm in "
            "front of the base, where the camera sees it from home, and nothing else of its colour"
        )

    def residuals(numbers: np.ndarray) -> np.ndarray:
        moved, pose = _moved(base, numbers[:7] * UNIT[:7]), tuple(numbers[7:] * UNIT[7:])
        return np.concatenate([_outline(View(*hand, moved, px), cube_m, pose) - patch for hand, patch, px in looks])

    def slopes(numbers: np.ndarray) -> np.ndarray:
        steps = NUDGE * np.eye(len(numbers))
        ways = [residuals(numbers + step) - residuals(numbers - step) for step in steps]
        return np.stack(ways, axis=1) / (2 * NUDGE)

    x, y, _ = sighting.cube_m
    first = np.concatenate([np.zeros(7), [x, y, sighting.yaw_rad]]) / UNIT
    room = np.concatenate([FARTHEST, [0.1, 0.1, math.pi]]) / UNIT
    bounds = first - room, first + room
    found = least_squares(residuals, first, slopes, bounds, loss="soft_l1", f_scale=ROBUST_PX)
    numbers = found.x * UNIT
    before, after = (_middles_px(residuals(n)) for n in (first, found.x))
    return Alignment(_moved(base, numbers[:7]), (numbers[7], numbers[8], numbers[9]), before, after, len(looks))


def _middles_px(residuals: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum(residuals.reshape(-1, SHAPE)[:, :2] ** 2, axis=1))))


def _moved(base: Mount, by: np.ndarray) -> Mount:
    turned = Rotation.from_euler("XYZ", base.euler_rad) * Rotation.from_rotvec(by[3:6])
    place, euler = np.array(base.pos_m) + by[:3], turned.as_euler("XYZ")
    return Mount(tuple(place.tolist()), tuple(euler.tolist()), float(base.fovy_deg + by[6]))


def _patch(finder: CubeFinder, seen: Observation) -> tuple[np.ndarray | None, int]:
    """Of the cube's colour, (5,), or None where it is not in the picture as a whole; and the picture's side."""
    blob = finder.blob(finder.picture(seen))
    edges = (blob[0], blob[-1], blob[:, 0], blob[:, -1])
    whole = blob.any() and not any(edge.any() for edge in edges)
    return (_shape(cv2.moments(blob, binaryImage=True)) if whole else None), len(blob)


def _outline(view: View, cube_m: float, pose: tuple[float, ...]) -> np.ndarray:
    pixels = view.pixels(corners(cube_m, pose))  # type: ignore[arg-type]
    if pixels is None:
        return np.full(SHAPE, 1e3)
    return _shape(cv2.moments(cv2.convexHull(pixels.astype(np.float32))))


def _shape(moments: dict[str, float]) -> np.ndarray:
    """(5,) in pixels: the middle, column and row, the extent along columns and rows, and how they go together."""
    area = max(moments["m00"], 1e-6)
    wide, high, skew = (moments[name] / area for name in ("mu20", "mu02", "mu11"))
    extents = math.sqrt(wide), math.sqrt(high), skew / math.sqrt(wide * high) * SKEW_PX
    return np.array([moments["m10"] / area, moments["m01"] / area, *extents])
