"""What a process asks of the system so as never to be late."""

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PRIORITY = 50  # of real time, of who reads the bus
ACTING = 10  # of who gives the targets, by a clock too: above whatever else wants the processors
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


def be_prompt(priority: int) -> bool:
    """Real-time priority for this thread and locked memory where the system grants them; no pauses for garbage.

    Returns:
        Whether the priority was granted.
    """
    granted = False
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
        granted = True
    # What was never touched is not fetched for it: 300 MB more take 50 ms to clear away when the process dies, and only
    # then does anybody hear of its death.
    ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)
    gc.collect()
    gc.freeze()
    gc.disable()
    return granted


@contextmanager
def prompt(priority: int) -> Iterator[bool]:
    """Within this the thread has real-time priority, where the system grants it; whether it does."""
    with _scheduled(os.SCHED_FIFO, priority) as granted:
        yield granted


@contextmanager
def patient() -> Iterator[bool]:
    """Within this the thread gives way to others of its session. Without privilege it does so to its end."""
    with _scheduled(os.SCHED_IDLE, 0) as granted:
        yield granted


@contextmanager
def _scheduled(policy: int, priority: int) -> Iterator[bool]:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    granted = False
    with suppress(OSError):
        os.sched_setscheduler(0, policy, os.sched_param(priority))
        granted = True
    try:
        yield granted
    finally:
        with suppress(OSError):
            os.sched_setscheduler(0, *before)
