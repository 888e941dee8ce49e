"""The agent: it learns what is known to be right, resumes to the bit, and each of its switches does what it says."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from control.config import build
from control.errors import CheckpointError, ConfigError
from policies.actor import NetConfig, Shapes
from training.agent_config import AgentConfig, CloningConfig, NoiseConfig
from training.augment import random_light, random_shift
from training.compute import compute_dtype, cpu_has_bfloat16, faster_layout
from training.drqv2 import Agent
from training.replay import Batch

torch.set_num_threads(1)  # equal bits need an equal number of threads, and a second one waits more than it works
SHAPES = Shapes((3, 32, 32), 4, 2)
NET = NetConfig(channels=8, strides=(2, 2), feature_dim=16, hidden=32)
QUIET = NoiseConfig(0.1, 0.1, 1)


def agent(seed: int = 0, net: NetConfig = NET, shapes: Shapes = SHAPES, **config) -> Agent:
    return Agent(shapes, net, AgentConfig(**{"lr": 1e-3, "noise": QUIET, "pad": 2} | config), seed)


def dots(count: int, seed: int) -> Batch[np.ndarray]:
    """Black images with one white square; the label is where it lies, the task ends, the reward is its height."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(2, 25, (count, 2))
    pixels = np.zeros((count, *SHAPES.pixels), np.uint8)
    for image, (y, x) in zip(pixels, corner, strict=True):
        image[:, y : y + 5, x : x + 5] = 255
    label = ((corner - 13.5) / 14).astype(np.float32)
    proprio = rng.standard_normal((count, SHAPES.proprio), np.float32)
    action = rng.uniform(-1, 1, (count, SHAPES.action)).astype(np.float32)
    is_demo = np.arange(count) % 2 == 0
    ended = np.zeros((count, 1), np.float32)
    return Batch(pixels, proprio, action, label, is_demo, label[:, :1], ended, pixels, proprio)


def weights(module: torch.nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in module.state_dict().values()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(2, 9), st.integers(2, 9), st.integers(0, 4), st.integers(0, 99)
)
def test_a_shift_moves_the_image_and_repeats_its_border(count, channels, height, width, pad, seed):
    pixels = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8)
    moved = random_shift(pixels, pad, torch.Generator().manual_seed(seed))
    offsets = torch.randint(0, 2 * pad + 1, (count, 2), generator=torch.Generator().manual_seed(seed)) - pad
    for image, shifted, (dy, dx) in zip(pixels, moved, offsets, strict=True):
        rows, columns = (torch.arange(height) + dy).clamp(0, height - 1), (torch.arange(width) + dx).clamp(0, width - 1)
        assert torch.equal(shifted, image[:, rows][:, :, columns])


@given(count=st.integers(1, 4), amount=st.floats(0.05, 0.5), seed=st.integers(0, 2**31))
def test_other_light_is_one_straight_line_for_each_channel_of_an_image(count, amount, seed):
    ramp = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(count, 3, 16, 16)
    lit = random_light(ramp, amount, torch.Generator().manual_seed(seed)).reshape(count * 3, 256).double()
    assert (lit.diff(dim=1) >= 0).all()
    for line in lit:
        inside = (line > 0) & (line < 255)
        if inside.sum() > 2:
            slopes = line[inside].diff()
            assert slopes.max() - slopes.min() <= 1 and slopes.mean() == pytest.approx(1.0, abs=1.5 * amount + 0.1)
    assert len(lit.unique(dim=0)) > 1


@pytest.mark.parametrize(("step", "std"), [(0, 1.0), (250_000, 0.55), (500_000, 0.1), (900_000, 0.1)])
def test_noise_falls_in_a_straight_line_and_stays(step, std):
    assert NoiseConfig(1.0, 0.1, 500_000).at(step) == pytest.approx(std)


