"""What is right and wrong with an arm before it moves: its line, each servo, each camera. Only reads."""

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from control.errors import BusError, BusLost, CameraError, PortError
from control.types import JOINTS
from hardware.bus import Bus
from hardware.calibration import Calibration
from hardware.camera import Camera
from hardware.packets import Fault
from hardware.promptness import PRIORITY, prompt
from hardware.servos import MODEL, SETTINGS, STRAIGHTEN, misled
from hardware.vitals import FIRST, HEAT, SIZE

READINGS, PINGS = 100, 3
SLOW_S, LOSSY = 0.005, 0.95  # a reading should take less, and more of them should succeed
WATCHED_S = 1.5
FEWEST_HZ, OLDEST_S = 15.0, 0.1  # pictures a second, and how old the newest may be on average
NUMBERED = re.compile(r"/dev/video\d+")  # in the order in which they were plugged in
NOBODY = (
    "see the supply, the adapter's cable, and that this is the arm's port (twinarm find asks them all); twinarm "
    "setup-servos finds servos at another baud rate"
)
LOOSE = "see ids and plugs; a line that fails now and then is a loose plug"
SLOW_ADAPTER = (
    "set the adapter's latency timer to 1 ms (echo 1 | sudo tee /sys/bus/usb-serial/devices/*/latency_timer), or "
    "slack_s to 0.02 in the arm's file"
)
Outcome = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True)
class Check:
    """One thing looked at; `fix` says what to do about it."""

    name: str
    outcome: Outcome
    words: str
    fix: str = ""


def check_servos(port: str, calibration: Calibration, slack_s: float) -> Iterator[Check]:
    """The port, each joint's servo, what the calibration says of it, and how surely the line carries."""
    try:
        bus = Bus(port, slack_s=slack_s)
    except PortError as error:
        words, _, fix = str(error).partition("; ")
        yield Check("port", "FAIL", words, fix or "see that the adapter is plugged in and nothing else uses it")
        return
    try:
        yield Check("port", "PASS", f"{port} at {bus.baud} baud")
        heard = {status.id for status in bus.everyone()}
        if not heard and not bus.tallies.noise_bytes:
            yield Check("servos", "FAIL", f"nobody answers at {bus.baud} baud", NOBODY)
            return
        if (late_s := _quickest_s(bus, heard)) > slack_s:
            words = f"an answer comes after {1e3 * late_s:.0f} ms, and the driver waits for {1e3 * slack_s:.0f}"
            yield Check("adapter", "FAIL", words, SLOW_ADAPTER)
            return
        answering = True
        for name in JOINTS:
            checks = list(_servo(bus, name, calibration))
            answering &= checks[0].outcome == "PASS"
            yield from checks
        if answering:
            yield _firmware(bus, calibration)
            yield _line(bus, calibration)
    except BusLost as error:
        yield Check("line", "FAIL", str(error), "plug the adapter in again, into another socket if it happens again")
    except BusError as error:
        yield Check("line", "FAIL", str(error), LOOSE)
    finally:
        bus.close()


def _quickest_s(bus: Bus, ids: Collection[int]) -> float:
    """How long the soonest of a few answers takes; 0 where none is whole."""
    seconds = []
    with bus.patient():
        for id in [*ids][:PINGS]:
            began_s = time.perf_counter()
            if bus.ping(id) is not None:
                seconds.append(time.perf_counter() - began_s)
    return min(seconds, default=0.0)


def _servo(bus: Bus, name: str, calibration: Calibration) -> Iterator[Check]:
    joint = calibration.joints[name]
    try:
        if (answer := bus.ping(joint.id)) is None:
            fix = "see its cable and its power; twinarm setup-servos finds one with another id or baud rate"
            yield Check(name, "FAIL", f"servo {joint.id} does not answer", fix)
            return
        if (model := bus.read(joint.id, "model")) != MODEL:
            yield Check(name, "FAIL", f"servo {joint.id} is model {model}", f"put an STS3215 ({MODEL}) there")
            return
        yield _condition(bus, name, joint.id, answer.faults)
        yield from _settings(bus, name, calibration)
    except BusLost:
        raise
    except BusError as error:
        yield Check(name, "FAIL", str(error), LOOSE)


def _condition(bus: Bus, name: str, id: int, faults: Fault) -> Check:
    volts, celsius = bus.read(id, "present_voltage") / 10, bus.read(id, "present_temperature")
    low, high = (bus.read(id, register) / 10 for register in ("min_voltage", "max_voltage"))
    words = f"servo {id}: {volts:.1f} V, {celsius} degrees Celsius"
    if not low <= volts <= high:
        return Check(name, "FAIL", f"{words}; made for {low:.1f} to {high:.1f} V", "use the supply it is made for")
    if faults:
        told = ", ".join(fault.name.lower() for fault in Fault if fault in faults and fault.name)
        return Check(name, "FAIL", f"{words}; complains of {told}", "switch its supply off and on, and find the cause")
    if celsius >= HEAT[-1][0]:
        return Check(name, "WARN" if celsius < HEAT[0][0] else "FAIL", f"{words}; hot", "let it cool down")
    return Check(name, "PASS", words)


