"""The flags of `twinarm eval`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Run a policy on resets that nothing was trained or chosen on, and count."""

    policy: tyro.conf.Positional[str]
    """A run, a policy.safetensors, the endpoint of a served policy, or one of: scripted, sighted, told, crude, zero,
    random."""

    robot: str = "sim"
    """sim, or the endpoint of a served robot such as ipc:///tmp/arm."""

    curriculum_stage: str | None = None
    """Where an episode starts; default: the configuration's."""

    episodes: int = 100
    """How many resets."""

    cube: str | None = None
    """Where the cube is laid, always, and where told believes it to be: x,y,yaw in metres and degrees; twinarm touch
    finds them with the gripper. Default: anywhere in the configuration's box."""

    seed: int = 0
    """Which resets: the first, counted from the seeds that are kept for evaluation; the others follow."""

    config: str | None = None
    """Configuration of task and robot; default: the run's, else what a served robot runs at, else lift_fast.yaml."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    wild: bool = False
    """Let cube, colours, table, light, cameras, servos and delays differ from reset to reset, as wild.yaml says."""

    by_factor: bool = False
    """Evaluate as well with each wild factor alone and with none: what breaks the policy?"""

    by_feel: bool = False
    """Judge by joints and load alone, as on an arm; where the robot could tell the truth, it is told beside."""

    own_reset: bool = False
    """Let the arm put the cube back and look for it by itself, as an arm must; the simulator lays no cube. It starts at
    home."""

    any_calibration: bool = False
    """Play even a policy that learned from an arm calibrated otherwise."""

    model: str | None = None
    """An MJCF of your own instead of the SO-101."""

    workers: int | None = None
    """Processes with a simulator of their own; default: as many as cores, fewer for few episodes."""

    cluster: str | None = None
    """A Ray cluster to evaluate on instead: its address, or local."""

    video: bool = False
    """Film the first episodes from three sides."""

    output: Path = Path("runs/eval")
    """Every episode's figures, and the film, go to OUTPUT/<date>/."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""
