"""The SO-101's parts as generated solids, millimetres, after the drawings of the printed parts.

`PRINTED` holds each part by its name in the facts, in the frame of the body it belongs to, where it fills the bounding
box that the facts give. `HOLES` are the dark marks on a body: screw holes and vents.
"""

from collections.abc import Callable
from functools import cache
from math import pi

from sim.shapes import Outline, Solid, arc, decal, disc, inset, join, loft, prism, rect, rounded

FORK_MIDDLE = 18.2  # z half way between the two tips of a fork, in the frames of the bodies that are forks
JAW_MIDDLE = 18.9  # the same of the moving jaw
# Cross-sections of the fingers, tip first: where along the finger, x from and to, half the width.
FIXED_FINGER = (
    (-104.4, -13.8, -10.4, 2.0),
    (-102.5, -14.6, -10.2, 4.2),
    (-97.0, -16.4, -10.2, 6.0),
    (-85.0, -20.2, -10.4, 7.4),
    (-66.0, -26.6, -12.6, 8.6),
    (-52.0, -31.4, -13.6, 10.0),
    (-43.0, -34.6, -14.4, 12.4),
    (-36.0, -35.2, -14.4, 15.4),
    (-11.0, -35.2, -14.4, 16.0),
)
MOVING_FINGER = (
    (-82.0, -11.2, -8.2, 2.0),
    (-80.0, -11.0, -5.8, 3.8),
    (-75.0, -10.0, -3.6, 5.4),
    (-67.0, -8.6, 0.5, 6.5),
    (-60.0, -7.6, 3.8, 7.2),
    (-45.0, -8.0, 5.4, 8.3),
    (-30.0, -8.2, 7.3, 9.6),
    (-24.0, -8.6, 8.0, 12.0),
    (-21.0, -9.6, 8.3, 16.0),
    (-15.0, -9.8, 8.4, 17.0),
)


@cache
def printed(name: str) -> Solid:
    """The printed part that the facts call `name`, in its body's frame."""
    return join(PRINTED[name]())


@cache
def servo() -> Solid:
    """An STS3215 about the middle of its bounding box: the case along z, the horn at +y, 12.5 mm from the middle."""
    case = [(-12.4, -22.7), (12.4, -22.7), (12.4, 19.7), (9.4, 22.7), (-9.4, 22.7), (-12.4, 19.7)]
    horn = disc(0, 12.5, 10.2)
    return join([prism("y", -16, 14.5, case, 0.8), prism("y", 14.5, 19, horn), prism("y", -19, -16, horn)])


@cache
def camera_module() -> Solid:
    """A board and a lens whose front is the eye, in the camera's frame: it looks along -z."""
    return join([prism("z", 1, 10, disc(0, 0, 7), 1), prism("z", 9, 12, rounded(-13, 13, -13, 13, 2, 1))])


def _both(axis: str, at: float, *solids: Solid) -> list[Solid]:
    """Solids and their mirror images."""
    return [*solids, *(solid.mirrored(axis, at) for solid in solids)]


def _tip(to: float, radius: float = 12.0) -> Outline:
    """A fork's end: half round about the joint at the origin, straight to u = `to` < 0."""
    return [(to, -radius), *arc(0, 0, radius, -pi / 2, pi / 2, 6), (to, radius)]


def _base() -> list[Solid]:
    wing = [(-6, 9), (19, 9), (52, 16), (64.6, 24), (64.6, 32), (26, 55.5), (15, 55.5), (-6, 43)]
    foot = prism("z", 0, 15, wing, 2), prism("z", 0, 15, rect(-22.4, 0, 9, 43), 2)
    post = prism("z", 0, 37, rect(-22.4, 19, 9, 22))
    lid = [(-22.4, -17.5), (10, -17.5), (24, -11), (24, 11), (10, 17.5), (-22.4, 17.5)]
    return [
        *_both("y", 0, *foot, post),
        prism("z", 0, 7, rect(-22.4, 0, -10, 10)),
        prism("z", 24, 37, rect(-22.4, 0, -22, 22)),
        prism("z", 55, 69.6, lid, 2),
    ]


def _base_motor_holder() -> list[Solid]:
    ring = [(-27, -22), (5, -22), (51, -16), (53, -14), (53, 14), (51, 16), (5, 22), (-27, 22)]
    return [prism("z", 35.7, 56, ring, 1.5), prism("z", 50, 67, rounded(-27, 6, -22, 22, 3, 2), 1.5)]


def _mounting_plate() -> list[Solid]:
    return [prism("x", -31, -23.4, rounded(-25.7, 25.3, 26.4, 68.4, 8), 1.5)]


