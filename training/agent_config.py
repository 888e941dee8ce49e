"""The settings of the agent: how it learns, explores and keeps to its demonstrations."""

import msgspec

from control.config import require
from training.compute import Layout, Precision


class NoiseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exploration: noise on every action, a straight line over environment steps, then level; and lapses."""

    start: float = 1.0  # standard deviation at step 0, in actions of [-1, 1]
    end: float = 0.1  # standard deviation from `steps` on
    steps: int = 500_000  # environment steps from start to end
    lapses: float = 0.0  # chance at each decision that a random action begins and is held for five

    def __post_init__(self) -> None:
        require(min(self.start, self.end) >= 0, f"noise must not be negative, got {self.start} to {self.end}")
        require(0 <= self.lapses < 1, f"lapses must be at least 0 and below 1, got {self.lapses}")

    def at(self, step: int) -> float:
        """Standard deviation at an environment step."""
        return self.start + (self.end - self.start) * fraction(step, self.steps)


class CloningConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What demonstrations do to the actor, besides filling batches."""

    weight: float = 1.0  # of the cloning term in the actor's loss, against values of size 1; 0 leaves it out
    q_filter: bool = True  # only where the critics rate the teacher's action above the policy's own
    q_margin: float = 0.0  # or less than this below it, fading with the weight: young critics flatter their own actor
    fade_steps: int = 50_000  # environment steps over which the weight falls to 0
    lr: float = 1e-3  # Adam's step while cloning before any reinforcement

    def __post_init__(self) -> None:
        require(self.weight >= 0, f"weight must not be negative, got {self.weight}")
        require(0 < self.lr < 1, f"lr must lie between 0 and 1, got {self.lr}")


class AgentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent learns. The defaults are the published ones where the paper has one."""

    lr: float = 1e-4  # Adam's step for encoder, actor and critics
    tau: float = 0.01  # share of the way that the target critics move at each update
    noise: NoiseConfig = NoiseConfig()
    noise_clip: float = 0.3  # cut of the noise on actions inside the losses
    pad: int = 4  # random shift, pixels either way
    relight: float = 0.0  # random contrast, brightness and tint of every image: up to this much, either way
    actor_every: int = 1  # critic updates per actor update
    critic_warmup: int = (
        0  # first updates, in which the actor only clones while the critics learn: no dip after cloning
    )
    cloning: CloningConfig = CloningConfig()
    average: float = 0.0  # share of their past that the weights which act and are saved keep at each update
    precision: Precision = "auto"  # of encoder and trunks; auto: bfloat16 where the hardware multiplies in it
    layout: Layout = "auto"  # of images in memory; auto: what measures faster here

    def __post_init__(self) -> None:
        require(0 < self.lr < 1, f"lr must lie between 0 and 1, got {self.lr}")
        require(self.noise_clip >= 0, f"noise_clip must not be negative, got {self.noise_clip}")
        require(0 < self.tau <= 1, f"tau must be above 0 and at most 1, got {self.tau}")
        require(0 <= self.average < 1, f"average must be at least 0 and below 1, got {self.average}")
        require(0 <= self.relight <= 0.5, f"relight must be 0 to 0.5, got {self.relight}")
        require(self.actor_every >= 1 and self.pad >= 0, "actor_every must be at least 1 and pad at least 0")


def fraction(step: int, steps: int) -> float:
    """How much of `steps` is over at `step`, in [0, 1]."""
    return 1.0 if step >= steps else step / steps
