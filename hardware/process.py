"""The driver as a process of its own, and the other end of it.

Orders go one way through a socket, telemetry comes the other way through a slot in shared memory. Each end notices
that the other is gone: the driver by the socket's end, and then it holds and leaves; the near end by the process's own,
or by telemetry that stops, and then it writes the hold itself. The servos keep to what they were last told.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from control.errors import DriverLost, TwinarmError
from control.governor import RATE_HZ
from control.modes import HELD, Mode, Word
from control.pacing import Pacer
from control.types import JOINTS, RobotSpec
from hardware.bus import Bus
from hardware.driver import FADE_S, Driver, Poses
from hardware.orders import (
    SLOT_BYTES,
    Order,
    Say,
    Task,
    Telemetry,
    decode_order,
    decode_task,
    encode_order,
    encode_task,
    newest,
    publish,
)
from hardware.promptness import PRIORITY, be_prompt, prompt
from hardware.servos import Servos
from hardware.slot import Pulse, Slot
from hardware.stand_in import StandIn

LARGEST_ORDER = 16_384
START_S, LEAVE_S = 20.0, FADE_S + 1.0
HUNG_S, IDLE_S = 0.1, 2.0  # without telemetry; one that holds nothing may take its time, as it does to set servos up
SLACKS = 8  # of the bus in which a driver that waits for silent servos is not hung: what is owed, and every try
LOOK_S = 0.01


class DriverProcess:
    """A driver that runs beside this process, and holds the arm when this one is gone.

    Raises:
        DriverLost: it did not start, as where the port cannot be opened; the message is the driver's.
    """

    def __init__(self, task: Task):
        self._task, self._slot = task, Slot(SLOT_BYTES)
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket, self._closing = near, threading.Event()
        self._stand_in = StandIn(task)
        command = [sys.executable, "-m", "hardware.process", str(far.fileno()), str(self._slot.fd)]
        # A session of its own: Ctrl-C is for whoever gives the orders.
        self._process = subprocess.Popen(
            command,
            pass_fds=[far.fileno(), self._slot.fd],
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(sys.path)},  # the driver beside us, wherever we were started
        )
        far.close()
        near.send(encode_task(task))
        self._await_start()
        self.lost = ""  # why, once it is
        self._guard = threading.Thread(target=self._watch, daemon=True)
        self._guard.start()

    def tell(self, order: Order) -> None:
        """Raises DriverLost; what must be done all the same, to stop or to let go, was then done without a driver."""
        self._stand_in.hear(order)
        try:
            self._socket.send(encode_order(order))
        except OSError:
            self._guard.join(LEAVE_S)  # it is at work on what was said before
            if order in (Say(Word.STOP), Say(Word.LIMP)):
                self._stand_in.act()
            raise DriverLost(self._lost_words()) from None

    def newest(self) -> Telemetry:
        """Raises DriverLost where there will be no newer one."""
        telemetry = newest(self._slot)
        if self.lost or telemetry is None:
            raise DriverLost(self._lost_words())
        return telemetry

    def close(self) -> None:
        """Let it hold and leave. Twice is once."""
        if self._slot.fd < 0:
            return
        self._closing.set()
        self._guard.join()
        self._socket.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        self._slot.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _await_start(self) -> None:
        deadline_s = time.monotonic() + START_S
        while newest(self._slot) is None and self._process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(LOOK_S)
        if newest(self._slot) is None:
            self._process.kill()
            words = self._process.communicate()[1].decode().strip()
            self._socket.close()
            self._slot.close()
            raise DriverLost(words.splitlines()[-1] if words else f"the driver did not start within {START_S:g} s")

    @prompt(PRIORITY)
    def _watch(self) -> None:
        """Notice that it has died or hangs, and then hold the arm in its stead."""
        pidfd = os.pidfd_open(self._process.pid)
        pulse = Pulse(time.monotonic())
        while not self._closing.is_set():
            died = bool(select.select([pidfd], [], [], LOOK_S)[0])
            before_s, telemetry = time.monotonic(), newest(self._slot)
            quiet_s = pulse.quiet_s(telemetry.cycle if telemetry else 0, before_s, time.monotonic())
            hung_s = max(HUNG_S, SLACKS * self._task.slack_s)
            patience_s = hung_s if telemetry is not None and Mode(telemetry.mode) in HELD else IDLE_S
            if not died and quiet_s > patience_s:
                self._process.kill()
                self.lost = f"the driver hung for {patience_s:g} s and was killed"
            elif died:
                self.lost = f"the driver died{self._last_words()}"
            if self.lost:
                self._process.wait()
                self._stand_in.act(telemetry)
                break
        os.close(pidfd)

    def _last_words(self) -> str:
        assert self._process.stderr
        os.set_blocking(self._process.stderr.fileno(), False)
        lines = (self._process.stderr.read() or b"").decode(errors="replace").strip().splitlines()
        return f" ({lines[-1]})" if lines else ""

    def _lost_words(self) -> str:
        return f"{self.lost or 'the driver is gone'}{self._stand_in.outcome}. Open it again to go on"


def main() -> None:
    """A driver's life: the task first, then orders until they end."""
    with socket.socket(fileno=int(sys.argv[1])) as orders_from:
        slot = Slot(SLOT_BYTES, int(sys.argv[2]))
        task = decode_task(orders_from.recv(LARGEST_ORDER))
        try:
            driver = build(task)
        except TwinarmError as error:
            sys.exit(str(error))
        orders_from.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        be_prompt(PRIORITY)
        driver.open()
        run(driver, lambda: _waiting(orders_from), lambda telemetry: publish(slot, telemetry), Pacer(RATE_HZ))


def run(driver: Driver, orders: Callable[[], list[Order]], tell: Callable[[Telemetry], object], pacer: Pacer) -> None:
    """Run a driver at the pacer's rate until `orders` raises EOFError: whoever gave them is gone, and the arm holds, or
    where it was being let go, at rest, is let go.

    Cycles that were missed are counted and left out, never caught up with.
    """
    while True:
        try:
            given = orders()
        except EOFError:
            driver.cycle([Say(Word.HALT)])
            while driver.state.mode is Mode.RELEASING:
                pacer.tick()
                driver.cycle([])
            return
        tell(driver.cycle(given))
        pacer.missed()
        driver.late, driver.worst_late_s = pacer.late, pacer.worst_late_s
        pacer.tick()


def build(task: Task) -> Driver:
    """Opens the port. Raises PortError."""
    spec = RobotSpec(
        joints=JOINTS,
        lower_rad=np.array(task.lower_rad),
        upper_rad=np.array(task.upper_rad),
        speed_rad_s=np.array(task.speed_rad_s),
        accel_rad_s2=np.array(task.accel_rad_s2),
        hz=task.hz,
        cameras={},
        profile="",
        calibration=task.calibration.digest,
    )
    poses = Poses(np.array(task.home_rad), np.array(task.rest_rad))
    servos = Servos(Bus(task.port, task.baud, task.slack_s), task.calibration)
    return Driver(servos, spec, np.array(task.leash_rad), poses)


def _waiting(orders_from: socket.socket) -> list[Order]:
    """Every order that has come. Raises EOFError when no more will."""
    found: list[Order] = []
    while True:
        try:
            data = orders_from.recv(LARGEST_ORDER)
        except BlockingIOError:
            return found
        except OSError:
            raise EOFError from None
        if not data:
            raise EOFError
        found.append(decode_order(data))


if __name__ == "__main__":
    main()
