"""Processes beside this one. They are spawned, not forked: a renderer does not survive a fork."""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess

SPAWN = multiprocessing.get_context("spawn")


def spawned(work: Callable[..., None], *given: object) -> BaseProcess:
    """`work` in a process of its own, begun. Ctrl-C is for this one to handle: the other never hears of it, not even
    while it still imports, for it begins with the signal blocked."""
    process = SPAWN.Process(target=work, args=given, daemon=True)
    resource_tracker.ensure_running()  # else it would be begun in between, and unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process
