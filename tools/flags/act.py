"""The flags of `twinarm act`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Act by the clock with the newest weights of a learner (twinarm learn) until it has had enough, and send it what
    was lived through. While the learner is lost the arm goes on with the last weights."""

    learner: tyro.conf.Positional[str]
    """The learner's endpoint, such as ipc:///tmp/learner."""

    robot: str = "twin"
    """twin, real, an arm's .yaml, sim (in real time), or the endpoint of a served robot."""

    intervene: str | None = None
    """With what a person may take the arm over: a device as in teleop. What they do is learned from as a
    demonstration."""

    own_reset: bool = False
    """Let the arm put the cube back and look for it by itself, as an arm must; it starts at home."""

    any_calibration: bool = False
    """Act even on an arm calibrated otherwise than those that demonstrated."""

    json: bool = False
    """Print the figures as one line of JSON on stdout."""