def _rotation_pitch() -> list[Solid]:
    web = [(-47.6, -19), (-40, -19.5), (-23, -13.4), (-23, 13.4), (-40, 19.5), (-47.6, 19)]
    cap = [(-36, -14), (-33, -14), (-18, -11), (-18, 11), (-33, 14), (-36, 14)]
    taper = [(-40, -19), (-14, -11), (-14, 11), (-40, 19)]
    return [
        loft("z", [(-38, web), (35, web), (46.2, cap)]),
        prism("z", -10, 1, taper),
        prism("z", 35.5, 45, [(-38, -17), (-14, -11), (-14, 11), (-38, 17)], 1),
        prism("z", -10, 0, _tip(-20), 2.5),
        prism("z", 36.4, 46.2, _tip(-20), 2.5),
    ]


def _motor_holder_base() -> list[Solid]:
    return [prism("z", -38, -10, rounded(-50.6, -14.5, -26.4, 26, 7), 1.5)]


def _upper_arm() -> list[Solid]:
    rail = prism("y", -12, 12, rect(-130.2, -76, -7, 10), 2.5)
    flare = prism("y", -12, 12, [(-92, -7), (-62, -13.5), (-58, -13.5), (-58, 10), (-92, 10)], 2.5)
    leg = prism("y", -12, 12, [(-62, -13.5), (-14, -13.5), (-14, 0), (-22, 1.5), (-45, 10.5), (-62, 17)], 2.5)
    tip = prism("z", -13.5, 0, _tip(-25), 2.5)
    middle = [(-76, -4), (-54, -4), (-49.5, 13), (-49.5, 23.4), (-54, 40), (-76, 40)]
    return [
        *_both("z", FORK_MIDDLE, rail, flare, leg, tip),
        prism("y", -12, 12, middle, 2.5),
        prism("y", 5, 12, rect(-130.2, -94, -5, 41), 1),
        prism("z", 49, 53.8, rect(-26, -16, -6, 6), 1),
    ]


def _under_arm() -> list[Solid]:
    rail = prism("y", -12, 12, rect(-118.7, -66, -8, 10), 2.5)
    slanted = [(min(u, -11 + u / 9), v * 0.9) for u, v in _tip(-25)]
    leg = prism("y", -12, 12, [(-51, -8), (-42, -12), (-14, -12), (-14, 0), (-22, 1.5), (-45, 10.5), (-55, 15)], 2.5)
    return [
        *_both("z", FORK_MIDDLE, rail, leg),
        prism("z", -12, 0, _tip(-25), 2.5),
        loft("z", [(36.4, inset(_tip(-25), 0.5)), (39, _tip(-25)), (48.4, slanted)]),
        prism("y", -12, 12, [(-70, -4), (-54, -4), (-49.5, 13), (-49.5, 23.4), (-54, 40), (-70, 40)], 2.5),
        prism("z", 47, 52.4, rect(-21, -11, -6, 6), 1),
    ]


def _motor_holder_wrist() -> list[Solid]:
    return [prism("x", -118.7, -90.7, rounded(-15, 20.5, -8.2, 44.5, 8), 1.5)]


def _wrist_roll_pitch() -> list[Solid]:
    cheek = [(-62, 53.3), (-62, 36), (-57, 20), (-50, 7), (-40, -4), (-33, -9), (-23, -9), (-23, 53.3)]
    chin = [(-50, 7), (-40, -4), (-33, -9), (-23, -9), (-21, 7)]
    neck = [(-26, 36), (-5, 36), (-5, 45), (-13, 46.5), (-20, 50.5), (-26, 53.3)]
    turned = [(v, u) for u, v in _tip(-30)]
    return [
        *_both("x", 0, prism("x", 11.8, 15.5, cheek, 1)),
        prism("x", -15, 15, chin, 2),
        prism("y", -62, -58, rect(-15, 15, 33, 53.3), 1),
        prism("y", -26, -22, rect(-14, 14, -5, 36), 1),
        prism("x", -12, 12, neck, 2),
        prism("z", -9, 0, turned, 2.5),
        prism("z", 36.4, 45, [(u, max(v, -14)) for u, v in turned], 2.5),
    ]


def _fixed_jaw() -> list[Solid]:
    plate = [(-26, -15.5), (-13, -24), (23, -24), (30, -17), (30, 17), (23, 24), (-13, 24), (-26, 15.5)]
    hood = [(-24, -12), (4, -12), (-5, -37), (-20, -37), (-24, -34)]
    return [
        prism("z", -6, 1, disc(0, 0, 12, 16), 1),
        prism("z", -11.5, -5, plate, 2),
        prism("z", -12, -5, rect(-35.2, -20, -16, 16), 2),
        prism("y", -24, 24, hood, 3),
        loft("z", [(z, _octagon(outer, inner, -half, half)) for z, outer, inner, half in FIXED_FINGER]),
    ]


