"""Wild: how one arm, one cube and one room differ from another, drawn from a reset's seed.

Every value is drawn, whichever factors are in force, so that the same seed gives a factor the same values alone as
among others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import msgspec
import numpy as np

from control import config
from control.errors import UserError
from control.governor import TICK_S
from control.types import JOINTS
from sim import textures

FACTORS = ("cube", "colour", "table", "light", "camera", "picture", "servo", "delay", "late")
STREAM = 2  # of random numbers: the scene is drawn from the seed itself, a teacher's noise from stream 1
Range = tuple[float, float]


class CubeRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size_m: Range
    mass_kg: Range
    friction: Range


class ColourRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    saturation: Range
    value: Range


class TableRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    saturation: Range
    value: Range
    textured: float  # share of the draws


class LightRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ambient: Range
    sun: Range
    tilt_rad: Range
    shadows: bool


class CameraRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shift_m: float
    turn_rad: float
    fovy_deg: float


class PictureRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brightness: float
    contrast: Range
    hue: float
    blur_px: Range
    noise: Range


class ServoRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kp: Range
    backlash_rad: Range
    zero_rad: float


class DelayRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action: tuple[int, int]
    camera: tuple[int, int]


class LateRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    action_s: Range
    camera_s: Range


class Ranges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of configs/wild.yaml, factor by factor."""

    cube: CubeRanges
    colour: ColourRanges
    table: TableRanges
    light: LightRanges
    camera: CameraRanges
    picture: PictureRanges
    servo: ServoRanges
    delay: DelayRanges
    late: LateRanges


@dataclass(frozen=True)
class Cube:
    size_m: float
    mass_kg: float
    friction: float


@dataclass(frozen=True)
class Table:
    rgb: np.ndarray  # (3,)
    texture: str  # of textures.PATTERNS; empty for none


@dataclass(frozen=True)
class Light:
    ambient: float
    sun: float
    direction: np.ndarray  # (3,)
    shadows: bool


@dataclass(frozen=True)
class Camera:
    shift_m: np.ndarray  # (3,)
    turn_rad: np.ndarray  # (3,)
    fovy_deg: float


@dataclass(frozen=True)
class Picture:
    brightness: float
    contrast: float
    hue: float
    blur_px: float
    noise: float


@dataclass(frozen=True)
class Servo:
    kp: float
    backlash_rad: np.ndarray  # (J,)
    zero_rad: np.ndarray  # (J,) what the encoder says beyond the truth


@dataclass(frozen=True)
class Delay:
    action: int  # control steps
    camera: int


@dataclass(frozen=True)
class Late:
    action_s: float
    camera_s: float


@dataclass(frozen=True)
class Draw:
    """One arm in one room; None where a factor is as the configuration says."""

    cube: Cube | None = None
    colour: np.ndarray | None = None  # (3,) of the cube
    table: Table | None = None
    light: Light | None = None
    camera: Camera | None = None
    picture: Picture | None = None
    servo: Servo | None = None
    delay: Delay | None = None
    late: Late | None = None

    def ticks_late(self, period: int) -> tuple[int, int]:
        """By how many ticks commands and pictures come late, where `period` ticks are a control period; `delay`
        overrules `late`."""
        if self.delay:
            return period * self.delay.action, period * self.delay.camera
        if self.late:
            return round(self.late.action_s / TICK_S), round(self.late.camera_s / TICK_S)
        return 0, 0


TAME = Draw()


def ranges() -> Ranges:
    """What configs/wild.yaml says. Raises ConfigError naming the key at fault."""
    return config.build(Ranges, config.shipped("wild.yaml"), "wild.yaml")


def draw(given: Ranges, seed: int, factors: Sequence[str]) -> Draw:
    """The arm and room of a reset's seed, wild in `factors` alone. Raises UserError for a factor that is none."""
    if unknown := [name for name in factors if name not in FACTORS]:
        raise UserError(f"no wild factor {', '.join(unknown)}; there are: {', '.join(FACTORS)}")
    rng = np.random.default_rng([seed, STREAM])
    whole = _draw(given, rng)
    return replace(whole, **{name: None for name in FACTORS if name not in factors})


def _draw(r: Ranges, rng: np.random.Generator) -> Draw:
    tilt, side = rng.uniform(*r.light.tilt_rad), rng.uniform(-np.pi, np.pi)
    down = np.array([np.sin(tilt) * np.cos(side), np.sin(tilt) * np.sin(side), -np.cos(tilt)])
    texture = str(rng.choice([*textures.PATTERNS])) if rng.random() < r.table.textured else ""
    return Draw(
        cube=Cube(rng.uniform(*r.cube.size_m), rng.uniform(*r.cube.mass_kg), rng.uniform(*r.cube.friction)),
        colour=_colour(rng, r.colour.saturation, r.colour.value),
        table=Table(_colour(rng, r.table.saturation, r.table.value), texture),
        light=Light(rng.uniform(*r.light.ambient), rng.uniform(*r.light.sun), down, r.light.shadows),
        camera=Camera(
            _either(rng, r.camera.shift_m, 3),
            _either(rng, r.camera.turn_rad, 3),
            float(_either(rng, r.camera.fovy_deg)),
        ),
        picture=Picture(
            float(_either(rng, r.picture.brightness)),
            rng.uniform(*r.picture.contrast),
            float(_either(rng, r.picture.hue)),
            rng.uniform(*r.picture.blur_px),
            rng.uniform(*r.picture.noise),
        ),
        servo=Servo(
            float(np.exp(rng.uniform(*np.log(r.servo.kp)))),
            rng.uniform(*r.servo.backlash_rad, len(JOINTS)),
            _either(rng, r.servo.zero_rad, len(JOINTS)),
        ),
        delay=Delay(
            int(rng.integers(*r.delay.action, endpoint=True)), int(rng.integers(*r.delay.camera, endpoint=True))
        ),
        late=Late(rng.uniform(*r.late.action_s), rng.uniform(*r.late.camera_s)),
    )


def _colour(rng: np.random.Generator, saturation: Range, value: Range) -> np.ndarray:
    """Any hue: red, green and blue in [0, 1], (3,)."""
    hsv = np.array([[[360 * rng.random(), rng.uniform(*saturation), rng.uniform(*value)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(float)


def _either(rng: np.random.Generator, most: float, size: int | None = None) -> np.ndarray:
    return np.asarray(rng.uniform(-most, most, size))
