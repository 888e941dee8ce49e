"""What a process asks of the system so as never to be late."""

import ctypes
import gc
import os
from contextlib import suppress

MCL_CURRENT, MCL_FUTURE = 1, 2


def be_prompt(priority: int) -> bool:
    """Real-time priority for this thread and locked memory where the system grants them; no pauses for garbage.

    Returns:
        Whether the priority was granted.
    """
    granted = False
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
        granted = True
    ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE)
    gc.collect()
    gc.freeze()
    gc.disable()
    return granted
