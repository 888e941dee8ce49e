"""The words of the safety machine: its modes, what may happen to it, and what the driver does in each mode."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

LATEST_S = 0.2  # the longest that a command counts


class Mode(StrEnum):
    """Where the machine is."""

    CLOSED = "closed"  # no port
    IDENTIFYING = "identifying"  # reading who is there; nothing is written
    REFUSED = "refused"  # what was found may not be driven
    READY = "ready"  # known, not driven
    ARMING = "arming"  # the goal is put where the joint is, then torque on, weakly
    HOLD = "hold"
    ACTIVE = "active"  # follows commands
    HOMING = "homing"  # glides to the start pose
    PARKING = "parking"  # glides to the rest pose
    RELEASING = "releasing"  # lets torque fade, at rest
    FAULT = "fault"  # holds weakly; latched
    STOPPED = "stopped"  # has braked and holds; latched
    LIMP = "limp"  # torque off, by a person's word
    LOST = "lost"  # the line is gone; the servos hold what they were last told, as far as anybody knows


class Drive(StrEnum):
    """What the driver does with the servos in a cycle."""

    NOTHING = "nothing"
    ARM = "arm"
    STAY = "stay"
    FOLLOW = "follow"
    GLIDE = "glide"
    FADE = "fade"
    LIMP = "limp"


DRIVES = {
    Mode.CLOSED: Drive.NOTHING,
    Mode.IDENTIFYING: Drive.NOTHING,
    Mode.REFUSED: Drive.NOTHING,
    Mode.READY: Drive.NOTHING,
    Mode.ARMING: Drive.ARM,
    Mode.HOLD: Drive.STAY,
    Mode.ACTIVE: Drive.FOLLOW,
    Mode.HOMING: Drive.GLIDE,
    Mode.PARKING: Drive.GLIDE,
    Mode.RELEASING: Drive.FADE,
    Mode.FAULT: Drive.STAY,
    Mode.STOPPED: Drive.STAY,
    Mode.LIMP: Drive.LIMP,
    Mode.LOST: Drive.NOTHING,
}
LATCHED = frozenset({Mode.FAULT, Mode.STOPPED, Mode.LOST})
CLEARING = "to go on: twinarm stop ENDPOINT --clear, Clear on the page of twinarm view, or h in teleop"  # for people
POWERED = frozenset({Mode.ARMING, Mode.HOLD, Mode.ACTIVE, Mode.HOMING, Mode.PARKING, Mode.RELEASING})
HELD = POWERED | {Mode.FAULT, Mode.STOPPED}  # up by torque


class Severity(IntEnum):
    """How much a fault matters; of several the worst counts."""

    WARN = 1  # told
    DERATE = 2  # half speed
    HOLD = 3  # hold; clients may go on once it is over
    FAULT = 4  # hold weakly; latched


class Word(StrEnum):
    """What may happen, where nothing more need be said."""

    OPENED = "opened"  # the port is open
    ARM = "arm"  # an operator wants the arm held
    LATE = "late"  # a command came too late: it is not executed, and feeds no watchdog
    HALT = "halt"  # anybody: hold
    STOP = "stop"  # anybody: brake, hold, and stay so
    CLEAR = "clear"  # an operator has seen what was wrong
    HOME = "home"  # glide to the start pose
    PARK = "park"  # an operator: glide to the rest pose and let go
    REACHED = "reached"  # a glide, or a fade, has come to its end
    BARRED = "barred"  # a glide gets no further: the table is in its way, or something that the arm pushes against
    LIMP = "limp"  # an operator: torque off, now, wherever the arm is
    LOST = "lost"  # the line is gone


SPOKEN = (Word.HALT, Word.STOP, Word.CLEAR, Word.HOME, Word.PARK, Word.LIMP)  # by people; the others are events


Faults = tuple[tuple[str, Severity], ...]
"""What stands, by name, and how much it matters."""


@dataclass(frozen=True)
class Identified:
    """All was read; `refusals` say why it may not be driven, `left` that somebody left it stopped or at fault."""

    refusals: tuple[str, ...] = ()
    left: Mode | None = None


@dataclass(frozen=True)
class Armed:
    """Torque is on and nothing moved; or `refusal` says what went wrong, and torque is as it was."""

    refusal: str = ""


@dataclass(frozen=True)
class Commanded:
    """A client's command, in time for the observation it answers; it counts for `ttl_s`."""

    ttl_s: float


@dataclass(frozen=True)
class Tick:
    """A cycle of the driver, with every fault that stands: its name and how much it matters."""

    faults: Faults = ()


Event = Word | Identified | Armed | Commanded | Tick


@dataclass(frozen=True)
class State:
    """All that the machine remembers."""

    mode: Mode = Mode.CLOSED
    commanded_s: float = 0.0  # when the last command in time came
    ttl_s: float = LATEST_S
    fresh: int = 0  # commands in time since the last late one
    needed: int = 1  # of them before a client moves the arm
    faults: Faults = ()  # that stand now
    causes: tuple[str, ...] = ()  # why it is refused, at fault or stopped

    @property
    def worst(self) -> Severity | None:
        return max((severity for _, severity in self.faults), default=None)

    @property
    def derated(self) -> bool:
        """Whether to move at half speed."""
        return self.worst is not None and self.worst >= Severity.DERATE
