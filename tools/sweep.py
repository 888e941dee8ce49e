"""`twinarm sweep`: many runs, one factor changed at a time, over seeds."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from control.errors import UserError
from tools.flags.sweep import Arguments
from tools.progress import COLUMNS
from training import sweep, sweep_report
from training.cluster import require_cluster
from training.crew import share
from training.sweep import Sweep

GLANCE_S = 2.0


def main(arguments: Arguments) -> None:
    """Record, train, report."""
    console = Console(stderr=True)
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f"--workers must be at least 1, got {arguments.workers}")
    if arguments.cluster is not None:
        require_cluster(arguments.cluster)
    chosen = sweep.load(arguments.sweep)
    if unknown := [name for name in arguments.only if name not in chosen.factors]:
        raise UserError(f"no factor {', '.join(unknown)}; there are: {', '.join(chosen.factors)}")
    whole = sweep.plan_sweep(chosen, arguments.output)
    wanted = [i for i, cell in enumerate(whole.cells) if not arguments.only or cell.arm in _arms(whole, arguments.only)]
    todo = [index for index in wanted if not whole.cells[index].done]
    console.print(f"{len(wanted) - len(todo)} of {len(wanted)} runs are done: {whole.folder}", soft_wrap=True)
    workers = arguments.workers or os.cpu_count() or 1
    with console.status("recording demonstrations"):
        for index in todo:
            sweep.record(whole.cells[index], workers)
    with watching(console, whole, wanted):
        for _ in share(whole, todo, workers, arguments.cluster):
            sweep_report.write(whole)
    console.print(sweep_report.write(whole), soft_wrap=True)
    if arguments.json:
        for cell in (whole.cells[index] for index in wanted):
            print(json.dumps({"arm": cell.arm, "seed": cell.config.seed} | sweep.outcome(cell)))


def _arms(whole: Sweep, factors: tuple[str, ...]) -> set[str]:
    return {cell.arm for factor in factors for cells in whole.arms_of(factor).values() for cell in cells}


@contextmanager
def watching(console: Console, whole: Sweep, wanted: list[int]) -> Iterator[None]:
    """A bar over the decisions of all runs, read from their metrics now and then."""
    cells, over = [whole.cells[index] for index in wanted], threading.Event()
    with Progress(*COLUMNS, console=console, transient=True) as progress:
        row = progress.add_task("decisions of all runs", total=sum(cell.config.schedule.steps for cell in cells))

        def glance() -> None:
            while not over.wait(GLANCE_S):
                progress.update(row, completed=sum(cell.decisions for cell in cells))

        watcher = threading.Thread(target=glance, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