def _moving_jaw() -> list[Solid]:
    ear = [(-10, -22), (8.3, -22), *arc(0, 0, 10, 0, pi, 6)]
    return [
        *_both("z", JAW_MIDDLE, prism("z", -5, 0.5, ear, 1.2), prism("y", -22, -15, rect(-9.9, 8.3, -1, 19), 1.5)),
        loft(
            "y",
            [
                (y, _octagon(inner, outer, JAW_MIDDLE - half, JAW_MIDDLE + half))
                for y, inner, outer, half in MOVING_FINGER
            ],
        ),
    ]


def _octagon(u0: float, u1: float, v0: float, v1: float) -> Outline:
    """A rectangle with its corners cut."""
    cut = 0.28 * min(u1 - u0, v1 - v0)
    return [
        *((u0 + cut, v0), (u1 - cut, v0), (u1, v0 + cut), (u1, v1 - cut)),
        *((u1 - cut, v1), (u0 + cut, v1), (u0, v1 - cut), (u0, v0 + cut)),
    ]


def _camera_mount() -> list[Solid]:
    bar = [(43.5, -32.4), (47, -32.4), (78, -53.1), (80.5, -49.4), (49, -28.2), (43.5, -28.2)]
    return [
        prism("x", -12, 10.5, [(24, -32.4), (27, -32.4), (27, -18.5), (24, -18.5)]),
        prism("x", -12, 10.5, rect(24, 46, -32.4, -28)),
        prism("x", -21.5, -11.3, bar),
        prism("x", 9.3, 19.5, bar),
        prism("x", -12, 10, [(43.5, -32.4), (47, -32.4), (50, -34.4), (53, -30.8), (49, -28.2), (43.5, -28.2)]),
        prism("x", -12, 10, [(69, -47.1), (78, -53.1), (80.5, -49.4), (71.5, -43.3)]),
    ]


PRINTED: dict[str, Callable[[], list[Solid]]] = {
    "base_so101_v2": _base,
    "base_motor_holder_so101_v1": _base_motor_holder,
    "waveshare_mounting_plate_so101_v2": _mounting_plate,
    "rotation_pitch_so101_v1": _rotation_pitch,
    "motor_holder_so101_base_v1": _motor_holder_base,
    "upper_arm_so101_v1": _upper_arm,
    "under_arm_so101_v1": _under_arm,
    "motor_holder_so101_wrist_v1": _motor_holder_wrist,
    "wrist_roll_pitch_so101_v2": _wrist_roll_pitch,
    "wrist_roll_follower_so101_v1": _fixed_jaw,
    "wrist_roll_follower_so101_camera_mount": _camera_mount,
    "moving_jaw_so101_v1": _moving_jaw,
}


def _screws(axis: str, at: float, facing: int, spread: float = 5.0) -> list[Solid]:
    places = [(u, v) for u in (-spread, spread) for v in (-spread, spread)]
    return [decal(axis, at, disc(u, v, 1.5, 6), facing) for u, v in places]


def _fork_holes(low: float, high: float) -> list[Solid]:
    return _screws("z", low - 0.1, -1) + _screws("z", high + 0.1, 1)


def _vents(x: float) -> list[Solid]:
    """Slanted openings in both cheeks of the wrist, over the servo."""
    first = [(-55, 36), (-50.5, 31.5), (-42, 41), (-42, 45), (-46, 45)]
    second = [(y + 14, z) for y, z in first]
    return [decal("x", side * x, vent, side) for side in (-1, 1) for vent in (first, second)]


def _diamonds(axis: str, at: float, facing: int, us: range, vs: range, radius: float = 2.4) -> list[Solid]:
    return [decal(axis, at, disc(u, v, radius, 4), facing) for u in us for v in vs]


HOLES: dict[str, Callable[[], list[Solid]]] = {
    "base": lambda: [prism("x", -33.5, -31, rect(-20, 20, 31, 64))],
    "shoulder": lambda: _diamonds("x", -50.7, -1, range(-12, 13, 8), range(-29, -18, 10)),
    "upper_arm": lambda: _fork_holes(-13.5, 49.9) + _diamonds("y", 12.1, 1, range(-123, -98, 8), range(6, 31, 8)),
    "lower_arm": lambda: _screws("z", -12.1, -1) + _diamonds("y", -15.1, -1, range(-110, -98, 10), range(6, 31, 8)),
    "wrist": lambda: _fork_holes(-9.0, 45.0) + _vents(15.6),
    "moving_jaw": lambda: _fork_holes(-5.0, 42.8),
}
