"""The flags of `twinarm twin`."""

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Arguments:
    """Run an emulated arm in real time until interrupted: six servos on a serial port, and a wrist camera."""

    link: Path | None = None
    """A name for the port, such as /tmp/ttyTWIN; default: the pseudo-terminal's own."""

    truth: str | None = None
    """Endpoint that tells judges where arm and cube truly are, and lays the cube down; default: one of its own."""

    config: str = "lift_fast.yaml"
    """Configuration whose robot section describes the arm."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value."""

    faults: str | None = None
    """A file of mishaps, each with its time: see docs/architecture.md."""

    arm: Path | None = None
    """Write an arm's file here, and a calibration beside it, so that every command that takes an arm.yaml takes the
    twin; both are gone when the twin is."""

    log: Path | None = None
    """Record what the arm does, 250 rows a second, to this new file; twinarm limits reads it."""

    json: bool = False
    """For a program that starts it: say where everything is as one line of JSON, and end when standard input does."""
