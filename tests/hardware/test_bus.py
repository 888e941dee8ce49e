"""The bus on a real pseudo-terminal: against an emulated chain, and against a line that misbehaves."""

import os
import pty
import select
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from rig import running

from control.errors import BusLost, PortError, ServoSilent
from hardware import packets
from hardware.bus import ROLL_CALL_S, Bus
from hardware.chain import Answer, Chain
from hardware.line import Line
from hardware.motor import Motor
from hardware.packets import Fault, frame
from hardware.port import holding
from hardware.registers import STS3215
from hardware.servo import EEPROM, Servo
from hardware.tallies import WINDOW

pytestmark = pytest.mark.clock

IDS = tuple(range(1, 7))
PATIENT_S = 0.1  # of a test on a busy machine
NOBODY = 65534
KEEPING_S = 0.07


@pytest.fixture
def chain() -> Chain:
    return Chain([Motor(Servo({"id": id})) for id in IDS])


@pytest.fixture
def bus(chain) -> Iterator[Bus]:
    with Line(chain) as line, running(lambda: line.pass_on(time.monotonic() + 0.005)):
        bus = Bus(line.port, slack_s=PATIENT_S)
        yield bus
        bus.close()


class Wire:
    """The far end of a line: answers the n-th question with the n-th of these, whatever it is."""

    def __init__(self, *answers: bytes | Callable[[bytes], bytes]):
        self.end, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.port, self._answers = os.ttyname(self._theirs), list(answers)
        self.heard: list[bytes] = []

    def answer(self) -> None:
        if self._answers and select.select([self.end], [], [], 0.01)[0]:
            self.heard.append(os.read(self.end, 4096))
            answer = self._answers.pop(0)
            os.write(self.end, answer(self.heard[-1]) if callable(answer) else answer)
        else:
            time.sleep(0.001)


@contextmanager
def wired(*answers: bytes | Callable[[bytes], bytes], **how: float) -> Iterator[tuple[Bus, Wire]]:
    wire = Wire(*answers)
    bus = Bus(wire.port, **{"slack_s": PATIENT_S, **how})
    with running(wire.answer):
        yield bus, wire
    bus.close()


def position(id: int, steps: int = 2048, faults: int = 0) -> bytes:
    return frame(id, faults, steps.to_bytes(2, "little"))


def read_positions(bus: Bus, *ids: int) -> dict[int, int]:
    row = STS3215["present_position"]
    return {id: row.decode(data) for id, data in bus.sync_read(ids, "present_position").data.items()}


def test_what_is_written_is_read_back(bus, chain):
    assert bus.write(3, "torque_limit", 400) == Fault(0)
    assert bus.read(3, "torque_limit") == chain.motors[2].servo["torque_limit"] == 400
    bus.sync_write("goal_position", {id: 1000 + id for id in IDS})
    answers = bus.sync_read(IDS, "goal_position")
    assert {id: int.from_bytes(data, "little") for id, data in answers.data.items()} == {id: 1000 + id for id in IDS}
    assert (answers.faults, answers.missing) == ({}, ())


def test_a_servo_that_acknowledges_nothing_remembers_that_it_should(bus, chain):
    servo = chain.motors[2].servo
    for address, value in ((55, 0), (8, 0), (55, 1)):
        servo.write(address, bytes([value]))
    assert bus.remember(3, {"p_gain": 20, "response_level": 1}) == 2
    servo.power_up()
    assert (servo["p_gain"], servo["response_level"], servo["lock"]) == (20, 1, 1)


