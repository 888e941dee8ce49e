"""The network that acts: pixels and proprioception in, an action in [-1, 1] out; saved as safetensors.

B = batch, P = proprioception numbers, A = action numbers. Pixels are uint8 (B, C, H, W), C = channels x stacked frames.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from control.config import require
from control.errors import CheckpointError, ConfigError
from policies.tensors import write

KERNEL = 3
TANH_MARGIN = 1e-6  # a clipped action stays this far inside [-1, 1], as published


class Shapes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes into and out of a network."""

    pixels: tuple[int, int, int]  # (C, H, W), C = channels of one frame x stacked frames
    proprio: int  # P
    action: int  # A


class NetConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The size of encoder, actor and critics."""

    channels: int = 32  # of every convolution
    strides: tuple[int, ...] = (2, 2, 2, 1)  # one 3x3 convolution each; the published ones are (2, 1, 1, 1)
    feature_dim: int = 50  # the trunk's output, where pixels meet proprioception
    hidden: int = 256  # width of the two hidden layers of actor and critics; the published one is 1024
    layer_norm: bool = True  # normalise hidden layers of actor and critics; the published ones do not

    def __post_init__(self) -> None:
        require(min(self.channels, self.feature_dim, self.hidden) >= 1, "channels, feature_dim and hidden must be >= 1")
        require(len(self.strides) >= 1 and min(self.strides) >= 1, f"strides must be >= 1, got {self.strides}")


def image_side(side: int, strides: Sequence[int]) -> int:
    """Rows (or columns) that are left of `side` after the convolutions. Raises ConfigError when none is."""
    left = side
    for stride in strides:
        left = (left - KERNEL) // stride + 1
    if left < 1:
        raise ConfigError(f"{side} pixels are too few for strides {tuple(strides)}; use smaller strides")
    return left


class Encoder(nn.Module):
    """Convolutions over normalised pixels: (B, C, H, W) uint8 -> (B, repr_dim) in the type they are computed in."""

    def __init__(self, pixels: tuple[int, int, int], config: NetConfig) -> None:
        super().__init__()
        channels, height, width = pixels
        self.strides = config.strides
        inputs = (channels, *[config.channels] * (len(config.strides) - 1))
        self.layers = nn.ModuleList(nn.Conv2d(n, config.channels, KERNEL) for n in inputs)
        self.repr_dim = config.channels * image_side(height, config.strides) * image_side(width, config.strides)

    def forward(self, pixels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        # x - 127.5 is exact in bfloat16, x / 255 - 0.5 is not.
        x = pixels.to(dtype).sub_(127.5).div_(255)
        for layer, stride in zip(self.layers, self.strides, strict=True):
            assert isinstance(layer, nn.Conv2d)
            x = F.relu_(F.conv2d(x, layer.weight.to(dtype), layer.bias.to(dtype), stride))  # type: ignore[union-attr]
        return x.permute(0, 2, 3, 1).flatten(1)  # the order that costs nothing in channels_last


def linear(layer: nn.Linear, x: Tensor, dtype: torch.dtype) -> Tensor:
    """`layer` with its product in `dtype`, bias and result in float32."""
    return F.linear(x.to(dtype), layer.weight.to(dtype)).float() + layer.bias


class Trunk(nn.Module):
    """Linear, LayerNorm, Tanh: (B, repr_dim) in any float type -> (B, feature_dim) float32."""

    def __init__(self, repr_dim: int, feature_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(repr_dim, feature_dim)
        self.norm = nn.LayerNorm(feature_dim)

    def forward(self, features: Tensor) -> Tensor:
        return torch.tanh(self.norm(linear(self.linear, features, features.dtype)))


class Head(nn.Module):
    """Two hidden layers; only the wide product between them runs in a narrow type: inputs and outputs keep float32."""

    def __init__(self, inputs: int, outputs: int, config: NetConfig) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, config.hidden), nn.Linear(config.hidden, config.hidden)
        self.norm_first, self.norm_second = (
            nn.LayerNorm(config.hidden) if config.layer_norm else nn.Identity() for _ in range(2)
        )
        self.last = nn.Linear(config.hidden, outputs)

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        x = F.relu(self.norm_first(self.first(x)))
        x = F.relu(self.norm_second(linear(self.second, x, dtype)))
        return self.last(x)


def orthogonal(module: nn.Module) -> None:
    """The published initial weights; for `Module.apply`."""
    if isinstance(module, nn.Linear | nn.Conv2d):
        gain = math.sqrt(2) if isinstance(module, nn.Conv2d) else 1.0
        nn.init.orthogonal_(module.weight, gain)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


class Actor(nn.Module):
    """Features (B, repr_dim) and proprioception (B, P) -> mean action (B, A) in (-1, 1)."""

    def __init__(self, repr_dim: int, shapes: Shapes, config: NetConfig) -> None:
        super().__init__()
        self.trunk = Trunk(repr_dim, config.feature_dim)
        self.head = Head(config.feature_dim + shapes.proprio, shapes.action, config)

    def forward(self, features: Tensor, proprio: Tensor) -> Tensor:
        state = torch.cat([self.trunk(features), proprio], dim=1)
        return torch.tanh(self.head(state, features.dtype))


def truncated_normal(mean: Tensor, std: float, generator: torch.Generator, clip: float) -> Tensor:
    """Mean (B, A) plus N(0, std) noise cut at ±clip, kept inside [-1, 1]; the gradient passes as if uncut."""
    noise = torch.empty_like(mean).normal_(generator=generator).mul_(std).clamp_(-clip, clip)
    action = mean + noise
    inside = action.clamp(-1 + TANH_MARGIN, 1 - TANH_MARGIN)
    return action + (inside - action).detach()


def noisy(action: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    """The action (..., A) plus N(0, std), clipped to [-1, 1]."""
    return (action + std * rng.standard_normal(action.shape, np.float32)).clip(-1, 1)


class PolicyNet(nn.Module):
    """Encoder and actor: all that deployment needs."""

    def __init__(self, shapes: Shapes, config: NetConfig) -> None:
        super().__init__()
        self.shapes, self.config = shapes, config
        self.encoder = Encoder(shapes.pixels, config)
        self.actor = Actor(self.encoder.repr_dim, shapes, config)
        self.apply(orthogonal)

    def forward(self, pixels: Tensor, proprio: Tensor) -> Tensor:
        return self.actor(self.encoder(pixels), proprio)

    @torch.inference_mode()
    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        """Pixels (..., C, H, W) uint8 and proprioception (..., P) float32 -> mean action (..., A) float32.

        Always in float32: at a batch of one the casts cost more than bfloat16 saves.
        """
        device, leading = next(self.parameters()).device, proprio.shape[:-1]
        count = math.prod(leading)
        images = torch.from_numpy(pixels.reshape(count, *self.shapes.pixels)).to(device)
        numbers = torch.from_numpy(proprio.reshape(count, self.shapes.proprio)).to(device)
        return self(images, numbers).cpu().numpy().reshape(*leading, self.shapes.action)


def save_policy(net: PolicyNet, path: Path, notes: dict[str, str]) -> None:
    """Write weights, sizes and `notes` (free text by name) to `path`; no crash or power cut leaves half a file.

    Raises:
        CheckpointError: it cannot be written; what was at `path` is as it was.
    """
    manifest = {"shapes": msgspec.json.encode(net.shapes).decode(), "net": msgspec.json.encode(net.config).decode()}
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    write(path, tensors, manifest | notes, run=path.parent)


def load_policy(path: Path, device: str = "cpu") -> tuple[PolicyNet, dict[str, str]]:
    """The network at `path` and its notes. Raises CheckpointError for a file that is no whole policy."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            notes = dict(file.metadata() or {})
            _refuse_training_checkpoint(path, notes)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        shapes = msgspec.json.decode(notes.pop("shapes"), type=Shapes)
        net = PolicyNet(shapes, msgspec.json.decode(notes.pop("net"), type=NetConfig)).to(device)
        net.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, RuntimeError, msgspec.ValidationError, msgspec.DecodeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not a whole policy ({reason}); name a file that training wrote") from None
    return net, notes


def _refuse_training_checkpoint(path: Path, header: dict[str, str]) -> None:
    if "progress" in header:
        policy = path.absolute().parent.with_name("policy.safetensors")
        raise CheckpointError(f"{path} holds a run's progress, for twinarm resume; its policy is {policy}: use that")
