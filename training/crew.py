"""Numbered jobs shared out to several processes; one that is killed is replaced and its job done again.

Only numbers and bytes pass between them.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import Connection, wait
from typing import Protocol

from control.errors import TwinarmError
from control.spawning import SPAWN, spawned
from training.cluster import share_on_cluster

DEATHS = 3  # processes that may be killed in a row with no job done between
DONE, FAILED = b"+", b"!"  # before what a process tells
PATIENCE_S = 5.0  # for a process to end the job it is at when it is no longer wanted


class Task(Protocol):
    """What each process does. It is sent to them: importable callables and plain values only."""

    def open(self) -> AbstractContextManager[Callable[[int], bytes]]:
        """Get ready (once in each process); the value does job number n and returns what is to be told of it."""
        ...


def share(task: Task, jobs: Iterable[int], workers: int, cluster: str | None = None) -> Iterator[tuple[int, bytes]]:
    """Do every job, yielding its number and what it told when it is done.

    With one worker here and in order; else in processes, of this machine or of a Ray `cluster`, in any order.

    Raises:
        TwinarmError: a job announced a failure, a process broke, or process after process was killed.
    """
    todo = deque(jobs)
    if cluster is not None and todo:
        yield from share_on_cluster(task, todo, cluster, workers)
    elif workers > 1:
        yield from _spread(task, todo, workers)
    elif todo:
        with task.open() as do:
            for job in todo:
                yield job, do(job)


def _spread(task: Task, todo: deque[int], workers: int) -> Iterator[tuple[int, bytes]]:
    crew: dict[object, Worker] = {}
    deaths = 0
    try:
        while todo or crew:
            while todo and len(crew) < workers:
                worker = Worker(task, todo.popleft())
                crew[worker.pipe] = worker
            for pipe in wait([worker.pipe for worker in crew.values()]):
                worker = crew.pop(pipe)
                job, told = worker.job, worker.finished()
                deaths = 0 if told is not None else deaths + 1
                if told is not None and todo:
                    worker.give(todo.popleft())
                    crew[pipe] = worker
                else:
                    worker.dismiss()
                if told is not None:
                    yield job, told
                elif deaths > DEATHS:
                    raise TwinarmError(
                        f"{deaths} workers in a row were killed, the last at job {job}; is memory short?"
                    )
                else:
                    todo.append(job)
    finally:
        for worker in crew.values():
            worker.dismiss()


class Worker:
    """A process at job number `job`."""

    def __init__(self, task: Task, job: int) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        self._process = spawned(_work, task, theirs)
        theirs.close()  # so that the pipe ends when the process does
        self.give(job)

    def give(self, job: int) -> None:
        self.job = job
        with suppress(OSError):  # it was killed meanwhile; `finished` will tell
            self.pipe.send_bytes(b"%d" % job)

    def finished(self) -> bytes | None:
        """What its job told, or None where its process was killed. To be asked when the pipe has news.

        Raises:
            TwinarmError: the job failed.
        """
        try:
            mark, told = (answer := self.pipe.recv_bytes())[:1], answer[1:]
        except (EOFError, OSError):
            self._process.join()
            if (self._process.exitcode or 0) >= 0:
                raise TwinarmError(f"a worker broke at job {self.job}; its own words are above") from None
            return None
        if mark == FAILED:
            raise TwinarmError(told.decode())
        return told

    def dismiss(self) -> None:
        """Let it end its job and go; terminate it when that takes too long."""
        self.pipe.close()
        self._process.join(PATIENCE_S)
        self._process.terminate()
        self._process.join()


def _work(task: Task, pipe: Connection) -> None:
    """The life of a worker: do the jobs that come down the pipe until it ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        with task.open() as do:
            while True:
                pipe.send_bytes(DONE + do(int(pipe.recv_bytes())))
    except TwinarmError as error:
        with suppress(OSError):
            pipe.send_bytes(FAILED + str(error).encode())
    except (EOFError, ConnectionError):  # the parent hung up, with or without having read the last answer
        pass


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
