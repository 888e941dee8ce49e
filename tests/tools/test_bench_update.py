"""The plain form that the benchmark measures against is the same mathematics as the agent."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from policies.actor import Head, NetConfig, Shapes, Trunk
from tools.bench_update import Plain, Size, bilinear_shift, forms, noise_batch
from training.agent_config import AgentConfig, CloningConfig, NoiseConfig
from training.augment import random_shift
from training.compute import LAYOUTS
from training.drqv2 import Agent

SHAPES, NET = Shapes((3, 24, 24), 0, 2), NetConfig(4, (2, 1, 1, 1), feature_dim=6, hidden=8, layer_norm=False)


@torch.no_grad()
def give(ours: nn.Module, plain: nn.Module) -> None:
    plain.weight.copy_(ours.weight)
    plain.bias.copy_(ours.bias)


@torch.no_grad()
def give_trunk(ours: Trunk, plain: nn.Sequential) -> None:
    """The plain encoder flattens (C, H, W), ours (H, W, C)."""
    side = round((ours.linear.in_features / NET.channels) ** 0.5)
    weight = ours.linear.weight.reshape(-1, side, side, NET.channels).permute(0, 3, 1, 2).flatten(1)
    plain[0].weight.copy_(weight)
    plain[0].bias.copy_(ours.linear.bias)


def give_head(ours: Head, plain: nn.Sequential) -> None:
    for mine, theirs in zip((ours.first, ours.second, ours.last), plain[::2], strict=True):
        give(mine, theirs)


def twins() -> tuple[Agent, Plain]:
    """An agent in float32 and a plain form with its weights; no shift, no noise."""
    config = AgentConfig(
        noise=NoiseConfig(0.0, 0.0, 1),
        pad=0,
        cloning=CloningConfig(weight=0.0),
        precision="float32",
        layout="contiguous",
    )
    agent, plain = Agent(SHAPES, NET, config, seed=0), Plain(SHAPES, NET, pad=0)
    for mine, theirs in zip(agent.encoder.layers, plain.encoder[:-1:2], strict=True):
        give(mine, theirs)
    give_trunk(agent.actor.trunk, plain.actor["trunk"])
    give_head(agent.actor.head, plain.actor["head"])
    for critic in (plain.critic, plain.target):
        give_trunk(agent.critic.trunk, critic["trunk"])
        give_head(agent.critic.q1, critic["q1"])
        give_head(agent.critic.q2, critic["q2"])
    return agent, plain


def test_the_plain_form_and_the_agent_learn_the_same_losses():
    agent, plain = twins()
    rng = np.random.default_rng(0)
    for _ in range(20):
        batch = noise_batch(16, SHAPES, rng)
        ours, theirs = agent.update(batch, step=0), plain.update(batch, std=0.0)
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-3, abs=1e-4)


def test_every_form_of_the_update_is_timed_at_every_size():
    found = forms([Size(4, SHAPES, NET), Size(2, SHAPES, NET)])
    assert [*found] == [f"{kind}, {layout}" for kind in ("float32", "bfloat16") for layout in LAYOUTS]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in found.values())


@pytest.mark.parametrize("shift", [bilinear_shift, lambda images, pad: random_shift(images, pad, torch.Generator())])
def test_both_shifts_are_crops_of_the_padded_image(shift):
    torch.manual_seed(0)
    image = torch.rand(1, 2, 9, 9) * 255
    padded = torch.nn.functional.pad(image, (2,) * 4, mode="replicate")
    crops = torch.stack([padded[0, :, y : y + 9, x : x + 9] for y in range(5) for x in range(5)])
    shifted = shift(image.expand(400, -1, -1, -1), 2)
    found = {closest(crops, one) for one in shifted}
    assert found == set(range(25))


def closest(crops: Tensor, one: Tensor) -> int:
    distance = (crops - one).abs().amax(dim=(1, 2, 3))
    assert distance.min() < 0.01
    return int(distance.argmin())
