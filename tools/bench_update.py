"""One DrQ-v2 update at the published sizes: this project's beside the plain published form, on the same batch."""

import copy
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from policies.actor import NetConfig, Shapes
from training.agent_config import AgentConfig, CloningConfig
from training.compute import Layout, Precision
from training.drqv2 import Agent
from training.replay import Batch

BATCH, SHAPES = 256, Shapes((9, 84, 84), 0, 5)
PUBLISHED = NetConfig(channels=32, strides=(2, 1, 1, 1), feature_dim=50, hidden=1024, layer_norm=False)
ALTERNATIONS = 5
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
LAYOUTS: tuple[Layout, ...] = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Size:
    """How large an update is."""

    batch: int
    shapes: Shapes
    net: NetConfig


SIZES = Size(BATCH, SHAPES, PUBLISHED), Size(128, Shapes((3, 64, 64), 7, 5), NetConfig())


def bench_update() -> dict[str, float | str | tuple[float, ...]]:
    """Seconds per update: ours, the plain form, and the ratio of their medians; both take turns, one update each.

    Then ours in every form: at the published size, and with pictures of 64 pixels and a batch of 128.
    """
    torch.set_num_threads(1)  # as training runs; a second thread waits for whoever else uses the machine
    batch = noise_batch(BATCH, SHAPES, np.random.default_rng(0))
    agent = Agent(SHAPES, PUBLISHED, AgentConfig(cloning=CloningConfig(weight=0.0)), seed=0)
    plain = Plain(SHAPES, PUBLISHED)
    times = interleaved({"ours": lambda: agent.update(batch, step=0), "plain": lambda: plain.update(batch, std=1.0)})
    ours, plainly = (statistics.median(times[name]) for name in ("ours", "plain"))
    found: dict[str, float | str | tuple[float, ...]] = {
        "ours_s": ours,
        "plain_s": plainly,
        "ratio": plainly / ours,
        "threads": torch.get_num_threads(),
        "bf16": agent.dtype == torch.bfloat16,
        "layout": agent.layout,
    }
    return found | forms(SIZES)


def forms(sizes: Sequence[Size]) -> dict[str, tuple[float, ...]]:
    """Median seconds per update of each size, in every precision and layout; they take turns."""
    kinds = [(precision, layout) for precision in PRECISIONS for layout in LAYOUTS]
    columns = []
    for size in sizes:
        batch, rounds = noise_batch(size.batch, size.shapes, np.random.default_rng(0)), {}
        for precision, layout in kinds:
            config = AgentConfig(cloning=CloningConfig(weight=0.0), precision=precision, layout=layout)
            agent = Agent(size.shapes, size.net, config, seed=0)
            rounds[f"{precision}, {layout}"] = partial(agent.update, batch, step=0)
        columns.append({name: statistics.median(times) for name, times in interleaved(rounds).items()})
    return {name: tuple(column[name] for column in columns) for name in columns[0]}


