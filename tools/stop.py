"""`twinarm stop`: stop a served robot, whoever drives it; or lay it down, or let it go."""

import time
from contextlib import closing

from rich.console import Console

from control.endpoints import STOPPING, beside
from control.errors import LinkTimeout, UserError
from control.modes import CLEARING, Mode, Word
from control.remote import RemoteRobot
from control.types import Health
from tools.flags.stop import Arguments

LOOK_S = 0.2
AGAIN = "to go on, serve it again"
FAILED = {  # by word: the modes in which it came to nothing
    Word.STOP: (Mode.LOST, Mode.REFUSED, Mode.LIMP),
    Word.CLEAR: (Mode.STOPPED, Mode.FAULT, Mode.LOST, Mode.REFUSED, Mode.LIMP),
    Word.LIMP: (Mode.LOST,),
}
NEXT = {
    Mode.STOPPED: "somebody stopped it again",
    Mode.FAULT: "see to that, then clear it again",
    Mode.LOST: f"see its cable and its supply; {AGAIN}",
    Mode.REFUSED: "twinarm doctor says what to do",
    Mode.LIMP: AGAIN,
}


def main(arguments: Arguments) -> None:
    """Say the word, and what came of it."""
    asked = {Word.CLEAR: arguments.clear, Word.PARK: arguments.park, Word.LIMP: arguments.limp}
    words = [word for word, wanted in asked.items() if wanted] or [Word.STOP]
    if len(words) > 1:
        raise UserError("say one of --clear, --park and --limp")
    console, endpoint = Console(stderr=True), arguments.endpoint
    # What cannot wait is heard while a step, or a glide, is under way.
    where = beside(endpoint, STOPPING) if words[0] in (Word.STOP, Word.LIMP) else endpoint
    with closing(RemoteRobot(where)) as robot:
        robot.say(words[0])
        if words[0] is Word.PARK:
            _see_parked(robot)
    try:
        with closing(RemoteRobot(endpoint)) as robot:
            _require_done(words[0], robot.health())
    except LinkTimeout as error:
        raise LinkTimeout(f"{words[0]} was heard, but not what came of it: {error}") from None
    told = {
        Word.STOP: f"it is stopped; twinarm stop {endpoint} --clear lets it go on",
        Word.CLEAR: "it may go on",
        Word.PARK: "it lies at rest, and its torque is off",
        Word.LIMP: f"it is limp; {AGAIN}",
    }
    console.print(told[words[0]], soft_wrap=True)


def _require_done(word: Word, health: Health) -> None:
    """Raises UserError where the word was heard, and changed nothing."""
    if word is Word.LIMP and health.state == Mode.LIMP and health.errors:
        raise UserError("; ".join(health.errors))
    if health.state in FAILED.get(word, ()):
        raise UserError(f"the arm {_is(health)}; {NEXT[Mode(health.state)]}")


def _see_parked(robot: RemoteRobot) -> None:
    """Until it is let go. Raises UserError where it was not."""
    health = robot.health()
    if health.state not in (Mode.PARKING, Mode.RELEASING):
        first = (
            f"; {CLEARING}" if health.state == Mode.STOPPED else "; only an arm that holds, or is at fault, is parked"
        )
        raise UserError(f"the arm {_is(health)}{first}")
    while (health := robot.health()).state in (Mode.PARKING, Mode.RELEASING):
        time.sleep(LOOK_S)
    if health.state != Mode.READY or health.errors:
        raise UserError(f"the arm was not let go: it {_is(health)}")


def _is(health: Health) -> str:
    return f"is {health.state}" + (f": {'; '.join(health.errors)}" if health.errors else "")
