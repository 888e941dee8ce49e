"""Giving a new servo its place in the arm: found alone on the line at whatever baud rate and id it came with."""

from contextlib import closing, suppress
from dataclasses import dataclass

from control.errors import CalibrationError, PortError, ServoSilent
from hardware.bus import BAUD, Bus
from hardware.servos import MODEL, SETTINGS, settings
from hardware.vitals import FIRST, SIZE

RATES = (1_000_000, 500_000, 115_200, 57_600, 38_400)  # of the servo's eight, those that a port does everywhere


@dataclass(frozen=True)
class Found:
    """A servo alone on the line."""

    id: int
    baud: int


def alone(port: str) -> Found:
    """The one servo that is connected.

    Raises:
        CalibrationError: there is none, more than one, or another model.
        PortError, BusLost: the port cannot be used.
    """
    for baud in RATES:
        try:
            bus = Bus(port, baud)
        except PortError:
            if baud == BAUD:
                raise
            continue
        with closing(bus), bus.patient():  # an adapter may be slow as it comes, and nobody has said so yet
            answers = bus.everyone()
            if len(answers) > 1:
                ids = ", ".join(str(status.id) for status in answers)
                raise CalibrationError(f"{len(answers)} servos answer (ids {ids}); connect one only")
            if (not answers and bus.tallies.noise_bytes) or (answers and not _is_one(bus, answers[0].id)):
                raise CalibrationError("several servos of one id answer at once; connect one only")
            if answers:
                id = answers[0].id
                if (model := bus.read(id, "model")) != MODEL:
                    raise CalibrationError(f"servo {id} is model {model}, not an STS3215 ({MODEL})")
                return Found(id, baud)
    raise CalibrationError("no servo answers at any baud rate; see its cable and its power")


def _is_one(bus: Bus, id: int) -> bool:
    """Two that came with one id answer a ping alike, and look like one; not what they sense. Raises ServoSilent too."""
    noise_bytes = bus.tallies.noise_bytes
    try:
        bus.read_bytes(id, FIRST, SIZE)
    except ServoSilent:
        if bus.tallies.noise_bytes == noise_bytes:
            raise
        return False
    return True


def enrol(port: str, found: Found, id: int) -> None:
    """Let it remember this id, our baud rate and the settings that a driver relies on.

    Raises:
        CalibrationError, NotKept: it did not keep them; the same again is safe.
        ServoSilent, BusLost: it no longer answers.
    """
    with closing(Bus(port, found.baud, retries=2)) as bus, bus.patient():
        bus.remember(found.id, {"response_level": SETTINGS["response_level"]})  # or nothing more is acknowledged
        bus.write(found.id, "lock", 0)
        if found.id != id:
            with suppress(ServoSilent):  # it may answer under either id
                bus.write(found.id, "id", id)
        if found.baud != BAUD:
            with suppress(ServoSilent):  # nor is it said at which rate it answers
                bus.write(id, "baud_code", 0)
    with closing(Bus(port, BAUD, retries=2)) as bus, bus.patient():
        if bus.ping(id) is None:
            raise CalibrationError(
                f"the servo does not answer as {id} at {BAUD} baud; switch it off and on, and try again"
            )
        bus.remember(id, settings(bus, id))
