"""Emulated servos on one line: bytes in, answers out, each with the moment it would be sent.

Sources as in servo.py, and P: what outside clients were seen to need of an emulated chain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardware import packets
from hardware.motor import Motor
from hardware.packets import BROADCAST, Instruction, Unframer

BAUDS = (1_000_000, 500_000, 250_000, 128_000, 115_200, 76_800, 57_600, 38_400)  # by baud_code
BITS_PER_BYTE = 10
GAP_S = 0.005  # a packet that pauses longer is forgotten (P): else its length would swallow the next ones
DELAY_S = 2e-6  # per count of return_delay
PING_SLOT_S = 0.001  # broadcast pings are answered one after another, by id; how far apart is to be confirmed
SLOT_BYTES = 3  # a sync read's answers keep this distance (R, to confirm)


@dataclass(frozen=True)
class Answer:
    """Bytes for the line, and when after the question's last byte they begin."""

    after_s: float
    data: bytes


class Chain:
    """What a controller would find on the line.

    Args:
        motors: of the servos, in no particular order; two may have the same id, and then garble each other.
    """

    def __init__(self, motors: Sequence[Motor]):
        self.motors = list(motors)
        self.deaf: set[int] = set()  # ids whose data line is broken
        self._frames = Unframer()
        self._heard_s = 0.0

    def receive(self, data: bytes, now_s: float, baud: int = BAUDS[0]) -> list[Answer]:
        """What is answered to these bytes, which arrived at `now_s`; servos set to another baud hear nothing."""
        if now_s - self._heard_s > GAP_S:
            self._frames = Unframer()
        self._heard_s = now_s
        found = self._frames.feed(data)
        hearing = [motor for motor in self.motors if self._hears(motor, baud)]
        byte_s = BITS_PER_BYTE / baud
        return [answer for packet in found for answer in _mixed(self._answers(hearing, byte_s, *packet))]

    def _hears(self, motor: Motor, baud: int) -> bool:
        return motor.servo["id"] not in self.deaf and BAUDS[motor.servo["baud_code"] % len(BAUDS)] == baud

    def _answers(self, hearing: list[Motor], byte_s: float, id: int, code: int, body: bytes) -> Iterator[Answer]:
        if id == BROADCAST and code == Instruction.SYNC_READ and len(body) >= 2:
            yield from _sync_read(hearing, byte_s, body[0], body[1], body[2:])
        elif id == BROADCAST and code == Instruction.SYNC_WRITE and len(body) >= 2:
            _sync_write(hearing, body[0], body[1], body[2:])
        else:
            for motor in hearing:
                if motor.servo["id"] == id:
                    yield from _obey(motor, code, body)
                elif id == BROADCAST and code == Instruction.PING:
                    yield Answer(motor.servo["id"] * PING_SLOT_S, _status(motor))
                elif id == BROADCAST:
                    list(_obey(motor, code, body))


def _obey(motor: Motor, code: int, body: bytes) -> Iterator[Answer]:
    """One instruction to one servo, answered as its response level says."""
    servo = motor.servo
    after_s, always = servo["return_delay"] * DELAY_S, code in (Instruction.PING, Instruction.READ)
    motor.report()
    data = b""
    if code == Instruction.READ and len(body) == 2:
        data = servo.read(body[0], body[1])
    elif code == Instruction.WRITE and len(body) >= 2:
        before = _status(motor, id=servo["id"])
        servo.write(body[0], body[1:])
        if servo["response_level"]:
            yield Answer(after_s, before)  # from the id it was asked by, should that have changed
        return
    elif code == Instruction.REG_WRITE and len(body) >= 2:
        servo.store(body[0], body[1:])
    elif code == Instruction.ACTION:
        servo.act()
    elif code != Instruction.PING:
        return
    if always or servo["response_level"]:
        yield Answer(after_s, _status(motor, data))


def _sync_read(hearing: list[Motor], byte_s: float, address: int, size: int, ids: bytes) -> Iterator[Answer]:
    """Each in its own slot, so that who is missing leaves a gap and the others still answer."""
    for slot, id in enumerate(ids):
        for motor in hearing:
            if motor.servo["id"] == id:
                motor.report()
                data = motor.servo.read(address, size)
                delay_s = motor.servo["return_delay"] * DELAY_S
                yield Answer(delay_s + slot * (size + 6 + SLOT_BYTES) * byte_s, _status(motor, data))


def _sync_write(hearing: list[Motor], address: int, size: int, rows: bytes) -> None:
    for at in range(0, len(rows) - size, size + 1):
        for motor in hearing:
            if motor.servo["id"] == rows[at]:
                motor.report()
                motor.servo.write(address, rows[at + 1 : at + 1 + size])


def _status(motor: Motor, data: bytes = b"", id: int | None = None) -> bytes:
    return packets.frame(motor.servo["id"] if id is None else id, motor.servo["status"], data)


def _mixed(answers: Iterator[Answer]) -> list[Answer]:
    """In the order they begin; what begins together garbles each other, as on a wire that any of them pulls low."""
    line: list[Answer] = []
    for answer in sorted(answers, key=lambda one: one.after_s):
        if line and line[-1].after_s == answer.after_s:
            longer, other = sorted((line[-1].data, answer.data), key=len, reverse=True)
            garbled = bytes(a & b for a, b in zip(longer, other.ljust(len(longer), b"\xff"), strict=True))
            line[-1] = Answer(answer.after_s, garbled)
        else:
            line.append(answer)
    return line