def interleaved(rounds: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each call, by name, after one that is not counted; the calls take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(1 + ALTERNATIONS):
        for name, call in rounds.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def noise_batch(size: int, shapes: Shapes, rng: np.random.Generator) -> Batch[np.ndarray]:
    """A batch of noise; an update costs the same whatever it sees."""
    pixels, next_pixels = (rng.integers(0, 256, (size, *shapes.pixels), np.uint8) for _ in range(2))
    proprio, next_proprio = (rng.standard_normal((size, shapes.proprio), np.float32) for _ in range(2))
    action, label = (rng.uniform(-1, 1, (size, shapes.action)).astype(np.float32) for _ in range(2))
    reward, discount = rng.random((size, 1), np.float32), np.full((size, 1), 0.97, np.float32)
    is_demo = np.zeros(size, bool)
    return Batch(pixels, proprio, action, label, is_demo, reward, discount, next_pixels, next_proprio)


class Plain:
    """DrQ-v2 the plain way: float32, contiguous images, a shift by bilinear sampling, one Adam loop for each module.

    The same mathematics as Agent without proprioception, LayerNorm and demonstrations, written independently.
    """

    def __init__(self, shapes: Shapes, net: NetConfig, pad: int = 4) -> None:
        self.pad = pad
        self.encoder, width = plain_encoder(shapes.pixels, net)
        self.actor = nn.ModuleDict({"trunk": plain_trunk(width, net), "head": plain_head(0, shapes.action, net)})
        heads = {name: plain_head(shapes.action, 1, net) for name in ("q1", "q2")}
        self.critic = nn.ModuleDict({"trunk": plain_trunk(width, net), **heads})
        self.target = copy.deepcopy(self.critic)
        self.optimisers = [torch.optim.Adam(m.parameters(), lr=1e-4) for m in (self.encoder, self.actor, self.critic)]

    def update(self, batch: Batch[np.ndarray], std: float) -> dict[str, float]:
        """One update with exploration noise `std`; returns the losses."""
        rows = Batch(*map(torch.from_numpy, batch))
        features = self.encoder(bilinear_shift(rows.pixels.float(), self.pad) / 255 - 0.5)
        with torch.no_grad():
            next_features = self.encoder(bilinear_shift(rows.next_pixels.float(), self.pad) / 255 - 0.5)
            next_action = noisy(self.mean(next_features), std)
            target_q = rows.reward + rows.discount * torch.minimum(*values(self.target, next_features, next_action))
        q1, q2 = values(self.critic, features, rows.action)
        critic_loss = F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)
        self.descend(critic_loss, 0, 2)
        features = features.detach()
        actor_loss = -torch.minimum(*values(self.critic, features, noisy(self.mean(features), std))).mean()
        self.descend(actor_loss, 1)
        for target, value in zip(self.target.parameters(), self.critic.parameters(), strict=True):
            target.data.copy_(0.01 * value.data + 0.99 * target.data)
        return {"critic_loss": critic_loss.item(), "actor_loss": actor_loss.item()}

    def mean(self, features: Tensor) -> Tensor:
        return torch.tanh(self.actor["head"](self.actor["trunk"](features)))

    def descend(self, loss: Tensor, *which: int) -> None:
        for i in which:
            self.optimisers[i].zero_grad()
        loss.backward()
        for i in which:
            self.optimisers[i].step()


def plain_encoder(pixels: tuple[int, int, int], net: NetConfig) -> tuple[nn.Sequential, int]:
    """The convolutions, and how many numbers come out of them."""
    layers: list[nn.Module] = []
    for inputs, stride in zip((pixels[0], *[net.channels] * 3), net.strides, strict=True):
        layers += [nn.Conv2d(inputs, net.channels, 3, stride), nn.ReLU()]
    encoder = nn.Sequential(*layers, nn.Flatten())
    return encoder, encoder(torch.zeros(1, *pixels)).shape[1]


def plain_trunk(width: int, net: NetConfig) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, net.feature_dim), nn.LayerNorm(net.feature_dim), nn.Tanh())


def plain_head(extra: int, outputs: int, net: NetConfig) -> nn.Sequential:
    first, second = nn.Linear(net.feature_dim + extra, net.hidden), nn.Linear(net.hidden, net.hidden)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(net.hidden, outputs))


def values(critic: nn.ModuleDict, features: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    both = torch.cat([critic["trunk"](features), action], dim=1)
    return critic["q1"](both), critic["q2"](both)


def noisy(mean: Tensor, std: float) -> Tensor:
    action = mean + (std * torch.randn_like(mean)).clamp(-0.3, 0.3)
    return action + (action.clamp(-1 + 1e-6, 1 - 1e-6) - action).detach()


def bilinear_shift(images: Tensor, pad: int) -> Tensor:
    """Square `images` (B, C, S, S) float32 padded by repetition and sampled on a grid moved by whole pixels."""
    count, _, side, _ = images.shape
    padded = F.pad(images, (pad,) * 4, mode="replicate")
    full = side + 2 * pad
    line = (2 * torch.arange(side) + 1) / full - 1  # centres of the first `side` pixels, on [-1, 1]
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    moved = grid + torch.randint(0, 2 * pad + 1, (count, 1, 1, 2)) * (2 / full)
    return F.grid_sample(padded, moved, padding_mode="zeros", align_corners=False)
