"""What a real servo does where the emulated one rests on a third party's word: asked, and set beside what is emulated.

Nothing is remembered: `lock` stays on, so all that is written is in memory that goes with the supply, and is put back.
Some behaviours show only in motion: up to a few degrees, at a fifth of the torque, for as long as a blink.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from control.errors import CalibrationError
from hardware.bus import BAUD, Bus
from hardware.cadence import Finding, on_the_line
from hardware.packets import Fault
from hardware.registers import STS3215
from hardware.servo import MIDDLE, RECENTRE
from hardware.servos import MODEL

GENTLE, NUDGE = 200, 40  # torque limit, 0.1 %; steps: 3.5 degrees
WITHIN = 8  # steps that count as the same place
SETTLED_S = 0.3
RETRIES = 5  # an emulated servo may be kept waiting by a busy machine
LEFT_ALONE = ("id", "baud_code", "lock", "torque_enable", "goal_position", "goal_speed", "goal_time", "max_torque")
RESTORED = tuple(name for name, row in STS3215.items() if row.access == "rw" and name not in LEFT_ALONE)


class Bench:
    """The servo under test."""

    def __init__(self, bus: Bus, id: int):
        self._bus, self._id = bus, id

    def __getitem__(self, name: str) -> int:
        return self._bus.read(self._id, name)

    def __setitem__(self, name: str, value: int) -> None:
        self._bus.write(self._id, name, value)

    @property
    def faults(self) -> Fault:
        status = self._bus.ping(self._id)
        return status.faults if status else Fault(0)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Off and gentle; afterwards off again, and as it was."""
        before = {name: self[name] for name in RESTORED}
        self["torque_enable"], self["torque_limit"] = 0, GENTLE
        try:
            yield
        finally:
            self["torque_enable"] = 0
            for name, value in before.items():
                if self[name] != value:
                    self[name] = value


def require_fit(port: str, id: int, baud: int = BAUD) -> None:
    """Raises PortError; CalibrationError for no such servo, another model, one that complains, holds, is not locked."""
    with closing(Bus(port, baud, retries=RETRIES)) as bus:
        bench = Bench(bus, id)
        if (status := bus.ping(id)) is None:
            raise CalibrationError(f"no servo answers as {id} at {baud} baud on {port}; twinarm find lists them")
        if (model := bench["model"]) != MODEL:
            raise CalibrationError(f"servo {id} is model {model}, not an STS3215 ({MODEL})")
        if status.faults:
            raise CalibrationError(f"servo {id} complains of {status.faults.name}; twinarm doctor says what to do")
        if bench["torque_enable"]:
            raise CalibrationError(f"servo {id} holds something up, and would be let go; lay the arm down first")
        if not bench["lock"]:
            raise CalibrationError(f"servo {id} is not locked, what is tried would be kept; switch it off and on first")


def probe(port: str, id: int, baud: int = BAUD) -> Iterator[Finding]:
    """Ask for one behaviour after another.

    Raises:
        PortError, CalibrationError: see `require_fit`.
        ServoSilent, BusLost: it no longer answers.
    """
    require_fit(port, id, baud)
    with closing(Bus(port, baud, retries=RETRIES)) as bus:
        bench = Bench(bus, id)
        for behaviour, emulated, look in BEHAVIOURS:
            with bench.lent():
                seen, alike = look(bench)
            yield Finding(behaviour, emulated, seen, alike)
        ids = tuple(status.id for status in bus.everyone())
    yield from on_the_line(port, baud, id, ids)


def switched_off_and_on(port: str, id: int, switch: Callable[[], None], baud: int = BAUD) -> Finding:
    """What outlives the supply, which `switch` takes away and gives back. Raises as `probe`."""
    require_fit(port, id, baud)
    with closing(Bus(port, baud, retries=RETRIES)) as bus:
        bench = Bench(bus, id)
        kept, limit = bench["p_gain"], bench["torque_limit"]
        bench["p_gain"], bench["torque_limit"] = kept + 1, GENTLE
        try:
            switch()
        except BaseException:
            bench["p_gain"], bench["torque_limit"] = kept, limit
            raise
        alike = (bench["lock"], bench["torque_enable"], bench["p_gain"]) == (1, 0, kept)
        alike = alike and bench["torque_limit"] == bench["max_torque"]
        names = ("lock", "torque_enable", "p_gain", "torque_limit")
        seen = ", ".join(f"{name} {bench[name]}" for name in names)
    return Finding("off and on", f"lock 1, torque_enable 0, p_gain {kept}, torque_limit as max_torque", seen, alike)


