"""Twin critics: what an action is worth, twice."""

import torch
from torch import Tensor, nn

from policies.actor import Head, NetConfig, Shapes, Trunk, orthogonal


class Critic(nn.Module):
    """Twin values: features (B, repr_dim), proprioception (B, P), action (B, A) -> two tensors (B, 1) float32."""

    def __init__(self, repr_dim: int, shapes: Shapes, config: NetConfig) -> None:
        super().__init__()
        self.trunk = Trunk(repr_dim, config.feature_dim)
        inputs = config.feature_dim + shapes.proprio + shapes.action
        self.q1, self.q2 = Head(inputs, 1, config), Head(inputs, 1, config)
        self.apply(orthogonal)

    def forward(self, features: Tensor, proprio: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return self.values(self.state(features, proprio), action, features.dtype)

    def state(self, features: Tensor, proprio: Tensor) -> Tensor:
        """The trunk's output beside proprioception, (B, feature_dim + P): the part that several actions may share."""
        return torch.cat([self.trunk(features), proprio], dim=1)

    def values(self, state: Tensor, action: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        both = torch.cat([state, action], dim=1)
        return self.q1(both, dtype), self.q2(both, dtype)
