"""Generated solids are closed, face outward and hold the volume they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import parts
from sim.shapes import Solid, decal, disc, inset, prism, rect, rounded

SIZES = st.floats(2.0, 80.0)
AXES = st.sampled_from("xyz")


def volume(solid: Solid) -> float:
    """Signed: positive where the triangles face outward."""
    a, b, c = solid.corners.transpose(1, 0, 2)
    return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6)


def area(outline) -> float:
    (u, v), (u1, v1) = np.array(outline).T, np.roll(np.array(outline), -1, axis=0).T
    return float(abs((u * v1 - v * u1).sum()) / 2)


def edges(solid: Solid) -> np.ndarray:
    """Every directed edge of every triangle, (3 T, 6), to the micrometre."""
    corners = solid.corners.round(6) + 0.0  # no -0.0
    return np.concatenate([np.concatenate([corners[:, i], corners[:, (i + 1) % 3]], axis=1) for i in range(3)])


@given(axis=AXES, width=SIZES, depth=SIZES, height=SIZES, backward=st.booleans())
def test_a_prism_holds_its_outline_times_its_height_whichever_way_round_it_is_given(
    axis, width, depth, height, backward
):
    outline = rect(3, 3 + width, -1, depth - 1)[:: -1 if backward else 1]
    solid = prism(axis, 5, 5 + height, outline)
    assert volume(solid) == pytest.approx(width * depth * height)
    assert volume(solid.mirrored(axis, 7)) == pytest.approx(width * depth * height)


@given(axis=AXES, radius=st.floats(5, 50), bevel=st.floats(0.1, 2.0))
def test_a_bevelled_prism_is_closed_and_smaller_by_its_rims(axis, radius, bevel):
    outline = disc(0, 0, radius)
    solid = prism(axis, 0, 20, outline, bevel)
    forward = edges(solid)
    backward = np.concatenate([forward[:, 3:], forward[:, :3]], axis=1)
    assert {tuple(edge) for edge in forward} == {tuple(edge) for edge in backward}
    assert area(inset(outline, bevel)) * 20 < volume(solid) < area(outline) * 20


@given(by=st.floats(0.1, 2.0))
def test_an_inset_moves_every_side_by_as_much(by):
    assert np.array(inset(rect(0, 10, 0, 20), by)) == pytest.approx(np.array(rect(by, 10 - by, by, 20 - by)))


def test_a_rounded_rectangle_keeps_its_extent_and_loses_its_corners():
    outline = rounded(-10, 10, 0, 8, 3, steps=24)
    assert np.array(outline).min(axis=0) == pytest.approx([-10, 0])
    assert np.array(outline).max(axis=0) == pytest.approx([10, 8])
    assert area(outline) == pytest.approx(20 * 8 - (4 - np.pi) * 9, rel=1e-3)


def test_curved_sides_are_shaded_smoothly_and_rims_sharply():
    rod = prism("z", 0, 10, disc(0, 0, 5, 24))
    side = np.abs(rod.normals[..., 2]) < 0.5
    radial = rod.corners[side][:, :2] / 5
    assert rod.normals[side][:, :2] == pytest.approx(radial, abs=0.05)  # a flat facet would be off by 0.13
    assert np.abs(rod.normals[~side][:, 2]) == pytest.approx(1.0)


@pytest.mark.parametrize("facing", [1, -1])
@pytest.mark.parametrize("axis", "xyz")
def test_a_decal_is_wound_the_way_it_faces(axis, facing):
    (a, b, c), normal = decal(axis, 2.0, disc(0, 0, 1, 6), facing).corners[0], "xyz".index(axis)
    assert np.sign(np.cross(b - a, c - a)[normal]) == facing


@pytest.mark.parametrize("name", parts.PRINTED)
def test_every_printed_part_has_normals_of_unit_length_along_its_faces(name):
    part = parts.printed(name)
    a, b, c = part.corners.transpose(1, 0, 2)
    faces = np.cross(b - a, c - a)
    assert np.linalg.norm(part.normals, axis=2) == pytest.approx(1.0)
    assert (np.einsum("tci,ti->tc", part.normals, faces) > 0).all()
