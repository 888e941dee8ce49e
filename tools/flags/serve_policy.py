"""The flags of `twinarm serve-policy`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Serve a policy until interrupted. Robots ask it with twinarm run ENDPOINT."""

    policy: tyro.conf.Positional[str]
    """A run, a policy.safetensors, or an .onnx of twinarm onnx."""

    endpoint: str
    """Where to listen: ipc:///tmp/policy, or tcp://127.0.0.1:5600."""

    model: str | None = None
    """The robots' MJCF where it is not the SO-101."""

    keys: Path | None = None
    """File of the clients that may come from other machines, as twinarm keys writes it."""

    device: str = "cpu"
    """Of the network: cpu or cuda."""
