"""`twinarm stop`: stop a served robot, whoever drives it."""

from contextlib import closing

from rich.console import Console

from control.endpoints import STOPPING, beside
from control.modes import Word
from control.remote import RemoteRobot
from tools.flags.stop import Arguments


def main(arguments: Arguments) -> None:
    """Say the word."""
    console = Console(stderr=True)
    where = arguments.endpoint if arguments.clear else beside(arguments.endpoint, STOPPING)
    with closing(RemoteRobot(where)) as robot:
        robot.say(Word.CLEAR if arguments.clear else Word.STOP)
    on = f"twinarm stop {arguments.endpoint} --clear lets it go on"
    console.print("it may go on" if arguments.clear else f"it is stopped; {on}", soft_wrap=True)
