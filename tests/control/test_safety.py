"""The safety machine: every mode met by every event, and what holds whatever happens."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from control.modes import (
    DRIVES,
    LATCHED,
    POWERED,
    Armed,
    Commanded,
    Drive,
    Event,
    Identified,
    Mode,
    Severity,
    State,
    Tick,
    Word,
)
from control.safety import FRESH_AGAIN, HARD_S, step

M, W, S = Mode, Word, Severity
WARM, SLOW, STUCK, BURNT = (("servo 1", severity) for severity in S)
CALM, WARNED, HINDERED, FAULTY = Tick(), Tick((WARM,)), Tick((STUCK,)), Tick((WARM, BURNT))
IN_TIME = Commanded(0.15)
EVENTS: dict[str, Event] = {
    **{word.value: word for word in W},
    "identified": Identified(),
    "identified as another": Identified(("another arm",)),
    "identified, left stopped": Identified(left=M.STOPPED),
    "identified, left at fault": Identified(left=M.FAULT),
    "armed": Armed(),
    "moved": Armed("it moved"),
    "commanded": IN_TIME,
    "tick": CALM,
    "tick, warned": WARNED,
    "tick, hindered": HINDERED,
    "tick, faulty": FAULTY,
}
# All that leads from a mode to another one; whatever is not here leads nowhere. Time has not passed; where it has, a
# tick makes a hold of what was active.
LEADS = {
    (M.CLOSED, "opened"): M.IDENTIFYING,
    (M.LOST, "opened"): M.IDENTIFYING,
    (M.REFUSED, "opened"): M.IDENTIFYING,
    (M.LIMP, "opened"): M.IDENTIFYING,
    (M.IDENTIFYING, "identified"): M.READY,
    (M.IDENTIFYING, "identified as another"): M.REFUSED,
    (M.IDENTIFYING, "identified, left stopped"): M.STOPPED,
    (M.IDENTIFYING, "identified, left at fault"): M.FAULT,
    (M.READY, "arm"): M.ARMING,
    (M.ARMING, "armed"): M.HOLD,
    (M.ARMING, "moved"): M.REFUSED,
    (M.HOLD, "commanded"): M.ACTIVE,
    (M.HOLD, "home"): M.HOMING,
    (M.HOLD, "park"): M.PARKING,
    (M.FAULT, "park"): M.PARKING,
    (M.ACTIVE, "halt"): M.HOLD,
    (M.HOMING, "halt"): M.HOLD,
    (M.HOMING, "barred"): M.HOLD,
    (M.PARKING, "barred"): M.HOLD,
    (M.PARKING, "halt"): M.HOLD,
    (M.HOMING, "commanded"): M.HOLD,
    (M.ACTIVE, "tick, hindered"): M.HOLD,
    (M.HOMING, "tick, hindered"): M.HOLD,
    (M.PARKING, "tick, hindered"): M.HOLD,
    (M.HOMING, "reached"): M.HOLD,
    (M.PARKING, "reached"): M.RELEASING,
    (M.RELEASING, "reached"): M.READY,
    (M.STOPPED, "clear"): M.HOLD,
    (M.FAULT, "clear"): M.HOLD,
    **{(mode, "stop"): M.STOPPED for mode in POWERED},
    **{(mode, "tick, faulty"): M.FAULT for mode in POWERED},
    **{(mode, "limp"): M.LIMP for mode in M if mode not in (M.CLOSED, M.LOST, M.LIMP)},
    **{(mode, "lost"): M.LOST for mode in M if mode not in (M.CLOSED, M.LOST)},
}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("mode", M)
def test_every_mode_answers_every_event_as_the_table_says(mode, name):
    after, drive = step(State(mode), EVENTS[name], 0.0)
    assert after.mode is LEADS.get((mode, name), mode)
    assert drive is DRIVES[after.mode]


def test_every_mode_is_reached_and_left():
    for ends in (set(LEADS.values()), {mode for mode, _ in LEADS}):
        assert set(M) - ends <= {M.CLOSED}


def run(*events: Event | float) -> State:
    """The events one after another from an arm that is held; a number lets that many seconds pass."""
    state, now_s = State(M.HOLD), 10.0
    for event in events:
        if isinstance(event, float):
            now_s += event
        else:
            state, _ = step(state, event, now_s)
    return state


def test_a_time_that_is_none_counts_as_the_shortest():
    assert run(Commanded(float("nan")), 0.06, CALM).mode is M.HOLD


@pytest.mark.parametrize(
    ("ttl_s", "quiet_s", "mode"),
    [(0.15, 0.14, M.ACTIVE), (0.15, 0.16, M.HOLD), (0.01, 0.04, M.ACTIVE), (9.0, 0.19, M.ACTIVE), (9.0, 0.21, M.HOLD)],
)
def test_a_client_that_falls_silent_is_held_after_as_long_as_it_asked_within_bounds(ttl_s, quiet_s, mode):
    assert run(Commanded(ttl_s), quiet_s, CALM).mode is mode


def test_a_client_that_was_late_moves_again_after_five_commands_in_time():
    late = (IN_TIME, 0.3, CALM)
    assert run(*late, *[IN_TIME] * (FRESH_AGAIN - 1)).mode is M.HOLD
    assert run(*late, *[IN_TIME] * FRESH_AGAIN).mode is M.ACTIVE
    assert run(*late, *[IN_TIME] * 4, W.LATE, *[IN_TIME] * 4).mode is M.HOLD


def test_after_a_second_of_silence_the_next_client_starts_afresh():
    assert run(IN_TIME, 0.3, CALM, HARD_S, CALM, IN_TIME).mode is M.ACTIVE


def test_a_command_executes_nothing_while_a_fault_hinders():
    assert run(HINDERED, *[IN_TIME] * 10).mode is M.HOLD
    assert run(HINDERED, CALM, IN_TIME).mode is M.ACTIVE
    assert run(IN_TIME, HINDERED, CALM, *[IN_TIME] * 4).mode is M.HOLD


def test_what_once_held_the_arm_is_no_cause_after_the_next_glide():
    assert run(IN_TIME, HINDERED, CALM).causes == ("servo 1",)
    assert run(IN_TIME, HINDERED, CALM, W.HOME, W.REACHED).causes == ()


def test_a_stop_that_is_heard_while_it_is_being_known_keeps_it_from_being_armed():
    state = State()
    for event in (W.OPENED, W.STOP, Identified(), W.ARM):
        state, _ = step(state, event, 10.0)
    assert state.mode is M.READY and state.causes
    for event in (W.CLEAR, W.ARM):
        state, _ = step(state, event, 10.0)
    assert state.mode is M.ARMING


def test_a_fault_that_stands_cannot_be_cleared():
    faulty = run(IN_TIME, FAULTY)
    assert faulty.causes == ("servo 1",)
    assert step(faulty, W.CLEAR, 11.0)[0].mode is M.FAULT
    assert step(step(faulty, CALM, 11.0)[0], W.CLEAR, 11.0)[0].mode is M.HOLD


def test_an_arm_is_parked_in_spite_of_the_fault_it_is_parked_for_but_of_no_other():
    parking = run(FAULTY, W.PARK, FAULTY)
    assert parking.mode is M.PARKING
    assert step(parking, Tick((("servo 2", S.FAULT),)), 11.0)[0].mode is M.FAULT
    assert run(FAULTY, W.PARK, FAULTY, W.REACHED, FAULTY, W.REACHED).mode is M.READY


def test_what_went_wrong_after_the_first_fault_does_not_keep_an_arm_from_being_parked():
    worse = Tick((("servo 1", S.FAULT), ("servo 2", S.FAULT)))
    parking = run(FAULTY, worse, W.PARK, worse)
    assert parking.mode is M.PARKING and parking.causes == ("servo 1", "servo 2")


@pytest.mark.parametrize(("faults", "derated"), [((), False), ((WARM,), False), ((SLOW,), True), ((STUCK, WARM), True)])
def test_the_worst_fault_counts(faults, derated):
    assert run(Tick(faults)).derated is derated


# Every state that there is, from a closed port on


def lawful(before: State, event: Event, after: State, drive: Drive) -> None:
    """What holds of any transition."""
    if before.mode in LATCHED and after.mode not in (before.mode, M.LIMP, M.LOST):
        allowed = {M.FAULT: (W.CLEAR, W.PARK), M.STOPPED: (W.CLEAR,), M.LOST: (W.OPENED,)}[before.mode]
        assert event in allowed
    if before.mode not in POWERED | LATCHED and after.mode in POWERED:
        assert event is W.ARM and after.mode is M.ARMING
    if drive is Drive.LIMP and before.mode is not M.LIMP:
        assert event is W.LIMP
    if after.mode is M.ACTIVE and before.mode is not M.ACTIVE:
        assert isinstance(event, Commanded) and before.mode is M.HOLD
    if event is W.STOP and before.mode in POWERED:
        assert after.mode is M.STOPPED and drive is Drive.STAY
    assert (drive is Drive.FOLLOW) == (after.mode is M.ACTIVE)
    assert after.mode not in (M.FAULT, M.STOPPED, M.LOST, M.REFUSED) or after.causes


AGES_S = (0.0, 0.1, 0.3, 1.2)  # of a command: in time, in time, late, forgotten


def aged(state: State, now_s: float) -> State:
    """The same state at second 0, its last command's age rounded up to one of AGES_S."""
    age_s = next((age_s for age_s in AGES_S if now_s - state.commanded_s <= age_s), AGES_S[-1])
    return replace(state, commanded_s=-age_s, fresh=min(state.fresh, FRESH_AGAIN))


