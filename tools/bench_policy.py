"""One action of a policy: PyTorch and ONNX Runtime, the same weights, the same observations."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from control.arm import Arm
from policies.actor import PolicyNet
from policies.exported import load
from policies.graph import exported
from policies.learned import shapes_for
from policies.networks import Network
from policies.spaces import Spaces
from tools.bench_wire import interleaved
from tools.onnx import difference, random_looks
from tools.shipped import EXPERIMENT, FAST
from training import settings

LOOKS = 500


def bench_policy(blocks: int = 3) -> dict[str, float]:
    """Milliseconds for one observation in either, each with one thread, for the networks of two configurations; and the
    farthest that their actions are apart."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            f"{name} {figure}": value
            for name, config in (("fast", FAST), ("experiment", EXPERIMENT))
            for figure, value in both(network_of(config), blocks).items()
        }
    finally:
        torch.set_num_threads(threads)


def network_of(name: str) -> PolicyNet:
    """An untaught network of that configuration's sizes."""
    config = settings.load(name)
    torch.manual_seed(0)
    return PolicyNet(shapes_for(Spaces(config.spaces, Arm.of(config.robot.model))), config.net)


def both(network: PolicyNet, blocks: int) -> dict[str, float]:
    """Figures of the network, and of the file made from it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.onnx"
        path.write_bytes(exported(network, {}))
        apart, (runtime, _) = difference(network, path, LOOKS), load(path)
    pixels, proprio = random_looks(network, 1, 0)
    ways: dict[str, Network] = {"torch": network, "onnx": runtime}
    times = interleaved({name: partial(way.act, pixels[0], proprio[0]) for name, way in ways.items()}, blocks)
    figures = {f"{n} ms p{share}": 1e3 * float(np.percentile(t, share)) for n, t in times.items() for share in (50, 99)}
    return figures | {"actions apart": apart}
