"""`twinarm sweep`: many runs, one factor changed at a time, over seeds."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from control.errors import TwinarmError, UserError
from tools.flags.sweep import Arguments
from tools.progress import bar, bars
from tools.training import require_device
from training import sweep, sweep_report
from training.cluster import require_cluster
from training.crew import share
from training.ledger import Ledger, Outcome
from training.sweep import Cell, Sweep

GLANCE_S = 2.0


def main(arguments: Arguments) -> None:
    """Record, train, report."""
    console = Console(stderr=True)
    whole, wanted = planned(arguments)
    ledger = Ledger(arguments.keep or whole.folder / "cells.jsonl")
    for cell in wanted:
        if ledger.outcome(cell) is None and cell.done:
            ledger.add(Outcome.of(cell))
    done = len(wanted) - len(missing(whole, wanted, ledger))
    console.print(f"{done} of {len(wanted)} runs are done: {whole.folder}", soft_wrap=True)
    try:
        run(arguments, whole, wanted, ledger, console)
    except KeyboardInterrupt:
        done = len(wanted) - len(missing(whole, wanted, ledger))
        kept = f"{done} of {len(wanted)} runs are kept in {ledger.path}"
        raise KeyboardInterrupt(f"interrupted; {kept}, and the same command goes on with the others") from None
    console.print(sweep_report.write(whole, ledger), soft_wrap=True)
    if arguments.json:
        for outcome in filter(None, map(ledger.outcome, wanted)):
            print(json.dumps({"arm": outcome.arm, "seed": outcome.seed} | outcome.report))


def planned(arguments: Arguments) -> tuple[Sweep, list[Cell]]:
    """The sweep, and those of its cells that are asked for. Raises UserError for what would stop it on its way."""
    if arguments.workers is not None and arguments.workers < 1:
        raise UserError(f"--workers must be at least 1, got {arguments.workers}")
    if arguments.cluster is not None:
        require_cluster(arguments.cluster)
    chosen = sweep.load(arguments.sweep)
    if unknown := [name for name in arguments.only if name not in chosen.factors]:
        raise UserError(f"no factor {', '.join(unknown)}; there are: {', '.join(chosen.factors)}")
    whole = sweep.plan_sweep(chosen, arguments.output)
    arms = {cell.arm for factor in arguments.only for cells in whole.arms_of(factor).values() for cell in cells}
    wanted = [cell for cell in whole.cells if not arguments.only or cell.arm in arms]
    for cell in wanted:
        require_device(cell.config)
    return whole, wanted


def missing(whole: Sweep, wanted: Sequence[Cell], ledger: Ledger) -> list[int]:
    """The numbers of the cells that are still to be run."""
    return [whole.cells.index(cell) for cell in wanted if ledger.outcome(cell) is None]


def run(arguments: Arguments, whole: Sweep, wanted: Sequence[Cell], ledger: Ledger, console: Console) -> None:
    """Run what is missing, keeping each outcome as it comes. Raises TwinarmError, at the end, for those that failed."""
    todo, workers = missing(whole, wanted, ledger), arguments.workers or os.cpu_count() or 1
    cells = [whole.cells[index] for index in todo]
    episodes = sum(chosen.demos.episodes for chosen in sweep.recordings(cells).values())
    with bar(console, "recording", episodes) as tell:
        sweep.record(cells, workers, tell)
    failed = []
    with watching(console, cells):
        for index, trouble in share(whole, todo, workers, arguments.cluster):
            if trouble:
                failed.append(trouble.decode())
                continue
            ledger.add(Outcome.of(whole.cells[index]))
            sweep_report.write(whole, ledger)
    if failed:
        told = f"{len(failed)} of {len(todo)} runs of sweep {whole.config.name} failed, the others are done"
        raise TwinarmError("; ".join([told, *failed]))


@contextmanager
def watching(console: Console, cells: Sequence[Cell]) -> Iterator[None]:
    """A bar over the decisions of the runs, read from their metrics now and then."""
    over = threading.Event()
    with bars(console) as progress:
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
