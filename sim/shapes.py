"""Solids made of triangles: what printed parts and servos are built from. Any length unit; the caller scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

Outline = Sequence[tuple[float, float]]  # a convex polygon, either way round
AXES = "xyz"
CREASE = np.cos(np.radians(35))  # faces that meet at a smaller angle are shaded as one curved surface


@dataclass(frozen=True, eq=False)
class Solid:
    """Triangles with a normal at every corner."""

    corners: np.ndarray  # (T, 3 corners, 3)
    normals: np.ndarray  # (T, 3 corners, 3), unit length, outward

    def moved(self, rotation: np.ndarray, offset: np.ndarray) -> Self:
        """The solid turned by `rotation` (3, 3), then shifted by `offset` (3,)."""
        return type(self)(self.corners @ rotation.T + offset, self.normals @ rotation.T)

    def mirrored(self, axis: str, at: float = 0.0) -> Self:
        """The solid's mirror image in the plane where the coordinate `axis` is `at`."""
        flip = np.where(np.arange(3) == AXES.index(axis), -1.0, 1.0)
        corners = self.corners * flip + 2 * at * (flip < 0)
        return type(self)(corners[:, ::-1], (self.normals * flip)[:, ::-1])


def join(solids: Sequence[Solid]) -> Solid:
    return Solid(np.concatenate([s.corners for s in solids]), np.concatenate([s.normals for s in solids]))


def loft(axis: str, sections: Sequence[tuple[float, Outline]]) -> Solid:
    """A skin over outlines at increasing positions along `axis`, closed at both ends.

    Outlines hold as many points each, in the other two axes' alphabetical order.
    """
    rings = np.array([_ring(axis, at, outline) for at, outline in sections])  # (k, n, 3)
    following = np.roll(rings, -1, axis=1)
    sides = [(rings[:-1], following[:-1], following[1:]), (rings[:-1], following[1:], rings[1:])]
    triangles = [np.stack(side, axis=2).reshape(-1, 3, 3) for side in sides]
    return _shaded(_outward(np.concatenate([*triangles, _fan(rings[0])[:, ::-1], _fan(rings[-1])])))


def prism(axis: str, low: float, high: float, outline: Outline, bevel: float = 0.0) -> Solid:
    """An outline drawn out along `axis` from `low` to `high`, its two rims chamfered by `bevel`."""
    if not bevel:
        return loft(axis, [(low, outline), (high, outline)])
    small = inset(outline, bevel)
    return loft(axis, [(low, small), (low + bevel, outline), (high - bevel, outline), (high, small)])


def decal(axis: str, at: float, outline: Outline, facing: int = 1) -> Solid:
    """A flat polygon that faces up (1) or down (-1) the axis."""
    triangles = _fan(_ring(axis, at, outline))
    normal = np.zeros(3)
    normal[AXES.index(axis)] = facing
    if np.cross(triangles[0, 1] - triangles[0, 0], triangles[0, 2] - triangles[0, 0]) @ normal < 0:
        triangles = triangles[:, ::-1]
    return Solid(triangles, np.broadcast_to(normal, triangles.shape))


def rect(u0: float, u1: float, v0: float, v1: float) -> Outline:
    return [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]


def rounded(u0: float, u1: float, v0: float, v1: float, radius: float, steps: int = 3) -> Outline:
    """A rectangle with round corners."""
    centres = rect(u1 - radius, u0 + radius, v1 - radius, v0 + radius)
    quarter = np.pi / 2
    return [p for i, (u, v) in enumerate(centres) for p in arc(u, v, radius, i * quarter, (i + 1) * quarter, steps)]


def disc(u: float, v: float, radius: float, points: int = 12) -> Outline:
    return arc(u, v, radius, 0.0, 2 * np.pi * (1 - 1 / points), points - 1)


def arc(u: float, v: float, radius: float, start_rad: float, stop_rad: float, steps: int) -> Outline:
    angles = np.linspace(start_rad, stop_rad, steps + 1)
    return [(u + radius * np.cos(a), v + radius * np.sin(a)) for a in angles]


def inset(outline: Outline, by: float) -> Outline:
    """A convex outline with every edge moved inward."""
    points = np.array(outline)
    edges = np.roll(points, -1, axis=0) - points
    normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1) / np.linalg.norm(edges, axis=1, keepdims=True)
    centre = points.mean(axis=0)
    normals *= np.sign(((centre - points) * normals).sum(axis=1, keepdims=True))
    before = np.roll(normals, 1, axis=0)
    corner = (normals + before) / (1 + (normals * before).sum(axis=1, keepdims=True))
    return [(u, v) for u, v in points + by * corner]


def _ring(axis: str, at: float, outline: Outline) -> np.ndarray:
    """The outline's points (n, 3) in space."""
    return np.insert(np.array(outline, dtype=float), AXES.index(axis), at, axis=1)


def _fan(ring: np.ndarray) -> np.ndarray:
    """Triangles (n - 2, 3, 3) that fill a convex ring (n, 3)."""
    first = np.broadcast_to(ring[0], ring[2:].shape)
    return np.stack([first, ring[1:-1], ring[2:]], axis=1)


def _outward(triangles: np.ndarray) -> np.ndarray:
    """The triangles of a closed skin, all turned if their normals point inward."""
    volume = np.einsum("ti,ti->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2]))
    return triangles if volume > 0 else triangles[:, ::-1]


def _shaded(triangles: np.ndarray) -> Solid:
    """The triangles with normals that are smooth across gentle edges and sharp across creases."""
    faces = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])  # length: twice the area
    solid = np.linalg.norm(faces, axis=1) > 1e-6
    triangles, faces = triangles[solid], faces[solid]
    units = faces / np.linalg.norm(faces, axis=1, keepdims=True)
    points = triangles.reshape(-1, 3)
    touching = (np.abs(points[:, None] - points[None]) < 1e-6).all(axis=2)  # corner by corner
    gentle = np.repeat(np.repeat(units @ units.T > CREASE, 3, axis=0), 3, axis=1)
    normals = (touching & gentle) @ np.repeat(faces, 3, axis=0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Solid(triangles, normals.reshape(-1, 3, 3))
