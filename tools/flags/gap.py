"""The flags of `twinarm gap`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Run a policy in the simulator as it is, then with one thing changed that is another on an arm, then with all of
    them, then on the twin; beside success and time, how the arm followed. Minutes, of which the twin takes most."""

    policy: tyro.conf.Positional[str]
    """A run, or a policy.safetensors."""

    episodes: int = 100
    """Resets of each row; on the twin they pass in real time."""

    robot: str = "twin"
    """The last row's robot."""

    only: tuple[str, ...] = ()
    """Rows, by what the table calls them; default: all."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the run's configuration, each as key=value."""

    json: bool = False
    """Print one line of JSON for each row on stdout."""
