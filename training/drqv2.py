"""DrQ-v2 in the order of the paper: augment, encode, update the critic, update the actor, move the target.

What bootstrapping from demonstrations adds: cloning, a Q-filtered cloning term in the actor's loss that fades,
LayerNorm (in NetConfig), and critics that may learn alone at first. B = batch, P = proprioception, A = action numbers.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from control.errors import CheckpointError
from policies.actor import NetConfig, PolicyNet, Shapes, noisy, truncated_normal
from training import snapshot
from training.agent_config import AgentConfig, fraction
from training.augment import random_light, random_shift
from training.compute import LAYOUTS, compute_dtype, faster_layout
from training.critic import Critic
from training.replay import Batch


class Agent:
    """Encoder, actor, twin critics and their optimisers."""

    def __init__(self, shapes: Shapes, net: NetConfig, config: AgentConfig, seed: int, device: str = "cpu") -> None:
        self.config, self.device, self.updates, self.cloned = config, torch.device(device), 0, 0
        self.generator = torch.Generator(self.device).manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = PolicyNet(shapes, net).to(self.device)
            self.critic = Critic(self.net.encoder.repr_dim, shapes, net).to(self.device)
        self.encoder, self.actor = self.net.encoder, self.net.actor
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.policy = copy.deepcopy(self.net).requires_grad_(False)
        self.dtype = compute_dtype(config.precision, self.device)
        self.use_layout(config.layout if config.layout != "auto" else faster_layout(self.net, self.dtype))
        self.optimisers = {
            name: torch.optim.Adam(module.parameters(), lr=lr, fused=True)
            for name, module, lr in (
                ("encoder", self.encoder, config.lr),
                ("actor", self.actor, config.lr),
                ("critic", self.critic, config.lr),
                ("cloning", self.net, config.cloning.lr),
            )
        }

    def use_layout(self, layout: str) -> None:
        """Keep convolutions in memory as `layout`, contiguous or channels_last; images follow them."""
        self.layout = layout
        self.net.to(memory_format=LAYOUTS[layout])  # type: ignore[call-overload]

    def act(
        self, pixels: np.ndarray, proprio: np.ndarray, noise_std: float = 0.0, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """Pixels (..., C, H, W) uint8, proprioception (..., P) float32 -> action (..., A) float32 in [-1, 1].

        With `rng`, the mean plus N(0, noise_std), clipped; without, the mean.
        """
        action = self.policy.act(pixels, proprio)
        if rng is None:
            return action
        return noisy(action, noise_std, rng)

    def update(self, batch: Batch[np.ndarray], step: int) -> dict[str, float]:
        """One update, with exploration noise and fading as they are at environment step `step`; returns metrics."""
        rows, std = self._rows(batch), self.config.noise.at(step)
        rows = rows._replace(pixels=self._augmented(rows.pixels), next_pixels=self._augmented(rows.next_pixels))
        features = self.encoder(rows.pixels, self.dtype)
        metrics = self._update_critic(features, rows, std, step)
        if self.updates % self.config.actor_every == 0:
            metrics |= self._update_actor(features.detach(), rows, std, step)
        follow(self.target, self.critic, self.config.tau)
        self.updates += 1
        self._follow_average()
        return as_floats(metrics)

    def clone(self, batch: Batch[np.ndarray]) -> dict[str, float]:
        """One step of behaviour cloning: encoder and actor towards the labels of demonstrated rows; returns metrics."""
        rows = self._rows(batch)
        mean = self.actor(self.encoder(self._augmented(rows.pixels), self.dtype), rows.proprio)
        distance = (mean - rows.label).square().mean(dim=1)
        loss = (distance * rows.is_demo).sum() / rows.is_demo.sum().clamp(min=1)
        self._descend(loss, "cloning")
        self.cloned += 1
        self._follow_average()
        return as_floats({"clone_loss": loss})

    def _follow_average(self) -> None:
        """Move the weights that act; while they are young their average is a plain one, free of the random start."""
        follow(self.policy, self.net, max(1 - self.config.average, 1 / (self.cloned + self.updates)))

    def _rows(self, batch: Batch[np.ndarray]) -> Batch[Tensor]:
        return Batch(*(torch.from_numpy(value).to(self.device) for value in batch))

    def _augmented(self, pixels: Tensor) -> Tensor:
        pixels = random_shift(pixels, self.config.pad, self.generator)
        if self.config.relight:
            pixels = random_light(pixels, self.config.relight, self.generator)
        return pixels.contiguous(memory_format=LAYOUTS[self.layout])

    def _update_critic(self, features: Tensor, rows: Batch[Tensor], std: float, step: int) -> dict[str, Tensor]:
        with torch.no_grad():
            next_features = self.encoder(rows.next_pixels, self.dtype)
            mean = self.actor(next_features, rows.next_proprio)
            next_action = truncated_normal(mean, std, self.generator, self.config.noise_clip)
            target_v = torch.minimum(*self.target(next_features, rows.next_proprio, next_action))
            target_q = rows.reward + rows.discount * target_v
        q1, q2 = self.critic(features, rows.proprio, rows.action)
        loss = total = F.mse_loss(q1, target_q) + F.mse_loss(q2, target_q)
        if self._cloning_weight(step) > 0:
            # The encoder keeps what the demonstrated actions need, not only what the values do.
            total = loss + self._cloning_term(features, rows, self.actor(features, rows.proprio), step)[0]
        self._descend(total, "critic", "encoder")
        return {"critic_loss": loss, "q": q1.mean(), "target_q": target_q.mean(), "reward": rows.reward.mean()}

    def _update_actor(self, features: Tensor, rows: Batch[Tensor], std: float, step: int) -> dict[str, Tensor]:
        mean = self.actor(features, rows.proprio)
        action = truncated_normal(mean, std, self.generator, self.config.noise_clip)
        with torch.no_grad():
            state = self.critic.state(features, rows.proprio)
        q = torch.minimum(*self.critic.values(state, action, self.dtype))
        loss = 0 * q.mean() if self.warming_up else -q.mean()
        metrics = {
            "actor_q": q.mean(),
            "clone_distance": (mean - rows.label)[rows.is_demo].square().mean().nan_to_num(),
        }
        if self._cloning_weight(step) > 0:
            term, metrics["cloned_share"] = self._cloning_term(features, rows, mean, step)
            loss = loss + term
        self._descend(loss, "actor")
        return metrics | {"actor_loss": loss}

    @property
    def warming_up(self) -> bool:
        """Whether the critics are still too young for the actor to listen to."""
        return self.updates < self.config.critic_warmup

    def _cloning_weight(self, step: int) -> float:
        return self.config.cloning.weight * (1 - fraction(step, self.config.cloning.fade_steps))

    def _cloning_term(self, features: Tensor, rows: Batch[Tensor], mean: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What the loss gains from demonstrated actions, and the share of rows that are worth cloning; two scalars."""
        margin = self.config.cloning.q_margin * (1 - fraction(step, self.config.cloning.fade_steps))
        chosen = self._worth_cloning(features.detach(), mean.detach(), rows, margin)
        distance = (mean - rows.label).square().mean(dim=1, keepdim=True)
        return self._cloning_weight(step) * (chosen * distance).mean(), chosen.mean()

    @torch.no_grad()
    def _worth_cloning(self, features: Tensor, mean: Tensor, rows: Batch[Tensor], margin: float) -> Tensor:
        """1.0 on demonstrated rows whose label the critics rate above the policy's own action less `margin`; (B, 1)."""
        chosen = rows.is_demo[:, None]
        if self.config.cloning.q_filter and not self.warming_up:
            state = self.critic.state(features, rows.proprio)
            label_q, own_q = (
                torch.minimum(*self.critic.values(state, action, self.dtype)) for action in (rows.label, mean)
            )
            chosen = chosen & (label_q > own_q - margin)
        return chosen.float()

    def _descend(self, loss: Tensor, *names: str) -> None:
        """One step of the named optimisers down `loss`, leaving all other weights without a gradient."""
        optimisers = [self.optimisers[name] for name in names]
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward(inputs=[p for optimiser in optimisers for p in optimiser.param_groups[0]["params"]])
        for optimiser in optimisers:
            optimiser.step()

    def _modules(self) -> dict[str, nn.Module]:
        return {"net": self.net, "critic": self.critic, "target": self.target, "policy": self.policy}

    def state(self) -> dict[str, Tensor]:
        """Everything an exact resume needs, by name: copies, contiguous, on the CPU, ready for safetensors."""
        own = {
            "updates": torch.tensor(self.updates),
            "cloned": torch.tensor(self.cloned),
            "channels_last": torch.tensor(self.layout == "channels_last"),
            "generator": self.generator.get_state(),
        }
        return snapshot.take(self._modules(), self.optimisers) | own

    def restore(self, state: dict[str, Tensor]) -> None:
        """Become the agent that gave `state`. Raises CheckpointError where it came from another kind of agent."""
        try:
            self.use_layout("channels_last" if state["channels_last"] else "contiguous")
            self.updates, self.cloned = int(state["updates"]), int(state["cloned"])
            self.generator.set_state(state["generator"])
            snapshot.put_back(state, self._modules(), self.optimisers)
        except (KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(f"this checkpoint is of another agent ({reason}); use its own config") from None


@torch.no_grad()
def follow(follower: nn.Module, leader: nn.Module, share: float) -> None:
    """Move the weights of `follower` by `share` of the way to those of `leader`."""
    for mine, theirs in zip(follower.parameters(), leader.parameters(), strict=True):
        mine.lerp_(theirs, share)


def as_floats(metrics: dict[str, Tensor]) -> dict[str, float]:
    """Scalars by name, fetched from the device at once."""
    return dict(zip(metrics, torch.stack([*metrics.values()]).tolist(), strict=True))