def test_a_servo_may_be_long_in_keeping_a_setting(chain):
    def busy(question: bytes, answers: list[Answer]) -> list[Answer]:
        keeps = question[4] == packets.Instruction.WRITE and question[5] < EEPROM
        return [Answer(KEEPING_S, answer.data) for answer in answers] if keeps else answers

    with (
        Line(chain, spoil=busy) as line,
        running(lambda: line.pass_on(time.monotonic() + 0.005)),
        closing(Bus(line.port, slack_s=KEEPING_S / 4)) as bus,
    ):
        assert bus.remember(3, {"p_gain": 20, "d_gain": 20}) == 2
    assert (chain.motors[2].servo["p_gain"], chain.motors[2].servo["d_gain"]) == (20, 20)


def test_opening_and_closing_change_no_register(chain):
    before = [motor.servo.read(0, 255) for motor in chain.motors]
    with Line(chain) as line, running(lambda: line.pass_on(time.monotonic() + 0.005)):
        Bus(line.port).close()
        time.sleep(0.02)
    assert [motor.servo.read(0, 255) for motor in chain.motors] == before


def test_a_client_that_leaves_can_come_back(chain):
    with Line(chain) as line, running(lambda: line.pass_on(time.monotonic() + 0.005)):
        for _ in range(3):
            bus = Bus(line.port, slack_s=PATIENT_S)
            assert bus.ping(1) is not None
            bus.close()


def test_servos_answer_however_far_behind_their_world_is(chain):
    def late() -> None:
        line.pass_on(time.monotonic() - 1.0)
        time.sleep(0.0005)

    with Line(chain) as line, running(late), closing(Bus(line.port, slack_s=PATIENT_S)) as bus:
        assert bus.ping(1) is not None


def test_a_silent_servo_costs_nobody_elses_answer(bus):
    answers = bus.sync_read((1, 9, 2), "id")
    assert dict(answers.data) == {1: b"\1", 2: b"\2"} and answers.missing == (9,)
    tally = bus.tallies.of(9)
    assert (tally.asked, tally.answered, tally.retried, tally.silent) == (1, 0, 1, 1)
    assert bus.tallies.of(1).answered == 1 and bus.tallies.success == 0.0
    with pytest.raises(ServoSilent, match="servo 9 on .* is it powered"):
        bus.read(9, "id")
    assert bus.ping(9) is None


def test_faults_are_told_with_the_answers(bus, chain):
    chain.motors[1]._faults = Fault.OVERLOAD
    assert dict(bus.sync_read(IDS, "id").faults) == {2: Fault.OVERLOAD}
    assert bus.write(2, "torque_enable", 0) == Fault.OVERLOAD


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("whole", position(1, 7) + position(2, 8)),
        ("echoed", lambda asked: asked + position(1, 7) + position(2, 8)),
        ("out of order", position(2, 8) + position(1, 7)),
        ("twice", position(1, 7) + position(1, 9) + position(2, 8)),
        ("after noise", b"\0\xff\1\xff\xff\xff" + position(1, 7) + position(2, 8)),
        ("amid strangers", position(5, 1) + position(1, 7) + frame(1, 0, b"\1") + position(2, 8)),
    ],
)
def test_answers_are_found_however_they_come(name, answer):
    with wired(answer) as (bus, _):
        assert read_positions(bus, 1, 2) == {1: 7, 2: 8}


@pytest.mark.parametrize(
    ("name", "answer", "noise", "strangers", "echoes"),
    [
        ("checksum", position(1, 7)[:-1] + b"\0", 8, 0, 0),
        ("stranger", position(5, 7), 0, 1, 0),
        ("size", frame(1, 0, b"\1\2\3"), 0, 1, 0),
        ("an echo and nothing else", lambda asked: asked, 0, 0, 1),
        ("4 kB of noise", bytes(4000), 4000, 0, 0),
    ],
)
def test_what_is_no_answer_is_counted_and_never_used(name, answer, noise, strangers, echoes):
    with wired(answer, slack_s=0.05, retries=0) as (bus, _):
        assert read_positions(bus, 1) == {}
        counted = bus.tallies
        assert (counted.strangers, counted.echoes) == (strangers, echoes)
        assert counted.noise_bytes >= min(noise, 8) - 3  # that many come before the bus has heard enough


