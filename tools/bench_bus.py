"""A cycle on the servo bus, positions read and goals written: on a chain that costs nothing, and on a paced line."""

import os
import pty
import select
import tempfile
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path

import numpy as np

from hardware import packets
from hardware.bus import BAUD, BITS_PER_BYTE, SLACK_S, Bus
from hardware.chain import SLOT_BYTES, Chain
from hardware.line import Line
from hardware.motor import Build, Motor
from hardware.promptness import be_prompt
from hardware.registers import STS3215
from hardware.servo import Servo
from hardware.vitals import FIRST, SIZE
from tools.bench_wire import BLOCK, beside, interleaved
from tools.twin import PRIORITY

IDS = (1, 2, 3, 4, 5, 6)
MIDDLE = 2048
POSITION, GOAL = STS3215["present_position"], STS3215["goal_position"]
READ = packets.sync_read(IDS, POSITION.address, POSITION.size)
WRITE = packets.sync_write(GOAL.address, dict.fromkeys(IDS, GOAL.encode(MIDDLE)))
ANSWER = b"".join(packets.frame(id, 0, POSITION.encode(MIDDLE)) for id in IDS)


def bench_bus(blocks: int = 20) -> dict[str, float]:
    """Cycles per second of six servos: ours, the bare bytes, their ratio; and a full reading against its wire time.
    The quickest of the blocks is what neighbours on the machine disturbed least.

    Bare is `os.write` and `os.read` of the very same bytes, nothing made of them. Both talk over a pseudo-terminal to a
    process that answers with registers alone, and never sleeps, as no wire does. The paced line has emulated servos at
    1 Mbaud, read as the driver does; its wire time is that of the bytes and of the gaps that the servos leave between
    their answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        with beside(registers, f"{folder}/registers"):
            port = _port(f"{folder}/registers")
            fd, bus = _raw(port), Bus(port)
            goals = dict.fromkeys(IDS, MIDDLE)

            def cycle() -> None:
                for data in bus.sync_read(IDS, "present_position").data.values():
                    POSITION.decode(data)
                bus.sync_write("goal_position", goals)

            times = interleaved({"ours": cycle, "bare": lambda: _exchange(fd)}, blocks)
            bus.close()
            os.close(fd)
        with beside(emulated, f"{folder}/paced"):
            paced_s = _readings(Bus(_port(f"{folder}/paced"), slack_s=10 * SLACK_S))
    carried = len(packets.sync_read(IDS, FIRST, SIZE)) + len(IDS) * (SIZE + packets.OVERHEAD)
    bytes_s, gaps_s = (count * BITS_PER_BYTE / BAUD for count in (carried, (len(IDS) - 1) * SLOT_BYTES))
    median = {name: float(np.median(seconds)) for name, seconds in times.items()}
    quickest = {name: float(np.median(np.reshape(seconds, (-1, BLOCK)), 1).min()) for name, seconds in times.items()}
    return {
        "ours_cycles_s": 1 / median["ours"],
        "bare_cycles_s": 1 / median["bare"],
        "ours_quickest_block_cycles_s": 1 / quickest["ours"],
        "bare_quickest_block_cycles_s": 1 / quickest["bare"],
        "ours_over_bare": median["ours"] / median["bare"],
        "ours_p99_us": 1e6 * float(np.quantile(times["ours"], 0.99)),
        "full_reading_paced_ms": 1e3 * paced_s,
        "bytes_ms": 1e3 * bytes_s,
        "wire_ms": 1e3 * (bytes_s + gaps_s),
        "paced_over_wire": paced_s / (bytes_s + gaps_s),
    }


def registers(port_file: str) -> None:
    """Answer reads of positions from memory and swallow goals, as fast as bytes come; a core of its own makes sure."""
    end, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(end, False)
    Path(port_file).write_text(os.ttyname(theirs))
    asked = READ[2:5]
    while True:
        with suppress(BlockingIOError):
            if os.read(end, 4096).find(asked) >= 0:
                os.write(end, ANSWER)


def emulated(port_file: str) -> None:
    """The twin's servos, without a plant, on a line that takes a wire's time and, as the twin's, waits for nobody."""
    be_prompt(PRIORITY)
    motors = [Motor(Servo({"id": id}), Build()) for id in IDS]
    with Line(Chain(motors)) as line:
        Path(port_file).write_text(line.port)
        stop = threading.Event()
        while not stop.is_set():
            line.pass_on(time.monotonic() + 1.0)


def _port(port_file: str) -> str:
    while not (path := Path(port_file)).exists() or not path.read_text():
        time.sleep(0.01)
    return path.read_text()


def _raw(port: str) -> int:
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    return fd


def _exchange(fd: int) -> None:
    os.write(fd, READ)
    received = 0
    while received < len(ANSWER):
        select.select([fd], [], [])
        received += len(os.read(fd, 4096))
    os.write(fd, WRITE)


def _readings(bus: Bus, count: int = 300) -> float:
    """Median seconds of a reading of everything a driver's cycle reads."""
    seconds = []
    for _ in range(count):
        began_s = time.perf_counter()
        bus.sync_read_bytes(IDS, FIRST, SIZE)
        seconds.append(time.perf_counter() - began_s)
    bus.close()
    return float(np.median(seconds))
