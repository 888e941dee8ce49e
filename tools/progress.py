"""Progress of long work on the terminal, on stderr so that stdout stays clean for --json."""

import itertools
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from training.evaluate import EpisodeResult, Report, sentence
from training.watch import Watch

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


def bars(console: Console) -> Progress:
    """Rows that grow on a terminal, and are gone in the end; in a file they would be noise."""
    return Progress(*COLUMNS, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def bar(console: Console, label: str, total: int) -> Iterator[Callable[[bool], None]]:
    """A bar over episodes that counts how many succeeded; call it with each outcome.

    Raises:
        KeyboardInterrupt: saying how far it was, for those who keep nothing before the end.
    """
    with bars(console) as progress:
        row, done, lifted = progress.add_task(label, total=total), 0, 0

        def tell(success: bool) -> None:
            nonlocal done, lifted
            done, lifted = done + 1, lifted + success
            progress.update(row, completed=done, description=f"{label}: {lifted} lifted")

        try:
            yield tell
        except KeyboardInterrupt:
            far = f"{label} was at {done} of {total} episodes, {lifted} lifted"
            raise KeyboardInterrupt(f"interrupted; {far}, and none of it is kept") from None


def counting(tell: Callable[[bool], None]) -> Callable[[EpisodeResult], None]:
    """`tell` for an evaluation's results."""
    return lambda result: tell(result.success)


@contextmanager
def stoppable(console: Console) -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the first time it asks to save and stop, the second time it interrupts."""
    asked = threading.Event()

    def ask(number: int, frame: object) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)
        console.print("stopping after this decision, episode or validation; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def watching(console: Console, started: Callable[[], None], enough: Callable[[], bool], finals: int) -> Iterator[Watch]:
    """Bars for demonstrations, cloning, learning, validation and two evaluations of `finals` episodes."""
    with bars(console) as progress:
        rows: dict[str, TaskID] = {}

        def advance(label: str, done: int, total: int, note: str = "") -> None:
            if label not in rows:
                rows[label] = progress.add_task(label, total=total)
            progress.update(rows[label], completed=done, description=f"{label} {note}".strip())

        def learning(done: int, total: int, figures: dict[str, float]) -> None:
            if figures:
                advance("learning", done, total, f"(value {figures['q']:.2f})")

        def validating(done: int, total: int) -> None:
            advance("validating", done, total)

        def evaluated(step: int, report: Report) -> None:
            when = f"after {step} decisions" if step else "after cloning"
            progress.console.print(f"validation {when}: {sentence(report.summary())}", soft_wrap=True)

        def resumed(step: int, episodes: int) -> None:
            progress.console.print(f"going on at decision {step}, {episodes} episodes kept")

        def taught(done: int, total: int) -> None:
            advance("demonstrations", done, total)

        def cloning(done: int, total: int) -> None:
            advance("cloning", done, total)

        results = itertools.count(1)

        def examined(result: EpisodeResult) -> None:
            if enough():  # all that was learned is saved
                raise KeyboardInterrupt
            advance("evaluating", next(results), 2 * finals)

        recent: deque[bool] = deque(maxlen=20)

        def lived(episodes: int, success: bool) -> None:
            recent.append(success)
            if "acting" not in rows:
                rows["acting"] = progress.add_task("acting", total=None)
            note = f"acting elsewhere: {sum(recent)} of the last {len(recent)} lifted"
            progress.update(rows["acting"], completed=episodes, description=note)

        yield Watch(started, taught, resumed, cloning, learning, validating, evaluated, examined, enough, lived)