def test_a_damaged_answer_is_asked_for_again_and_only_that_one():
    with wired(position(1, 7) + position(2, 8)[:-1] + b"\0", position(2, 8)) as (bus, wire):
        assert read_positions(bus, 1, 2) == {1: 7, 2: 8}
        assert wire.heard[1] == packets.sync_read([2], 56, 2)
        assert (bus.tallies.of(1).retried, bus.tallies.of(2).retried, bus.tallies.success) == (0, 1, 1.0)


def test_answers_later_than_their_retry_are_not_the_next_questions():
    late_s = 0.06

    def answered_late(question: bytes) -> bytes:
        time.sleep(late_s)
        return frame(1, 0, STS3215["present_position"].encode(700))

    def answered(question: bytes) -> bytes:
        return frame(1, 0, STS3215["max_position"].encode(2851))

    with wired(answered_late, answered_late, answered, slack_s=0.04) as (bus, wire):
        assert bus.read(1, "present_position") == 700  # the first question's answer, while the second's is on its way
        assert bus.read(1, "max_position") == 2851
        assert len(wire.heard) == 3


def test_an_answer_that_comes_too_late_is_not_the_next_questions():
    with wired(b"", position(1, 9), slack_s=0.03, retries=0) as (bus, wire):
        assert read_positions(bus, 1) == {}
        os.write(wire.end, position(1, 7))
        time.sleep(0.02)
        assert read_positions(bus, 1) == {1: 9}


def test_an_answer_in_crumbs_is_put_together():
    def crumbs(_: bytes) -> bytes:
        for byte in position(1, 7)[:-1]:
            os.write(wire.end, bytes([byte]))
            time.sleep(0.002)
        return position(1, 7)[-1:]

    with wired(crumbs) as (bus, wire):
        assert read_positions(bus, 1) == {1: 7}


def test_an_answer_behind_more_noise_than_an_answer_is_long_is_still_the_question_s():
    late = {"present_position": 700, "max_position": 2851}

    def behind_noise(register: str) -> Callable[[bytes], bytes]:
        def answer(_: bytes) -> bytes:
            os.write(wire.end, bytes(64))
            time.sleep(0.01)
            return frame(1, 0, STS3215[register].encode(late[register]))

        return answer

    with wired(*map(behind_noise, late)) as (bus, wire):
        assert {register: bus.read(1, register) for register in late} == late
        assert bus.tallies.of(1).retried == 0


def test_two_servos_of_one_id_are_guessed_from_the_garble():
    garbled = bytes(a & b for a, b in zip(position(1, 0x0F0), position(1, 0xF0F), strict=True))
    with wired(garbled, garbled, slack_s=0.03) as (bus, _), pytest.raises(ServoSilent, match="two servos have that id"):
        bus.read(1, "present_position")


def test_a_line_that_chatters_for_ever_does_not_hold_up_a_roll_call():
    over = threading.Event()

    def chatter(_: bytes) -> bytes:
        while not over.wait(0.001):
            os.write(wire.end, b"GPS,")
        return b"\n"

    with wired(chatter) as (bus, wire):
        began_s = time.monotonic()
        assert bus.everyone() == () and time.monotonic() - began_s < 3 * ROLL_CALL_S
        over.set()


def test_a_closed_bus_says_nothing_to_whoever_has_its_number_next(tmp_path):
    with wired() as (bus, _):
        bus.close()
        with (tmp_path / "another").open("wb"), pytest.raises((ValueError, BusLost)):
            bus.sync_write("goal_position", dict.fromkeys(IDS, 0))


def test_waiting_for_nobody_costs_no_processor():
    with wired(b"", slack_s=0.3, retries=0) as (bus, _):
        busy_s, began_s = time.process_time(), time.monotonic()
        assert bus.ping(1) is None
        assert time.monotonic() - began_s > 0.29
        assert time.process_time() - busy_s < 0.15  # with the far end's thread


