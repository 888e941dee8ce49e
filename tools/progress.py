"""Progress of long work on the terminal, on stderr so that stdout stays clean for --json."""

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
from training.train import Watch

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


@contextmanager
def bar(console: Console, label: str, total: int) -> Iterator[Callable[[bool], None]]:
    """A bar over episodes that counts how many succeeded; call it with each outcome."""
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        row, lifted = progress.add_task(label, total=total), 0

        def tell(success: bool) -> None:
            nonlocal lifted
            lifted += success
            progress.update(row, advance=1, description=f"{label}: {lifted} lifted")

        yield tell


def counting(tell: Callable[[bool], None]) -> Callable[[EpisodeResult], None]:
    """`tell` for an evaluation's results."""
    return lambda result: tell(result.success)


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Bars for cloning and learning, and a line for every validation."""
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        rows: dict[str, TaskID] = {}

        def advance(label: str, done: int, total: int, note: str = "") -> None:
            if label not in rows:
                rows[label] = progress.add_task(label, total=total)
            progress.update(rows[label], completed=done, description=f"{label} {note}".strip())

        def learning(done: int, total: int, figures: dict[str, float]) -> None:
            if figures:
                advance("learning", done, total, f"(value {figures['q']:.2f})")

        def evaluated(step: int, report: Report) -> None:
            when = f"after {step} decisions" if step else "after cloning"
            progress.console.print(f"validation {when}: {sentence(report.summary())}", soft_wrap=True)

        yield Watch(cloning=lambda done, total: advance("cloning", done, total), learning=learning, evaluated=evaluated)