def _torque_on_holds(bench: Bench) -> tuple[str, bool]:
    place = bench["present_position"]
    bench["torque_enable"] = 1
    time.sleep(SETTLED_S)
    moved = abs(bench["present_position"] - place)
    return f"it moved {moved} steps", moved <= WITHIN


def _a_goal_switches_on(bench: Bench) -> tuple[str, bool]:
    bench["goal_position"] = bench["present_position"]
    on = bench["torque_enable"]
    return f"torque_enable is {on}", on == 1


def _a_goal_stays_within_limits(bench: Bench) -> tuple[str, bool]:
    place = bench["present_position"]
    bench["min_position"], bench["max_position"] = max(0, place - NUDGE // 2), place + NUDGE // 2
    bench["goal_position"] = place + NUDGE
    time.sleep(SETTLED_S)
    goal, moved = bench["goal_position_2"] - place, bench["present_position"] - place
    return f"the goal in force is {goal} steps away, it went {moved}", goal == NUDGE // 2 and moved <= goal + WITHIN


def _here_is_the_middle(bench: Bench) -> tuple[str, bool]:
    bench["torque_enable"] = RECENTRE
    place, on = bench["present_position"], bench["torque_enable"]
    return f"it reads {place}, torque_enable {on}", abs(place - MIDDLE) <= WITHIN and on == 0


def _another_mode_forgets(bench: Bench) -> tuple[str, bool]:
    bench["goal_position"] = bench["present_position"]
    bench["acceleration"], bench["mode"] = 50, 1
    left = bench["goal_speed"], bench["acceleration"], bench["torque_enable"]
    bench["mode"] = 0
    return f"speed, acceleration and torque are {left}", left == (0, 0, 0)


def _complains(bench: Bench, register: str, value: int, fault: Fault) -> tuple[str, bool]:
    """What becomes of torque and the fault's bit when a limit is moved beyond what is sensed, and back."""
    bench["unloading_condition"] = bench["unloading_condition"] | fault
    bench["goal_position"], kept = bench["present_position"], bench[register]
    bench[register] = value
    time.sleep(SETTLED_S)
    said, on = bool(bench.faults & fault), bench["torque_enable"]
    bench[register] = kept
    time.sleep(SETTLED_S)
    still, after = bool(bench.faults & fault), bench["torque_enable"]
    words = f"{'said' if said else 'not said'}, torque {on}; afterwards {'still' if still else 'no longer'}, {after}"
    return words, (said, on, still, after) == (True, 0, False, 0)


def _too_hot(bench: Bench) -> tuple[str, bool]:
    return _complains(bench, "max_temperature", max(0, bench["present_temperature"] - 3), Fault.TEMPERATURE)


def _too_little_voltage(bench: Bench) -> tuple[str, bool]:
    return _complains(bench, "min_voltage", min(255, bench["present_voltage"] + 10), Fault.VOLTAGE)


def _overload(bench: Bench) -> tuple[str, bool]:
    """Any load, of which holding still is one, is made to count as too much."""
    bench["overload_torque"], bench["protection_time"] = 0, 10
    bench["goal_position"] = bench["present_position"]
    time.sleep(SETTLED_S)
    said, on = bool(bench.faults & Fault.OVERLOAD), bench["torque_enable"]
    return f"{'said' if said else 'not said'}, torque {on}", (said, on) == (True, 1)


COMPLAINS = "said, torque 0; afterwards no longer, 0"
BEHAVIOURS: tuple[tuple[str, str, Callable[[Bench], tuple[str, bool]]], ...] = (
    ("torque on", "it stays where it is", _torque_on_holds),
    ("a goal while torque is off", "torque_enable becomes 1", _a_goal_switches_on),
    ("a goal beyond the limits", f"the goal in force is {NUDGE // 2} steps away", _a_goal_stays_within_limits),
    ("128 to torque_enable", f"it reads {MIDDLE}, torque_enable 0", _here_is_the_middle),
    ("another mode", "speed, acceleration and torque are (0, 0, 0)", _another_mode_forgets),
    ("too hot", COMPLAINS, _too_hot),
    ("too little voltage", COMPLAINS, _too_little_voltage),
    ("overload", "said, torque 1", _overload),
)