def test_success_looks_back_on_the_last_hundred(bus):
    for _ in range(3):
        bus.ping(1)
    bus.tallies.recent.extend([False] * 50 + [True] * 50)
    assert len(bus.tallies.recent) == WINDOW and bus.tallies.success == 0.5


def test_an_unplugged_bus_says_so_at_once():
    with wired() as (bus, wire):
        os.close(wire.end)
        os.close(wire._theirs)
        began_s = time.monotonic()
        with pytest.raises(BusLost, match="unplugged"):
            bus.sync_read((1,), "id")
        assert time.monotonic() - began_s < 0.05


def test_a_line_that_takes_no_bytes_is_lost():
    end, theirs = pty.openpty()
    tty.setraw(theirs)
    bus = Bus(os.ttyname(theirs))
    with pytest.raises(BusLost, match="no more"):
        for _ in range(10_000):
            bus.sync_write("goal_position", dict.fromkeys(IDS, 0))
    bus.close()


WITH_A_LOCK = "from hardware.bus import Bus; bus = Bus(sys.argv[1])"
WITHOUT_ONE = "import serial; line = serial.Serial(sys.argv[1])"  # as LeRobot and the vendor's SDK do


@pytest.mark.parametrize("way", [WITH_A_LOCK, WITHOUT_ONE])
def test_a_port_in_use_names_who_uses_it(chain, way):
    hold = f"import sys, time; {way}; print('', flush=True); time.sleep(60)"
    with Line(chain) as line:
        other = subprocess.Popen([sys.executable, "-c", hold, line.port], stdout=subprocess.PIPE)
        assert other.stdout and other.stdout.readline()
        with pytest.raises(PortError, match=rf"in use by \S+ \(process {other.pid}\); stop"):
            Bus(line.port)
        other.kill()
        other.communicate()
        Bus(line.port).close()


def test_who_emulates_a_port_does_not_use_it():
    emulate = (
        "import time; from hardware.chain import Chain; from hardware.line import Line; "
        "line = Line(Chain([])); print(line.port, flush=True); time.sleep(60)"
    )
    twin = subprocess.Popen([sys.executable, "-c", emulate], stdout=subprocess.PIPE, text=True)
    assert twin.stdout
    port = twin.stdout.readline().strip()
    with closing(Bus(port)):
        assert [pid for pid, _ in holding(port)] == [os.getpid()]
    twin.kill()
    twin.communicate()


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("/dev/ttyNONE", "no port /dev/ttyNONE; twinarm find"),
        ("/tmp", "/tmp is no serial port; twinarm find"),
        ("/dev/null", "/dev/null is no serial port; twinarm find"),
    ],
)
def test_a_port_that_is_none_is_told(port, words):
    with pytest.raises(PortError, match=words):
        Bus(port)


@contextmanager
def somebody() -> Iterator[None]:
    """Not root, to whom everything is permitted."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.mark.parametrize(
    ("group", "mode", "words"),
    [
        (20, 0o660, "join its group with sudo usermod -aG dialout"),
        (54321, 0o660, "usermod -aG 54321"),
        (0, 0o660, "its group may not either; a udev rule"),
        (20, 0o600, "its group may not either"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to a group")
def test_a_forbidden_port_names_the_group(group, mode, words):
    end, theirs = pty.openpty()
    os.chown(port := os.ttyname(theirs), 0, group)
    os.chmod(port, mode)
    with somebody(), pytest.raises(PortError, match=words):
        Bus(port)
    os.close(end)
    os.close(theirs)


@pytest.mark.parametrize(("register", "value"), [("present_position", 1), ("torque_limit", 70_000)])
def test_what_a_register_cannot_take_is_refused_before_a_byte_is_sent(register, value):
    with wired() as (bus, wire), pytest.raises(ValueError, match=register):
        bus.write(1, register, value)