def transitions() -> Iterator[tuple[State, str, State]]:
    """Every event in every state that can be reached, ticks after every age."""
    known = {aged(State(), 0.0)}
    waiting = list(known)
    while waiting:
        before = waiting.pop()
        for name, event in EVENTS.items():
            for now_s in AGES_S if isinstance(event, Tick) else (0.0,):
                after, drive = step(before, event, now_s)
                lawful(before, event, after, drive)
                yield before, name, after
                if (later := aged(after, now_s)) not in known:
                    known.add(later)
                    waiting.append(later)


def test_whatever_happens_from_a_closed_port_on_is_lawful_and_every_line_of_the_table_happens():
    count, states, led = 0, set(), set()
    for before, name, after in transitions():
        count += 1
        states.add(before)
        if after.mode is not before.mode:
            led.add((before.mode, name))
    quiet = {(M.ACTIVE, name) for name in EVENTS if name.startswith("tick")}
    assert led - quiet == set(LEADS) - quiet and quiet <= led
    told = (
        f"{len(EVENTS)} events in each of {len(M)} modes, {len(EVENTS) * len(M)} pairs, of which {len(led)} lead to "
        f"another mode; {len(states):,} states and {count:,} transitions between them"
    )
    assert told in " ".join(Path("docs/arm.md").read_text().split()), told