def _settings(bus: Bus, name: str, calibration: Calibration) -> Iterator[Check]:
    joint = calibration.joints[name]
    if off := _different(bus, joint.id, joint.remembered):
        fix = "use this arm's own calibration, or make it anew with twinarm calibrate"
        yield Check(f"{name}: calibration", "FAIL", off, fix)
    if turned := misled(bus, joint.id):
        yield Check(f"{name}: phase", "FAIL", turned, STRAIGHTEN)
    if off := _different(bus, joint.id, SETTINGS):
        yield Check(f"{name}: settings", "WARN", off, "nothing to do: arming writes what it needs")


def _different(bus: Bus, id: int, wanted: dict[str, int]) -> str:
    held = {register: bus.read(id, register) for register in wanted}
    off = [
        f"{register} is {held[register]}, wanted {value}"
        for register, value in wanted.items()
        if held[register] != value
    ]
    return "; ".join(off)


def _firmware(bus: Bus, calibration: Calibration) -> Check:
    having = defaultdict(list)
    for id in calibration.ids:
        having[f"{bus.read(id, 'firmware_major')}.{bus.read(id, 'firmware_minor')}"].append(str(id))
    if len(having) == 1:
        return Check("firmware", "PASS", next(iter(having)))
    words = "; ".join(f"{version} on servo {', '.join(ids)}" for version, ids in having.items())
    return Check(
        "firmware", "FAIL", f"not the same everywhere: {words}", "bring all to one version with Feetech's tool"
    )


def _line(bus: Bus, calibration: Calibration) -> Check:
    seconds, whole = [], 0
    with prompt(PRIORITY):  # as a driver has: it is the line that is asked about, not who else is busy here
        for _ in range(READINGS):
            began_s = time.perf_counter()
            whole += not bus.sync_read_bytes(calibration.ids, FIRST, SIZE).missing
            seconds.append(time.perf_counter() - began_s)
    middle, slow = np.quantile(seconds, [0.5, 0.99])
    words = f"{whole} of {READINGS} readings whole, {1e3 * middle:.1f} ms each, 99 % within {1e3 * slow:.1f} ms"
    if whole < READINGS:
        lossy: Outcome = "FAIL" if whole < LOSSY * READINGS else "WARN"
        return Check("line", lossy, words, "see the plugs, and the supply under load")
    if middle > SLOW_S:
        return Check("line", "WARN", words, SLOW_ADAPTER)
    if slow > SLOW_S:
        fix = "see what else this computer does: a driver has 10 ms for a reading and the goals"
        return Check("line", "WARN", words, fix)
    return Check("line", "PASS", words)


def check_camera_name(name: str, source: str) -> Iterator[Check]:
    """Nothing, unless the name goes to whichever camera is found first."""
    if NUMBERED.fullmatch(source):
        words = f"{source} may be another camera when they are plugged in again"
        yield Check(f"{name}: name", "WARN", words, "name it as twinarm find does, by path")


def check_camera(name: str, source: str, size: tuple[int, int], px: int) -> Check:
    """Whether it opens, how many pictures a second it gives, and how old they are when they are read."""
    try:
        camera = Camera(source, px, size)
    except CameraError as error:
        words, _, fix = str(error).partition("; ")
        return Check(name, "FAIL", words, fix or "see its plug, and that no other program has it")
    try:
        stamps, ages = _watched(camera)
    except CameraError as error:
        words, _, fix = str(error).partition("; ")
        return Check(name, "FAIL", words, fix or "see its plug, its lens and the light")
    finally:
        camera.close()
    hz, age_s = len(stamps) / WATCHED_S, float(np.mean(ages))
    words = f"{hz:.0f} pictures a second, {1e3 * age_s:.0f} ms old"
    if hz < FEWEST_HZ or age_s > OLDEST_S:
        return Check(name, "WARN", words, "more light lets it expose for less; use a socket of its own")
    return Check(name, "PASS", words)


def _watched(camera: Camera) -> tuple[set[float], list[float]]:
    """Distinct pictures' stamps, and the ages found."""
    stamps, ages, until_s = set[float](), list[float](), time.monotonic() + WATCHED_S
    while time.monotonic() < until_s:
        frame = camera.newest()
        stamps.add(frame.stamp_s)
        ages.append(time.monotonic() - frame.stamp_s)
        time.sleep(0.005)
    return stamps, ages
