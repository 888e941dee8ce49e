"""`twinarm review`: what is in a dataset, and which of it to keep."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from control.arm import Arm
from control.datasets import Dataset
from control.errors import UserError
from tools.flags.review import Arguments
from training.film import film_episode
from training.reviewing import Account, account, draw_sheet

TABLE_WIDTH = 100
CLIPS = "clips"  # beside the episodes


def main(arguments: Arguments) -> None:
    """List, or look and act."""
    console = Console(stderr=True)
    dataset = Dataset.found(arguments.dataset)
    if arguments.episode is None:
        if arguments.label or arguments.discard:
            raise UserError("--label and --discard are about one episode; name it by --episode")
        return listed(dataset, console, arguments.json)
    if arguments.label and arguments.discard:
        raise UserError("a discarded episode needs no label; leave one of the two out")
    if arguments.discard:
        return discard(dataset, arguments.episode, console)
    if arguments.label:
        with dataset.lock():
            dataset.relabel(arguments.episode, arguments.label == "success")
    look(dataset, arguments.episode, console, arguments.json)


def listed(dataset: Dataset, console: Console, as_json: bool) -> None:
    """A row for every episode."""
    accounts = [account(index, dataset.read(index)) for index in dataset.indices()]
    show(accounts, console)
    seconds = sum(one.time_s for one in accounts)
    words = f"{len(accounts)} episodes, {sum(one.success for one in accounts)} successes, {seconds:.0f} s"
    if left := dataset.incomplete():
        words += f"; cut short by a crash: {', '.join(map(str, left))}"
    console.print(words, soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(one) for one in accounts]))


def show(accounts: list[Account], console: Console) -> None:
    """For people."""
    table = Table(box=None)
    for name in ("episode", "result", "s", "who", "pauses", "paused s", "full actions", "clamped"):
        table.add_column(name, justify="left" if name in ("result", "who") else "right")
    for one in accounts:
        result = "success" if one.success else "failure"
        figures = (f"{one.pauses}", f"{one.paused_s:.1f}", f"{one.full:.0%}", f"{one.clamped:.0%}")
        table.add_row(str(one.index), result, f"{one.time_s:.1f}", one.who, *figures)
    Console(stderr=True, width=max(console.width, TABLE_WIDTH)).print(table)


def look(dataset: Dataset, index: int, console: Console, as_json: bool) -> None:
    """Its row, its sheet, its film."""
    episode = dataset.read(index)
    told = account(index, episode)
    at = clip(dataset, index)
    film_episode(at, episode)
    sheet = at.with_suffix(".png")
    draw_sheet(sheet, episode, Arm.from_facts(), f"{dataset.folder.name}, episode {index}, {told.who}")
    show([told], console)
    console.print(f"{sheet}\n{at}", soft_wrap=True)
    if as_json:
        print(json.dumps(asdict(told) | {"sheet": str(sheet), "film": str(at)}))


def clip(dataset: Dataset, index: int) -> Path:
    """Where an episode's film is kept."""
    folder = dataset.folder / CLIPS
    folder.mkdir(exist_ok=True)
    return folder / f"episode_{index:06d}.mp4"


def discard(dataset: Dataset, index: int, console: Console) -> None:
    """Move it away; the dataset is whole without it. Raises UserError where there is none."""
    if index not in (*dataset.indices(), *dataset.incomplete()):
        raise UserError(f"{dataset.folder} holds no episode {index}")
    with dataset.lock():
        finished = index in dataset.indices()
        at = dataset.discard(index)
        dataset.plan(max(dataset.planned - finished, 0))
    console.print(f"episode {index} is now {at}", soft_wrap=True)
