"""Who may move the arm, and what it does when something is wrong: one pure state machine for sim, twin and arm.

    closed ─ opened → identifying ─ Identified → ready ─ arm → arming ─ Armed → hold ⇄ active
                                                   ↑                             ↓ ↑
                                     reached ─ releasing ← reached ─ parking ← ──┘ └ homing

Nothing moves before somebody arms it, and arming only holds the pose that is found. Commands make `hold` into `active`;
their absence makes it `hold` again. What goes wrong with the software holds; a fault of a servo holds weakly and stays
(`fault`), as does a stop that somebody asked for (`stopped`): only an operator's `clear` leads on, and only to `hold`.
The arm goes limp on an explicit word alone, for limp it falls. This is no certified safety function: keep a switch in
the servos' supply, and know that cutting the supply drops the arm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

SOONEST_S, LATEST_S = 0.05, 0.2  # between these a client may choose how long its command counts
HARD_S = 1.0  # without a command: whoever was active starts over
FRESH_AGAIN = 5  # commands in time, one after another, before a client that was late may move again


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
    BRAKE = "brake"
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
    Mode.STOPPED: Drive.BRAKE,
    Mode.LIMP: Drive.LIMP,
    Mode.LOST: Drive.NOTHING,
}
LATCHED = frozenset({Mode.FAULT, Mode.STOPPED, Mode.LOST})
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
    LIMP = "limp"  # an operator: torque off, now, wherever the arm is
    LOST = "lost"  # the line is gone


Faults = tuple[tuple[str, Severity], ...]
"""What stands, by name, and how much it matters."""


@dataclass(frozen=True)
class Identified:
    """All was read; `refusals` say why it may not be driven."""

    refusals: tuple[str, ...] = ()


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


def step(state: State, event: Event, now_s: float) -> tuple[State, Drive]:
    """What becomes of `state` at `now_s` (of a monotonic clock), and what the driver does in it.

    An event that means nothing in a mode changes nothing.
    """
    handler = _HANDLERS[event if isinstance(event, Word) else type(event)]
    after = handler(state, event, now_s)
    return after, DRIVES[after.mode]


def _opened(state: State, event: Word, now_s: float) -> State:
    known = state.mode in (Mode.CLOSED, Mode.LOST, Mode.REFUSED, Mode.LIMP)
    return State(Mode.IDENTIFYING) if known else state


def _identified(state: State, event: Identified, now_s: float) -> State:
    if state.mode is not Mode.IDENTIFYING:
        return state
    return State(Mode.REFUSED, causes=event.refusals) if event.refusals else State(Mode.READY)


def _arm(state: State, event: Word, now_s: float) -> State:
    return replace(state, mode=Mode.ARMING, causes=()) if state.mode is Mode.READY else state


def _armed(state: State, event: Armed, now_s: float) -> State:
    if state.mode is not Mode.ARMING:
        return state
    return State(Mode.REFUSED, causes=(event.refusal,)) if event.refusal else _holding(state)


def _commanded(state: State, event: Commanded, now_s: float) -> State:
    if state.mode is Mode.HOMING:
        return _holding(state)
    if state.mode not in (Mode.HOLD, Mode.ACTIVE) or _hindered(state):
        return state
    ttl_s = min(max(event.ttl_s, SOONEST_S), LATEST_S)
    state = replace(state, commanded_s=now_s, ttl_s=ttl_s, fresh=state.fresh + 1)
    return replace(state, mode=Mode.ACTIVE, causes=()) if state.fresh >= state.needed else state


def _late(state: State, event: Word, now_s: float) -> State:
    return replace(state, fresh=0, needed=FRESH_AGAIN) if state.mode is Mode.HOLD else state


def _tick(state: State, event: Tick, now_s: float) -> State:
    state = replace(state, faults=event.faults)
    broken = _named(event.faults, Severity.FAULT)
    # Who parks an arm because of a fault goes on parking it.
    bearable = state.mode in (Mode.PARKING, Mode.RELEASING) and set(broken) <= set(state.causes)
    if broken and state.mode in POWERED and not bearable:
        return replace(state, mode=Mode.FAULT, causes=broken)
    quiet_s = now_s - state.commanded_s
    if state.mode is Mode.ACTIVE and (_hindered(state) or quiet_s > state.ttl_s):
        causes = _named(event.faults, Severity.HOLD)
        return replace(_holding(state), needed=FRESH_AGAIN, commanded_s=state.commanded_s, causes=causes)
    if state.mode is Mode.HOLD and quiet_s > HARD_S:
        return replace(state, fresh=0, needed=1)  # whoever it was is gone; the next one starts afresh
    return state


def _halt(state: State, event: Word, now_s: float) -> State:
    return _holding(state) if state.mode in (Mode.ACTIVE, Mode.HOMING, Mode.PARKING) else state


def _stop(state: State, event: Word, now_s: float) -> State:
    if state.mode in POWERED:
        return replace(state, mode=Mode.STOPPED, causes=("stopped by a person",))
    return state


def _clear(state: State, event: Word, now_s: float) -> State:
    if state.mode is Mode.STOPPED or (state.mode is Mode.FAULT and state.worst is not Severity.FAULT):
        return _holding(state)
    return state


def _home(state: State, event: Word, now_s: float) -> State:
    return replace(state, mode=Mode.HOMING) if state.mode is Mode.HOLD and not _hindered(state) else state


def _park(state: State, event: Word, now_s: float) -> State:
    return replace(state, mode=Mode.PARKING) if state.mode in (Mode.HOLD, Mode.FAULT) else state


def _reached(state: State, event: Word, now_s: float) -> State:
    onward = {Mode.HOMING: Mode.HOLD, Mode.PARKING: Mode.RELEASING, Mode.RELEASING: Mode.READY}
    return replace(state, mode=onward.get(state.mode, state.mode), fresh=0)


def _limp(state: State, event: Word, now_s: float) -> State:
    return State(Mode.LIMP) if state.mode not in (Mode.CLOSED, Mode.LOST) else state


def _lost(state: State, event: Word, now_s: float) -> State:
    return replace(state, mode=Mode.LOST, causes=("the line is gone",)) if state.mode is not Mode.CLOSED else state


def _holding(state: State) -> State:
    return State(Mode.HOLD, faults=state.faults)


def _hindered(state: State) -> bool:
    return state.worst is not None and state.worst >= Severity.HOLD


def _named(faults: Faults, least: Severity) -> tuple[str, ...]:
    return tuple(name for name, severity in faults if severity >= least)


_HANDLERS: Mapping[Word | type, Callable[[State, Any, float], State]] = {
    Word.OPENED: _opened,
    Identified: _identified,
    Word.ARM: _arm,
    Armed: _armed,
    Commanded: _commanded,
    Word.LATE: _late,
    Tick: _tick,
    Word.HALT: _halt,
    Word.STOP: _stop,
    Word.CLEAR: _clear,
    Word.HOME: _home,
    Word.PARK: _park,
    Word.REACHED: _reached,
    Word.LIMP: _limp,
    Word.LOST: _lost,
}
