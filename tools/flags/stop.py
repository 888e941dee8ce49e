"""The flags of `twinarm stop`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Stop a served robot: it brakes, holds, and stays so until it is cleared. Anybody may."""

    endpoint: tyro.conf.Positional[str]
    """Where it is served, such as ipc:///tmp/arm."""

    clear: bool = False
    """Let it go on, instead: an operator has seen what was wrong."""

    park: bool = False
    """Lay it down, instead: it glides to its rest pose, and there torque fades. The way to end a day."""

    limp: bool = False
    """Torque off, instead, at once and wherever it is: it falls."""
