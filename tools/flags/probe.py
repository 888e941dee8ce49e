"""The flags of `twinarm probe`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Ask a real servo what it does where the twin's rests on a third party's word. Exit status 1 where they differ:
    then believe the servo. Settings are put back; nothing is kept in its EEPROM."""

    port: tyro.conf.Positional[str]
    """Serial port, such as /dev/ttyACM0."""

    id: int = 1
    """Of the servo."""

    power: bool = False
    """Ask somebody to switch the supply off and on, too, to see what is left."""

    allow_motion: bool = False
    """Do not wait for somebody to say that it may move."""

    json: bool = False
    """Print one line of JSON for each behaviour instead of the table."""
