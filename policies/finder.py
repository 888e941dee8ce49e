"""Where the cube lies, by one picture: its colour gives a blob, and the pose whose outline covers that blob best is it.

The camera's pose is the arm's kinematics and where the camera is mounted; the cube stands on the table. Nothing is
learned, so it works at first sight, for cubes of one clear colour.
"""

import colorsys
import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import mujoco
import numpy as np

from control.arm import Arm
from control.mounting import Mount
from control.types import Observation

HUE_DEG, SATURATION, VALUE = 18.0, 80, 40  # how far a pixel's hue may lie from the cube's; its least of the others
SMALLEST_PX = 12  # of the blob
FINE = 4  # subpixels to a pixel, of the outlines that are compared
TURNS = np.radians(np.arange(0.0, 90.0, 7.5))
SIGHTED = 0.6


@dataclass(frozen=True)
class Sighting:
    """A cube on the table."""

    cube_m: np.ndarray  # (3,) its centre
    yaw_rad: float  # of a face, in [0, pi / 2)
    overlap: float  # of blob and outline, intersection over union


class Finder(Protocol):
    """Whatever says where the cube is."""

    def find(self, observation: Observation) -> Sighting | None: ...


class CubeFinder:
    """Looks for a cube of a known size and colour.

    Args:
        rgb: the cube's colour, each in [0, 1].
        cube_m: its edge.
        camera: the one on the hand, by name.
    """

    def __init__(self, arm: Arm, mount: Mount, rgb: tuple[float, float, float], cube_m: float, camera: str):
        self._arm, self._mount, self._cube_m, self._camera = arm, mount, cube_m, camera
        self._hue_deg = 360.0 * colorsys.rgb_to_hsv(*rgb)[0]

    def find(self, observation: Observation, least: float = SIGHTED) -> Sighting | None:
        """The cube in the picture, or None where none is, or too much of it is hidden.

        Args:
            least: share of the patch of its colour and of its outline that must be in common.
        """
        picture = self.picture(observation)
        blob = self.blob(picture)
        rows, columns = np.nonzero(blob)
        if len(rows) < SMALLEST_PX:
            return None
        view = View(*self._arm.hand_pose(observation.joints_rad), self._mount, picture.shape[0])
        start = view.on_plane(np.array([columns.mean(), rows.mean()]), self._cube_m / 2)
        if start is None:
            return None
        wanted = cv2.resize(blob, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_NEAREST)
        best = max((self._overlap(view, wanted, (*start[:2], turn)), *start[:2], turn) for turn in TURNS)
        for step in (0.004, 0.002, 0.001, 0.0005):
            best = self._climb(view, wanted, best, step)
        overlap, x, y, yaw = best
        found = Sighting(np.array([x, y, self._cube_m / 2]), float(yaw % (np.pi / 2)), overlap)
        return found if overlap > least else None

    def picture(self, observation: Observation) -> np.ndarray:
        """(H, W, 3) of the camera on the hand."""
        return observation.frames[self._camera].rgb

    def blob(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) uint8: 1 on the largest connected patch of the cube's colour."""
        hue, saturation, value = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV))
        off = np.abs((2.0 * hue - self._hue_deg + 180.0) % 360.0 - 180.0)
        mask = ((off < HUE_DEG) & (saturation > SATURATION) & (value > VALUE)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        if count < 2:
            return mask
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        return (labels == largest).astype(np.uint8)

    def _climb(
        self, view: "View", wanted: np.ndarray, best: tuple[float, float, float, float], step_m: float
    ) -> tuple[float, float, float, float]:
        """Go to better neighbours, `step_m` away or turned by as much at a corner, until there is none."""
        turn = step_m / (self._cube_m / math.sqrt(2))
        while True:
            _, x, y, yaw = best
            ways = ((step_m, 0, 0), (-step_m, 0, 0), (0, step_m, 0), (0, -step_m, 0), (0, 0, turn), (0, 0, -turn))
            poses = [(x + dx, y + dy, yaw + dyaw) for dx, dy, dyaw in ways]
            better = max((self._overlap(view, wanted, pose), *pose) for pose in poses)
            if better[0] <= best[0]:
                return best
            best = better

    def _overlap(self, view: "View", wanted: np.ndarray, pose: tuple[float, float, float]) -> float:
        """Intersection over union of the blob and the cube's outline at x, y, yaw."""
        pixels = view.pixels(corners(self._cube_m, pose))
        if pixels is None:
            return 0.0
        outline = np.zeros_like(wanted)
        hull = cv2.convexHull(np.rint(pixels * FINE + (FINE - 1) / 2).astype(np.int32))
        cv2.fillConvexPoly(outline, hull, 1)
        both = int(cv2.countNonZero(outline & wanted))
        return both / max(1, int(cv2.countNonZero(outline | wanted)))


def corners(cube_m: float, pose: tuple[float, float, float]) -> np.ndarray:
    """(8, 3) of a cube that stands on the table at x, y, yaw, metres."""
    x, y, yaw = pose
    half, cos, sin = cube_m / 2, math.cos(yaw), math.sin(yaw)
    turned = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return CORNERS * half @ turned.T + np.array([x, y, half])


CORNERS = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])


class View:
    """A camera at one moment, seeing a square of `px` pixels.

    Args:
        hand_m, hand: place (3,) and rotation (3, 3) of the hand that carries it.
    """

    def __init__(self, hand_m: np.ndarray, hand: np.ndarray, mount: Mount, px: int):
        quat, matrix = np.empty(4), np.empty(9)
        mujoco.mju_euler2Quat(quat, np.array(mount.euler_rad), "xyz")
        mujoco.mju_quat2Mat(matrix, quat)
        self._eye, self._turned = hand_m + hand @ np.array(mount.pos_m), hand @ matrix.reshape(3, 3)
        self._focal, self._middle = px / 2 / math.tan(math.radians(mount.fovy_deg) / 2), (px - 1) / 2

    def pixels(self, points_m: np.ndarray) -> np.ndarray | None:
        """(N, 2) columns and rows of points (N, 3); None where one lies behind the camera."""
        seen = (points_m - self._eye) @ self._turned
        if (seen[:, 2] > -1e-3).any():
            return None
        flat = seen[:, :2] / -seen[:, 2:] * self._focal
        return self._middle + flat * (1.0, -1.0)

    def on_plane(self, pixel: np.ndarray, height_m: float) -> np.ndarray | None:
        """(3,) where the ray through a pixel meets a height; None where it does not."""
        across, down = (pixel - self._middle) / self._focal
        ray = self._turned @ np.array([across, -down, -1.0])
        if ray[2] > -1e-6:
            return None
        return self._eye + ray * (height_m - self._eye[2]) / ray[2]