def test_constant_noise_needs_no_steps():
    assert NoiseConfig(0.2, 0.2, 0).at(0) == 0.2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"critic_warm_up": 10}, "critic_warmup"),
        ({"cloning": {"wieght": 1.0}}, "weight"),
        ({"lr": 10.0}, "lr must lie between 0 and 1, got 10.0"),
        ({"tau": 0.0}, "tau must be above 0"),
        ({"average": 1.0}, "average must be at least 0 and below 1"),
        ({"precision": "float16"}, "float16"),
        ({"noise": "linear(1.0,0.1,500000)"}, "object"),
    ],
)
def test_a_wrong_setting_names_its_key(values, says):
    with pytest.raises(ConfigError, match=says):
        build(AgentConfig, values, "agent.yaml")


def test_noise_on_actions_comes_from_the_given_generator():
    learner, batch = agent(), dots(64, 0)
    calm = learner.act(batch.pixels, batch.proprio)
    first, again = (learner.act(batch.pixels, batch.proprio, 0.2, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first - calm).std() == pytest.approx(0.2, rel=0.3)
    assert np.abs(learner.act(batch.pixels, batch.proprio, 9.0, np.random.default_rng(5))).max() == 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cloning_finds_the_square(precision):
    learner = agent(precision=precision, cloning=CloningConfig(lr=3e-3))
    losses = [learner.clone(dots(32, seed))["clone_loss"] for seed in range(150)]
    assert np.mean(losses[-20:]) < 0.1 * np.mean(losses[:5])
    unseen = dots(100, 10_000)
    error = np.abs(learner.act(unseen.pixels, unseen.proprio) - unseen.label)
    assert np.median(error) < 0.1  # 1.4 pixels


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_critics_learn_the_known_value(precision):
    learner = agent(precision=precision, lr=3e-3)
    losses = [learner.update(dots(32, seed), step=0)["critic_loss"] for seed in range(150)]
    assert np.mean(losses[-20:]) < 0.1 * np.mean(losses[:5])


def test_bfloat16_and_float32_lose_alike():
    curves = []
    for precision in ("float32", "bfloat16"):
        learner = agent(precision=precision)
        rounds = [learner.update(dots(32, seed), 0) | learner.clone(dots(32, seed)) for seed in range(60)]
        curves.append([[one["critic_loss"], one["clone_loss"]] for one in rounds])
    exact, narrow = np.array(curves)
    early, late = slice(0, 15), slice(45, 60)
    np.testing.assert_allclose(narrow[early].mean(axis=0), exact[early].mean(axis=0), rtol=0.1)
    np.testing.assert_allclose(narrow[late].mean(axis=0), exact[late].mean(axis=0), rtol=0.35)


def test_the_actor_climbs_the_critics_hill():
    """Reward -(a - 0.5)^2 at every state, the task over at once: the best action is 0.5."""
    learner = agent(lr=3e-3, cloning=CloningConfig(weight=0.0), critic_warmup=150)
    for seed in range(600):
        batch = dots(32, seed)
        learner.update(batch._replace(reward=-np.square(batch.action - 0.5).sum(1, keepdims=True)), step=0)
    unseen = dots(50, 10_000)
    assert np.abs(learner.act(unseen.pixels, unseen.proprio) - 0.5).mean() < 0.15


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_resumed_agent_takes_the_same_updates_to_the_bit(tmp_path, precision, layout):
    config = {"precision": precision, "critic_warmup": 4, "actor_every": 2}
    unbroken = agent(layout=layout, **config)
    unbroken.clone(dots(16, 0))
    for seed in range(7):
        unbroken.update(dots(16, seed), step=seed)
    save_file(unbroken.state(), tmp_path / "agent.safetensors")
    resumed = agent(seed=99, layout="contiguous", **config)
    resumed.restore(load_file(tmp_path / "agent.safetensors"))
    for seed in range(7, 12):
        assert resumed.update(dots(16, seed), step=seed) == unbroken.update(dots(16, seed), step=seed)
        assert resumed.clone(dots(16, seed)) == unbroken.clone(dots(16, seed))
    ours, theirs = unbroken.state(), resumed.state()
    assert ours.keys() == theirs.keys()
    assert same([*ours.values()], [theirs[name] for name in ours])


def test_a_saved_state_does_not_change_with_the_agent():
    learner = agent()
    state = learner.state()
    before = {name: value.clone() for name, value in state.items()}
    learner.update(dots(16, 0), step=0)
    assert all(torch.equal(state[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    "other",
    [
        {"net": NetConfig(channels=8, strides=(2, 2), feature_dim=16, hidden=64)},
        {"net": NetConfig(channels=8, strides=(2, 2), feature_dim=16, hidden=32, layer_norm=False)},
        {"shapes": Shapes((3, 32, 32), 5, 2)},
    ],
)
def test_the_state_of_another_agent_is_refused(other):
    with pytest.raises(CheckpointError, match="of another agent"):
        agent().restore(agent(**other).state())


def test_a_state_with_a_piece_missing_is_refused():
    state = agent().state()
    del state["generator"]
    with pytest.raises(CheckpointError, match="generator"):
        agent().restore(state)


def test_the_same_seed_gives_the_same_agent_and_another_seed_another():
    one, two, other = ([*agent(seed, layout="contiguous").state().values()] for seed in (3, 3, 4))
    assert same(one, two)
    assert not same(one, other)


def test_making_an_agent_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    agent()
    assert torch.rand(1) == expected


@pytest.mark.parametrize("demonstrated", [False, True])
def test_while_the_critics_warm_up_the_actor_follows_demonstrations_alone(demonstrated):
    learner = agent(critic_warmup=3)
    actor, critics, target = (weights(module) for module in (learner.actor, learner.critic, learner.target))
    for seed in range(3):
        learner.update(dots(16, seed)._replace(is_demo=np.full(16, demonstrated)), step=0)
    assert same(actor, weights(learner.actor)) != demonstrated
    assert not same(critics, weights(learner.critic))
    assert not same(target, weights(learner.target))
    actor = weights(learner.actor)
    learner.update(dots(16, 3)._replace(is_demo=np.zeros(16, bool)), step=0)
    assert not same(actor, weights(learner.actor))


def test_the_weights_that_act_are_the_mean_of_the_first_and_then_follow_at_the_average_rate():
    learner = agent(average=0.75)
    shares = (1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 4)
    ways = (learner.clone, learner.clone, *[partial(learner.update, step=0)] * 3)
    for learn, share in zip(ways, shares, strict=True):
        before = weights(learner.policy)
        learn(dots(16, 0))
        for old, new, goal in zip(before, learner.policy.parameters(), learner.net.parameters(), strict=True):
            torch.testing.assert_close(new, old + share * (goal - old))


def test_without_an_average_the_weights_that_learn_act():
    learner = agent()
    learner.clone(dots(16, 0))
    learner.update(dots(16, 0), step=0)
    assert same(weights(learner.policy), weights(learner.net))


def test_cloning_skips_rows_that_are_no_demonstration():
    learner, other = agent(), agent()
    batch = dots(16, 0)
    wrong = batch._replace(label=np.where(batch.is_demo[:, None], batch.label, -batch.label))
    assert learner.clone(batch) == other.clone(wrong)
    assert same(weights(learner.net), weights(other.net))


def test_cloning_from_nothing_worth_cloning_changes_nothing():
    learner = agent()
    before = weights(learner.net)
    assert learner.clone(dots(16, 0)._replace(is_demo=np.zeros(16, bool))) == {"clone_loss": 0.0}
    assert same(before, weights(learner.net))


def test_the_actor_moves_only_at_every_nth_update():
    learner = agent(actor_every=3)
    assert ["actor_loss" in learner.update(dots(16, seed), step=0) for seed in range(7)] == [True, False, False] * 2 + [
        True
    ]


@torch.no_grad()
def promise(critic: torch.nn.Module, first: float, second: float) -> None:
    """Let the twins value every action at these two numbers."""
    for head, value in ((critic.q1, first), (critic.q2, second)):
        head.last.weight.zero_()
        head.last.bias.fill_(value)


@pytest.mark.parametrize("twins", [(5.0, -2.0), (-2.0, 5.0)])
def test_of_the_twin_critics_the_less_hopeful_one_is_believed(twins):
    learner, batch = agent(), dots(16, 0)
    for critic in (learner.target, learner.critic):
        promise(critic, *twins)
    told = learner.update(batch._replace(reward=batch.reward * 0, discount=batch.discount + 0.5), step=0)
    assert told["target_q"] == pytest.approx(-1.0)
    assert told["actor_q"] == pytest.approx(-2.0, abs=0.05)  # after the critics' step of 1e-3


def test_the_target_moves_by_tau_towards_the_critics():
    learner = agent(tau=0.25)
    before = weights(learner.target)
    learner.update(dots(16, 0), step=0)
    for old, new, goal in zip(before, learner.target.parameters(), learner.critic.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.25 * (goal - old))


@pytest.mark.parametrize(
    ("cloning", "step", "share"),
    [
        (CloningConfig(q_filter=False, fade_steps=100), 0, 0.5),  # every other row is a demonstration
        (CloningConfig(q_filter=False, fade_steps=100), 99, 0.5),
        (CloningConfig(q_filter=False, fade_steps=100), 100, None),
        (CloningConfig(weight=0.0, q_filter=False), 0, None),
    ],
)
def test_the_cloning_term_covers_demonstrations_until_it_has_faded(cloning, step, share):
    assert agent(cloning=cloning).update(dots(16, 0), step).get("cloned_share") == share


def test_a_faded_cloning_term_is_no_cloning_term():
    faded, without = (agent(cloning=CloningConfig(weight=weight, fade_steps=10)) for weight in (5.0, 0.0))
    assert faded.update(dots(16, 0), step=10) == without.update(dots(16, 0), step=10)
    assert same(weights(faded.net), weights(without.net))


@pytest.mark.parametrize(
    ("best", "margin", "share"), [("label", 0.0, 0.5), ("far from it", 0.0, 0.0), ("far from it", 9.0, 0.5)]
)
def test_the_filter_clones_only_what_the_critics_rate_above_the_policy(best, margin, share):
    """Critics taught that an action is worth more the nearer it is to the label, or the further from it."""
    sign = -1 if best == "label" else 1
    learner = agent(
        lr=3e-3, cloning=CloningConfig(weight=1e-9, q_margin=margin), critic_warmup=200, precision="float32"
    )
    for seed in range(200):
        batch = dots(64, seed)
        distance = np.abs(batch.action - batch.label).sum(1, keepdims=True)
        learner.update(batch._replace(reward=sign * distance), step=0)
    assert learner.update(dots(256, 10_000), step=0)["cloned_share"] == pytest.approx(share, abs=0.1)


def test_cloning_pulls_the_actor_towards_the_labels_during_reinforcement():
    def distance(weight: float) -> float:
        learner = agent(lr=3e-3, cloning=CloningConfig(weight, q_filter=False))
        everything = [dots(32, seed)._replace(is_demo=np.ones(32, bool)) for seed in range(100)]
        for batch in everything:
            learner.update(batch._replace(reward=0 * batch.reward), step=0)
        unseen = dots(100, 10_000)
        return float(np.abs(learner.act(unseen.pixels, unseen.proprio) - unseen.label).mean())

    assert distance(1.0) < 0.6 * distance(0.0)


def test_narrow_products_are_chosen_where_the_hardware_has_them():
    cpu = torch.device("cpu")
    assert compute_dtype("auto", cpu) == (torch.bfloat16 if cpu_has_bfloat16() else torch.float32)
    assert compute_dtype("float32", cpu) == torch.float32
    assert compute_dtype("bfloat16", cpu) == torch.bfloat16


def test_measuring_the_layout_leaves_no_gradient_behind():
    learner = agent()
    assert faster_layout(learner.net, torch.float32, images=2, rounds=1) in ("contiguous", "channels_last")
    assert all(parameter.grad is None for parameter in learner.net.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_code_learns_on_a_gpu():
    learner = Agent(SHAPES, NET, AgentConfig(lr=3e-3, noise=QUIET, pad=2), 0, "cuda")
    losses = [learner.update(dots(32, seed), step=0)["critic_loss"] for seed in range(150)]
    assert np.mean(losses[-20:]) < 0.1 * np.mean(losses[:5])
    resumed = Agent(SHAPES, NET, AgentConfig(), 1, "cuda")
    resumed.restore(learner.state())
    assert F.mse_loss(*(a.critic.q1.last.weight for a in (learner, resumed))) == 0