class Machine(RuleBasedStateMachine):
    """Anything in any order, at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now_s = State(), 0.0
        self.heard_s = -1e9

    def happen(self, event: Event) -> None:
        before = self.state
        self.state, drive = step(before, event, self.now_s)
        lawful(before, event, self.state, drive)
        if isinstance(event, Commanded):
            self.heard_s = self.now_s

    @rule(word=st.sampled_from([*W]))
    def hear(self, word: Word) -> None:
        self.happen(word)

    @rule(refused=st.booleans())
    def identify(self, refused: bool) -> None:
        self.happen(Identified(("another arm",) if refused else ()))

    @rule(refused=st.booleans())
    def settle(self, refused: bool) -> None:
        self.happen(Armed("it moved" if refused else ""))

    @rule(ttl_s=st.floats(0, 10))
    def command(self, ttl_s: float) -> None:
        self.happen(Commanded(ttl_s))

    @rule(wait_s=st.floats(0, 2), faults=st.lists(st.sampled_from([WARM, SLOW, STUCK, BURNT]), max_size=3))
    def tick(self, wait_s: float, faults: list) -> None:
        self.now_s += wait_s
        self.happen(Tick(tuple(faults)))
        if self.state.mode is M.ACTIVE:
            assert self.now_s - self.heard_s <= 0.2 and not any(severity >= S.HOLD for _, severity in faults)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


def test_a_state_is_never_changed_in_place():
    before = State(M.HOLD)
    step(before, IN_TIME, 1.0)
    assert before == replace(State(M.HOLD))
