"""The slot between two processes."""

import os
import subprocess
import sys
import time

import pytest

from hardware.slot import Pulse, Slot

pytestmark = pytest.mark.clock

WRITER = """
import sys
from hardware.slot import Slot
slot = Slot(4096, int(sys.argv[1]))
n = 0
while True:
    n += 1
    slot.write(bytes([n % 256]) * 4096)
"""


def test_what_was_written_last_is_read():
    slot = Slot(3)
    assert slot.read() == (0, bytes(3))
    for n, data in enumerate((b"one", b"two"), 1):
        slot.write(data)
        assert slot.read() == slot.read() == (n, data)
    other = Slot(3, os.dup(slot.fd))
    assert other.read() == (2, b"two")
    other.close()
    slot.close()


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="holds 3 bytes, got 4"):
        Slot(3).write(b"four")


def test_a_reader_sees_no_half_of_what_another_process_is_writing():
    slot = Slot(4096)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(slot.fd)], pass_fds=[slot.fd])
    try:
        deadline_s = time.monotonic() + 20
        seen = {}
        while len(seen) < 300 and time.monotonic() < deadline_s:
            count, data = slot.read()
            assert len(set(data)) == 1 and data[0] == count % 256
            seen[count] = data[0]
        assert len(seen) == 300 and list(seen) == sorted(seen)
    finally:
        writer.kill()
        writer.wait()


@pytest.mark.parametrize(
    ("looks", "quiet_s"),
    [
        ([(1, 0.0, 0.0), (2, 0.01, 0.01)], 0.0),
        ([(1, 0.0, 0.0), (1, 0.2, 0.2)], 0.2),
        ([(1, 0.0, 0.15), (1, 0.16, 0.16)], 0.01),  # who looks was kept waiting: the count is as new as the look
        ([(1, 0.0, 0.0), (1, 0.05, 0.4)], 0.05),  # and may have stood still for as long as before the look at most
    ],
)
def test_who_is_kept_waiting_takes_nobody_for_dead(looks, quiet_s):
    pulse = Pulse(0.0)
    assert [pulse.quiet_s(*look) for look in looks][-1] == pytest.approx(quiet_s)
