"""The flags of `twinarm run`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Run a policy on a robot: it glides to its start, acts by the clock, and is judged; by feel where nobody knows
    the truth. What the time went to is told at the end."""

    policy: tyro.conf.Positional[str]
    """A run, a policy.safetensors, the endpoint of a served policy, or a script such as sighted."""

    robot: str = "twin"
    """twin, real, an arm's .yaml, sim, or the endpoint of a served robot."""

    episodes: int = 1
    """How many."""

    seed: int = 0
    """Which starts, as in eval."""

    curriculum_stage: str | None = None
    """Where an episode starts; default: the configuration's."""

    config: str | None = None
    """Configuration of task and robot; default: the run's."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    cube: str | None = None
    """Where the cube lies, x,y,yaw in metres and degrees."""

    intervene: str | None = None
    """With what a person may take the arm over while the policy runs: a device as in teleop. They take it by holding
    a motion key, and give it back by g; s and f say how an episode ended. docs/operate.md tells the keys."""

    output: Path | None = None
    """Record the episodes in this dataset, with who acted at every step; those that it has stay."""

    step: bool = False
    """Wait for Enter before every action, and say what it is."""

    ahead: bool = False
    """Ask a served policy in the background: no step waits for it, and acts on the newest answer, at most three steps
    old. For one that takes longer than a step; it acts on what was a little earlier than it learned to."""

    own_reset: bool = False
    """Let the arm put the cube back and look for it by itself."""

    any_start: bool = False
    """Act even from where no episode of its training began."""

    any_calibration: bool = False
    """Act even on an arm calibrated otherwise than those it learned from, or than those in --output."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""
