"""A process that serves, and one beside it that begins it anew where something kills it.

What faces strangers may take so much memory and no more: ZeroMQ keeps the parts of a message that never ends, whatever
else is limited, and gives up where there is no more room. So does all of it here, at once, and is there again soon.
"""

import multiprocessing
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from control import wire
from control.errors import TwinarmError

ROOM_MB = 512
ENDING = (signal.SIGINT, signal.SIGTERM)
PAUSE_S = 0.5  # before it is begun anew
OPENED = "opened"  # said to the one beside it, with where; any other word is the class of an announced error
STATM = Path("/proc/self/statm")
FORK = multiprocessing.get_context("fork")

Opened = Callable[[str], object]
Work = Callable[[str | None, Opened, threading.Event], None]


def bound_memory(room_mb: int = ROOM_MB) -> None:
    """From now on this process may take so much more address space; does nothing where the system has no such limit."""
    if STATM.exists():
        held = int(STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + room_mb * 2**20, resource.RLIM_INFINITY))


def kept(work: Work, died: Callable[[str], object]) -> None:
    """Let `work` run in a process of its own until it ends, and again where it was killed after it had opened.

    Args:
        work: (where, opened, stop). `where` it was open before, `opened` to be called with where it is now, `stop` set
            when it should end: by SIGINT, SIGTERM, or because this process is gone.
        died: told what killed it, each time.
    Raises:
        TwinarmError: what `work` raised, or that something killed it before it had opened.
    """
    ending, where = threading.Event(), None
    while True:
        ours, theirs = FORK.Pipe()
        process = FORK.Process(target=_serve, args=(work, where, ours, theirs))
        with _told_later():
            if ending.is_set():
                return
            process.start()
            _pass_on(process, ending)
        theirs.close()
        where = _followed(ours) or where
        process.join()
        ours.close()
        if ending.is_set() or process.exitcode == 0:
            return
        if where is None:
            raise TwinarmError(f"what was to serve died of {_cause(process.exitcode)} before it was ready")
        died(_cause(process.exitcode))
        ending.wait(PAUSE_S)


@contextmanager
def _told_later() -> Iterator[None]:
    """Whoever tells this process to end meanwhile is heard afterwards: by then there is somebody to pass it on to."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause(status: int | None) -> str:
    return signal.Signals(-status).name if status and status < 0 else f"status {status}"


def _pass_on(process: multiprocessing.process.BaseProcess, ending: threading.Event) -> None:
    """Whoever tells this process to end means the other one."""

    def end(*_: object) -> None:
        ending.set()
        process.terminate()

    for number in ENDING:
        signal.signal(number, end)


def _followed(pipe: Connection) -> str | None:
    """Where it opened, once it has ended; None where it never did. Raises what it raised."""
    where = None
    with suppress(EOFError, OSError):
        while True:
            code, said = msgspec.json.decode(pipe.recv_bytes(), type=tuple[str, str])
            if code != OPENED:
                raise wire.read_error([code, said])
            where = said
    return where


def _serve(work: Work, where: str | None, ours: Connection, theirs: Connection) -> None:
    """In the process that serves."""
    stop = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    ours.close()

    def watch() -> None:
        with suppress(EOFError, OSError):
            theirs.recv_bytes()
        stop.set()

    def tell(code: str, words: str) -> None:
        with suppress(OSError):  # the keeper may be gone, and then there is nobody to be told
            theirs.send_bytes(msgspec.json.encode((code, words)))

    threading.Thread(target=watch, daemon=True).start()
    try:
        work(where, lambda opened: tell(OPENED, opened), stop)
    except TwinarmError as error:
        tell(*wire.write_error(error))
    except OSError as error:
        if error.filename is None:
            raise
        told = TwinarmError(f"{error.filename}: {error.strerror}")
        tell(*wire.write_error(told))
