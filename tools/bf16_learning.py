"""Does bfloat16 learn as well as float32? A small task with a known best answer, learned from pictures alone.

A red dot is to be moved onto a green one. The demonstrations move it at half speed and noisily: cloning must learn to
see, reinforcement to hurry. Prints a table as Markdown:

    python -m tools.bf16_learning
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from policies.actor import NetConfig, Shapes
from training.agent_config import AgentConfig, CloningConfig, NoiseConfig
from training.compute import Precision
from training.drqv2 import Agent
from training.replay import EpisodeArrays, Replay, mixed_batch

SIDE, STRIDE, NEAR, LIMIT = 32, 0.1, 0.07, 30  # pixels; table widths: the longest move, what counts as there; moves
SHAPES, NET = Shapes((3, SIDE, SIDE), 0, 2), NetConfig(channels=16, strides=(2, 2, 1), feature_dim=32, hidden=128)
NOISE, BATCH, SEEDS = 0.4, 64, range(5)
HELD_OUT, TABLES = 10_000_000, 200


@dataclass(frozen=True)
class Plan:
    """How long one agent learns."""

    demos: int = 100
    clonings: int = 600
    checks: tuple[int, ...] = (0, 250, 500, 1000, 2000)  # environment steps, one update each, at which it is examined


@dataclass(frozen=True)
class Check:
    """One examination on held-out tables."""

    steps: int  # environment steps learned before it
    success: float  # share of tables solved in LIMIT moves
    moves: float  # mean, LIMIT where not solved


class Tables:
    """Many tables side by side, a red dot and a green one on each; places lie in [0, 1] x [0, 1]."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.dot, self.goal = rng.random((count, 2)), rng.random((count, 2))

    def pictures(self) -> np.ndarray:
        """(count, SIDE, SIDE, 3) uint8."""
        pictures = np.full((len(self.dot), SIDE, SIDE, 3), 40, np.uint8)
        tables = np.arange(len(self.dot))[:, None, None]
        for place, size, colour in ((self.goal, 5, (0, 255, 0)), (self.dot, 3, (255, 0, 0))):
            corner = np.rint(place * (SIDE - size)).astype(int)
            y, x = (corner[:, axis, None] + np.arange(size) for axis in (0, 1))
            pictures[tables, y[:, :, None], x[:, None, :]] = colour
        return pictures

    def there(self) -> np.ndarray:
        return np.linalg.norm(self.goal - self.dot, axis=1) <= NEAR

    def move(self, action: np.ndarray) -> None:
        self.dot = (self.dot + STRIDE * action).clip(0, 1)

    def teach(self) -> np.ndarray:
        """Straight at the goal, at half speed."""
        return (0.5 * (self.goal - self.dot) / STRIDE).clip(-0.5, 0.5)

    def fewest_moves(self) -> np.ndarray:
        """The known best answer: after n moves the dot can be anywhere within n strides on either axis."""
        reach = STRIDE * np.arange(LIMIT + 1)[:, None]
        short = np.maximum(np.abs(self.goal - self.dot)[:, None] - reach, 0)
        return (np.linalg.norm(short, axis=2) <= NEAR).argmax(axis=1).clip(1)


def episode(rng: np.random.Generator, act: Callable[[Tables], np.ndarray]) -> EpisodeArrays:
    """One table until it is solved or LIMIT moves are made; reward 1 for solving it, labels are the teacher's."""
    table = Tables(1, rng)
    looks = [table.pictures()[0]]
    actions: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    while len(actions) < LIMIT and not (actions and table.there()):
        labels.append(table.teach()[0])
        actions.append(act(table)[0])
        table.move(actions[-1])
        looks.append(table.pictures()[0])
    solved = np.zeros(len(actions), np.float32)
    solved[-1] = table.there()[0]
    nothing = np.zeros((len(looks), 0), np.float32)
    action, label = (np.array(rows, np.float32) for rows in (actions, labels))
    return EpisodeArrays(np.array(looks), nothing, action, label, np.zeros(len(actions), bool), solved, 1 - solved)


