"""Who may move the arm, and what it does when something is wrong: one pure state machine for sim, twin and arm.

    closed ─ opened → identifying ─ Identified → ready ─ arm → arming ─ Armed → hold ⇄ active
                                                   ↑                             ↓ ↑
                                     reached ─ releasing ← reached ─ parking ← ──┘ └ homing

Nothing moves before somebody arms it, and arming only holds the pose that is found. Commands make `hold` into `active`;
their absence makes it `hold` again. What goes wrong with the software holds; a fault of a servo holds weakly and stays
(`fault`), as does a stop that somebody asked for (`stopped`): only an operator's `clear` leads on, and only to `hold`.
An arm that is not held yet and was told to stop is not armed before that, either.
The arm goes limp on an explicit word alone, for limp it falls. This is no certified safety function: keep a switch in
the servos' supply, and know that cutting the supply drops the arm.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from control.modes import (
    DRIVES,
    LATEST_S,
    POWERED,
    Armed,
    Commanded,
    Drive,
    Event,
    Faults,
    Identified,
    Mode,
    Severity,
    State,
    Tick,
    Word,
)

BY_A_PERSON = "stopped by a person"
SOONEST_S = 0.05  # from here to LATEST_S a client may choose how long its command counts
HARD_S = 1.0  # without a command: whoever was active starts over
BARRED = "the straight way there is barred by the table, or by something that the arm pushes against"
FRESH_AGAIN = 5  # commands in time, one after another, before a client that was late may move again


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
    if event.refusals:
        return State(Mode.REFUSED, causes=event.refusals)
    if event.left is not None:
        return State(event.left, causes=(f"it was left at {event.left}", *state.causes))
    return State(Mode.READY, causes=state.causes)


def _arm(state: State, event: Word, now_s: float) -> State:
    return replace(state, mode=Mode.ARMING) if state.mode is Mode.READY and not state.causes else state


def _armed(state: State, event: Armed, now_s: float) -> State:
    if state.mode is not Mode.ARMING:
        return state
    return State(Mode.REFUSED, causes=(event.refusal,)) if event.refusal else _holding(state)


def _commanded(state: State, event: Commanded, now_s: float) -> State:
    if state.mode is Mode.HOMING:
        return _holding(state)
    if state.mode not in (Mode.HOLD, Mode.ACTIVE) or _hindered(state):
        return state
    ttl_s = min(max(event.ttl_s, SOONEST_S), LATEST_S) if math.isfinite(event.ttl_s) else SOONEST_S
    state = replace(state, commanded_s=now_s, ttl_s=ttl_s, fresh=state.fresh + 1)
    return replace(state, mode=Mode.ACTIVE, causes=()) if state.fresh >= state.needed else state


def _late(state: State, event: Word, now_s: float) -> State:
    return replace(state, fresh=0, needed=FRESH_AGAIN) if state.mode is Mode.HOLD else state


def _tick(state: State, event: Tick, now_s: float) -> State:
    state = replace(state, faults=event.faults)
    broken, hindering = (_named(event.faults, severity) for severity in (Severity.FAULT, Severity.HOLD))
    if state.mode is Mode.STOPPED:
        return replace(state, causes=(*state.causes, *(name for name in broken if name not in state.causes)))
    # Who parks an arm because of a fault goes on parking it.
    parking, known = state.mode in (Mode.PARKING, Mode.RELEASING), set(state.causes)
    if broken and state.mode in POWERED and not (parking and set(broken) <= known):
        return replace(state, mode=Mode.FAULT, causes=broken)
    quiet_s = now_s - state.commanded_s
    barred = state.mode is Mode.HOMING and hindering or state.mode is Mode.PARKING and not set(hindering) <= known
    if barred or (state.mode is Mode.ACTIVE and (hindering or quiet_s > state.ttl_s)):
        return replace(_holding(state), needed=FRESH_AGAIN, commanded_s=state.commanded_s, causes=hindering)
    if state.mode is Mode.HOLD and quiet_s > HARD_S:
        return replace(state, fresh=0, needed=1)  # whoever it was is gone; the next one starts afresh
    return state


def _halt(state: State, event: Word, now_s: float) -> State:
    return _holding(state) if state.mode in (Mode.ACTIVE, Mode.HOMING, Mode.PARKING) else state


def _stop(state: State, event: Word, now_s: float) -> State:
    if state.mode in POWERED:
        return replace(state, mode=Mode.STOPPED, causes=(BY_A_PERSON,))
    if state.mode in (Mode.IDENTIFYING, Mode.READY, Mode.FAULT) and BY_A_PERSON not in state.causes:
        return replace(state, causes=(*state.causes, BY_A_PERSON))
    return state


def _clear(state: State, event: Word, now_s: float) -> State:
    if state.mode is Mode.STOPPED or (state.mode is Mode.FAULT and state.worst is not Severity.FAULT):
        return _holding(state)
    return replace(state, causes=()) if state.mode is Mode.READY else state


def _home(state: State, event: Word, now_s: float) -> State:
    if state.mode is Mode.HOLD and not _hindered(state):
        return replace(state, mode=Mode.HOMING, causes=())
    return state


def _park(state: State, event: Word, now_s: float) -> State:
    if state.mode is Mode.FAULT:  # what came after the first fault is known to whoever parks it now
        news = [name for name in _named(state.faults, Severity.FAULT) if name not in state.causes]
        return replace(state, mode=Mode.PARKING, causes=(*state.causes, *news))
    return replace(state, mode=Mode.PARKING) if state.mode is Mode.HOLD else state


def _reached(state: State, event: Word, now_s: float) -> State:
    onward = {Mode.HOMING: Mode.HOLD, Mode.PARKING: Mode.RELEASING, Mode.RELEASING: Mode.READY}
    return replace(state, mode=onward.get(state.mode, state.mode), fresh=0)


def _barred(state: State, event: Word, now_s: float) -> State:
    gliding = state.mode in (Mode.HOMING, Mode.PARKING)
    return replace(_holding(state), causes=(BARRED,)) if gliding else state


def _limp(state: State, event: Word, now_s: float) -> State:
    return State(Mode.LIMP) if state.mode not in (Mode.CLOSED, Mode.LOST, Mode.LIMP) else state


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
    Word.BARRED: _barred,
    Word.LIMP: _limp,
    Word.LOST: _lost,
}
