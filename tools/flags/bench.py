"""The flags of `twinarm bench`."""

from dataclasses import dataclass
from typing import Literal

import tyro


@dataclass(frozen=True)
class Arguments:
    """Measure this project's figure, the bare limit beside it, and their ratio."""

    what: tyro.conf.Positional[Literal["env", "update", "wire", "bus", "driver", "safety", "cli", "all"]] = "all"
    """env (simulation with the wrist camera), update (of the learner), wire (a round trip), bus (a cycle on the servos'
    line), driver (its punctuality under load), cli (every verb's --help), safety (an arm when something is gone;
    minutes), or all but safety."""

    json: bool = False
    """Print one line of JSON per benchmark instead of the table."""