def see(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (count, 3, SIDE, SIDE) and an empty proprioception."""
    return np.ascontiguousarray(tables.pictures().transpose(0, 3, 1, 2)), np.zeros((len(tables.dot), 0), np.float32)


def examine(agent: Agent, steps: int) -> Check:
    """The agent without noise on the held-out tables."""
    tables = Tables(TABLES, np.random.default_rng(HELD_OUT))
    moves, solved = np.zeros(TABLES), np.zeros(TABLES, bool)
    for _ in range(LIMIT):
        tables.move(agent.act(*see(tables)))
        moves += ~solved
        solved |= tables.there()
    return Check(steps, float(solved.mean()), float(moves.mean()))


def learn(precision: Precision, seed: int, plan: Plan) -> list[Check]:
    """Clone, then reinforce with demonstrations as half of every batch; examined along the way."""
    rng = np.random.default_rng(seed)
    agent = Agent(SHAPES, NET, recipe(precision, plan), seed)
    online, demos = (Replay(20_000, (SIDE, SIDE, 3), 0, 2, stack=1, n_step=3, gamma=0.9) for _ in range(2))
    for _ in range(plan.demos):
        demos.add_episode(episode(rng, lambda table: noisy(table.teach(), NOISE, rng)), is_demo=True)
    for _ in range(plan.clonings):
        agent.clone(demos.sample(BATCH, rng))
    return [examine(agent, step) for step in reinforce(agent, online, demos, plan.checks, rng)]


def recipe(precision: Precision, plan: Plan) -> AgentConfig:
    """As the lift is learned, scaled to this task; the layout is named, so that every start gives the same figures."""
    return AgentConfig(
        lr=5e-4,
        noise=NoiseConfig(0.2, 0.1, plan.checks[-1]),
        pad=2,
        critic_warmup=200,
        average=0.99,
        cloning=CloningConfig(weight=3.0, q_margin=0.1, fade_steps=3 * plan.checks[-1]),
        precision=precision,
        layout="channels_last",
    )


def reinforce(
    agent: Agent, online: Replay, demos: Replay, checks: tuple[int, ...], rng: np.random.Generator
) -> Iterator[int]:
    """Explore and update, one update a step; yields at the first episode's end past every check."""
    step = 0
    for check in checks:
        while step < check:
            played = episode(rng, partial(explore, agent, agent.config.noise.at(step), rng))
            online.add_episode(played)
            for _ in played.action:
                agent.update(mixed_batch(online, demos, BATCH, 0.5, rng), step)
                step += 1
        yield check


def explore(agent: Agent, std: float, rng: np.random.Generator, table: Tables) -> np.ndarray:
    return agent.act(*see(table), std, rng)


def noisy(action: np.ndarray, std: float, rng: np.random.Generator) -> np.ndarray:
    return (action + std * rng.standard_normal(action.shape)).clip(-1, 1)


def rows(curves: dict[Precision, list[list[Check]]]) -> Iterator[str]:
    """Lines of a Markdown table: over the seeds of each precision, mean and standard error."""
    yield "| steps | " + " | ".join(f"{name}: solved, moves" for name in curves) + " |"
    yield "|---" * (1 + len(curves)) + "|"
    for checks in zip(*(zip(*seeds, strict=True) for seeds in curves.values()), strict=True):
        cells = (f"{spread([100 * c.success for c in one])} %, {spread([c.moves for c in one])}" for one in checks)
        yield f"| {checks[0][0].steps} | " + " | ".join(cells) + " |"


def spread(values: list[float]) -> str:
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.1f}"


def main() -> None:
    """Print the table; some five minutes on one core."""
    torch.set_num_threads(1)
    names: tuple[Precision, ...] = ("float32", "bfloat16")
    curves = {name: [learn(name, seed, Plan()) for seed in SEEDS] for name in names}
    print(*rows(curves), sep="\n")
    best = Tables(TABLES, np.random.default_rng(HELD_OUT)).fewest_moves().mean()
    print(
        f"\nSolved in {LIMIT} moves, of {TABLES} held-out tables; the fewest moves possible are {best:.1f} on average."
    )


if __name__ == "__main__":
    main()
