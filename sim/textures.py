"""Patterns that a table may have: grey, to be tinted by the colour of their material."""

import cv2
import mujoco
import numpy as np

PREFIX = "lift/table/"  # of the materials' names
SIDE = 128  # pixels of a pattern, which repeats every 20 cm


def add(spec: mujoco.MjSpec) -> None:
    """One material for every pattern, used by nothing yet."""
    for name, pattern in PATTERNS.items():
        grey = (255 * pattern(np.random.default_rng(0)).clip(0, 1)).astype(np.uint8)
        texture = spec.add_texture(name=PREFIX + name, type=mujoco.mjtTexture.mjTEXTURE_2D, nchannel=3)
        texture.height, texture.width = grey.shape
        texture.data = np.repeat(grey[..., None], 3, axis=2).tobytes()
        material = spec.add_material(name=PREFIX + name, texrepeat=[5, 5], texuniform=True)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = PREFIX + name


def _checks(rng: np.random.Generator) -> np.ndarray:
    return np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((SIDE // 8, SIDE // 8))) * 0.35 + 0.5


def _speckles(rng: np.random.Generator) -> np.ndarray:
    return 0.8 - 0.4 * (rng.random((SIDE, SIDE)) < 0.08)


def _planks(rng: np.random.Generator) -> np.ndarray:
    grain = np.repeat(np.cumsum(rng.normal(0, 0.06, SIDE))[:, None] % 0.3, SIDE, axis=1)
    return 0.6 + grain - 0.25 * (np.arange(SIDE)[:, None] % 32 < 2)


def _blotches(rng: np.random.Generator) -> np.ndarray:
    return 0.5 + 0.45 * cv2.resize(rng.random((9, 9)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _weave(rng: np.random.Generator) -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE)) // 4
    return 0.65 + 0.25 * ((rows % 2 == 0) ^ (columns % 3 == 0)) - 0.1 * rng.random((SIDE, SIDE))


PATTERNS = {"checks": _checks, "speckles": _speckles, "planks": _planks, "blotches": _blotches, "weave": _weave}
