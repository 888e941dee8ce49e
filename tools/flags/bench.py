"""The flags of `twinarm bench`."""

from dataclasses import dataclass
from typing import Literal

import tyro

Bench = Literal["env", "update", "wire", "bus", "driver", "cli", "policy", "safety", "hostile", "all"]
TAKES_MINUTES = ("safety", "hostile")


@dataclass(frozen=True)
class Arguments:
    """Measure this project's figure, the bare limit beside it, and their ratio."""

    what: tyro.conf.Positional[Bench] = "all"
    """env (simulation with the wrist camera), update (of the learner), wire (round trips), bus (a cycle on the servos'
    line), driver (its punctuality under load), cli (every verb's --help), policy (PyTorch and ONNX Runtime), safety (an
    arm when something is gone), hostile (a served arm among strangers); or all but the last two, which take minutes."""

    json: bool = False
    """Print one line of JSON per benchmark instead of the table."""
