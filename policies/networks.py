"""The network in a file, whatever runs it: PyTorch for .safetensors, ONNX Runtime for .onnx."""

import importlib
from pathlib import Path
from typing import Protocol

import numpy as np

from control.errors import UserError
from policies.actor import load_policy

EXPORTED = ".onnx"


class Network(Protocol):
    """Anything that maps stacked pixels (..., C, H, W) uint8 and proprioception (..., P) to an action (..., A)."""

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray: ...


def load_network(path: Path, device: str = "cpu") -> tuple[Network, dict[str, str]]:
    """The network at `path` and its notes.

    Raises:
        CheckpointError: the file is no whole policy.
        UserError: what runs it is not installed, or not for that device.
    """
    if path.suffix != EXPORTED:
        return load_policy(path, device)
    if device != "cpu":
        raise UserError(f"{path} runs on the processor alone, not on {device}; serve the .safetensors it was made from")
    try:
        exported = importlib.import_module("policies.exported")  # an extra that most do without
    except ModuleNotFoundError as error:
        raise UserError(f'{path} needs the package {error.name}; pip install "twinarm[onnx]"') from None
    loaded: tuple[Network, dict[str, str]] = exported.load(path)
    return loaded
