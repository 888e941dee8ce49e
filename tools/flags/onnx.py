"""The flags of `twinarm onnx`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Write a trained policy as an ONNX file, which run, eval and serve-policy take as they take the other."""

    policy: tyro.conf.Positional[str]
    """A run, or a policy.safetensors."""

    output: Path
    """File to write, such as policy.onnx; an existing one is left alone."""
