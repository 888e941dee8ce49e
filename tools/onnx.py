"""`twinarm onnx`: a trained policy as an ONNX file."""

from pathlib import Path

import numpy as np
from rich.console import Console

from control.errors import CheckpointError, UserError
from policies.actor import PolicyNet, load_policy
from policies.exported import load
from policies.graph import exported
from policies.learned import read_notes
from policies.networks import EXPORTED
from tools.flags.onnx import Arguments
from tools.players import policy_file

CLOSE = 1e-5  # in actions that reach from -1 to 1
LOOKS = 64


def main(arguments: Arguments) -> None:
    """Write it beside its place, compare, and only then give it its name."""
    if arguments.output.suffix != EXPORTED:
        raise UserError(f"--output must end in {EXPORTED}, got {arguments.output}")
    if arguments.output.exists():
        raise UserError(f"{arguments.output} exists already; give --output another name")
    path = policy_file(arguments.policy)
    network, header = load_policy(path)
    read_notes(path, header)
    part = arguments.output.with_name(arguments.output.name + ".part")
    part.write_bytes(exported(network, header))
    apart = difference(network, part)
    if apart > CLOSE:
        raise CheckpointError(f"{part} acts up to {apart:.1e} unlike {path}, more than {CLOSE:g}; it was not named")
    part.rename(arguments.output)
    Console(stderr=True).print(
        f"{arguments.output}: {LOOKS} random observations, actions within {apart:.1e} of {path}", soft_wrap=True
    )


def difference(network: PolicyNet, path: Path, looks: int = LOOKS, seed: int = 0) -> float:
    """The farthest that an action of the file at `path` is from the network's own, over random observations."""
    pixels, proprio = random_looks(network, looks, seed)
    return float(np.abs(network.act(pixels, proprio) - load(path)[0].act(pixels, proprio)).max())


def random_looks(network: PolicyNet, looks: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What `looks` observations make of themselves: pixels (N, C, H, W) uint8, proprioception (N, P) float32."""
    rng, shapes = np.random.default_rng(seed), network.shapes
    pixels = rng.integers(0, 256, (looks, *shapes.pixels), np.uint8)
    return pixels, rng.standard_normal((looks, shapes.proprio), np.float32)
