"""`twinarm data`: datasets as wholes."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from control.curation import merge, split
from control.datasets import DISCARDED, Dataset
from control.episodes import UNCALIBRATED
from control.errors import DatasetError, UserError
from tools.audit import about_data
from tools.flags.data import Arguments
from training import settings


def main(arguments: Arguments) -> int:
    """Do what is asked. Returns 1 where check found damage."""
    if not arguments.datasets:
        raise UserError("data needs a dataset's folder")
    return ACTIONS[arguments.action](arguments, Console(stderr=True))


def info(arguments: Arguments, console: Console) -> int:
    """A paragraph for each."""
    all_facts = [facts(Dataset.found(folder)) for folder in arguments.datasets]
    for known in all_facts:
        for name, value in known.items():
            shown = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
            console.print(f"{name.replace('_', ' '):<18} {shown}", soft_wrap=True, highlight=False)
        console.print()
    if arguments.json:
        print(json.dumps(all_facts))
    return 0


def facts(dataset: Dataset) -> dict[str, Any]:
    """What a dataset holds, without reading a picture."""
    indices, shared = dataset.indices(), dataset.info
    results = [dataset.outcome(index) for index in indices]
    told = [dataset.provenance(index) for index in indices]
    discarded = dataset.folder / DISCARDED
    return {
        "folder": str(dataset.folder),
        "episodes": len(indices),
        "wanted": dataset.planned,
        "successes": sum(result.success for result in results),
        "steps": sum(result.steps for result in results),
        "seconds": round(sum(result.time_s for result in results), 1),
        "megabytes": round(sum(dataset.path(index).stat().st_size for index in indices) / 1e6, 1),
        "cut_short": len(dataset.incomplete()),
        "discarded": len(list(discarded.glob("*.mcap"))) if discarded.is_dir() else 0,
        "sources": dict(Counter(" ".join((one.source, one.extra.get("who", ""))).strip() for one in told)),
        "calibrations": dict(Counter(one.calibration or "unknown" for one in told)),
        "cameras": {name: f"{height}x{width}" for name, (height, width) in shared.cameras.items()},
        "hz": shared.hz,
        "action_space": shared.action_space,
        "recipe": shared.recipe,
    }


def check(arguments: Arguments, console: Console) -> int:
    """Read everything; then look at the labels, the pictures and the rest that an audit looks at."""
    chosen, damaged = settings.load(arguments.config, arguments.set), 0
    for folder in arguments.datasets:
        faults = unreadable(Dataset.found(folder))
        for fault in faults:
            console.print(f"[red]damaged[/red]: {fault}", soft_wrap=True)
        damaged += len(faults)
        if not faults:
            console.print(f"{folder}: every episode can be read", soft_wrap=True)
            about_data(chosen, Dataset.open(folder), console, arguments.json)
    return int(damaged > 0)


def unreadable(dataset: Dataset) -> list[str]:
    """What is wrong with each episode that cannot be read."""
    faults = []
    for index in dataset.indices():
        try:
            dataset.read(index)
        except DatasetError as error:
            faults.append(str(error))
    return faults


def merged(arguments: Arguments, console: Console) -> int:
    """Raises UserError for arms calibrated otherwise than each other."""
    sources = [Dataset.open(folder) for folder in arguments.datasets]
    calibrations = {source.provenance(index).calibration for source in sources for index in source.indices()}
    if not arguments.any_calibration and len(theirs := sorted(calibrations - set(UNCALIBRATED))) > 1:
        raise UserError(
            f"these were recorded by arms with calibrations {', '.join(theirs)}: the same angles are other poses; "
            "merge those of one, or say --any-calibration"
        )
    made = merge(sources, wanted(arguments))
    console.print(f"{len(made.indices())} episodes: {made.folder}", soft_wrap=True)
    return 0


def halved(arguments: Arguments, console: Console) -> int:
    """Raises UserError for a share that is none, or more than one dataset."""
    if not 0 < arguments.share < 1 or len(arguments.datasets) != 1:
        raise UserError(f"split takes one dataset and a --share between 0 and 1, got {arguments.share:g}")
    folders = wanted(arguments) / "first", wanted(arguments) / "second"
    for made in split(Dataset.open(arguments.datasets[0]), folders, arguments.share, arguments.seed):
        console.print(f"{len(made.indices())} episodes: {made.folder}", soft_wrap=True)
    return 0


def wanted(arguments: Arguments) -> Path:
    """Where to. Raises UserError where nobody said."""
    if arguments.output is None:
        raise UserError(f"{arguments.action} needs a folder to write to; give --output")
    return arguments.output


def recover(arguments: Arguments, console: Console) -> int:
    """Give what was whole its name, keep the readable part of what was not."""
    for folder in arguments.datasets:
        dataset = Dataset.found(folder)
        with dataset.lock():
            kept = dataset.recover()
        lengths = [f"episode {index}: {dataset.read_incomplete(index).time_s:.1f} s" for index in kept]
        console.print(f"{folder}: {'; '.join(lengths) or 'nothing to recover'}", soft_wrap=True)
    return 0


ACTIONS: dict[str, Callable[[Arguments, Console], int]] = {
    "info": info,
    "check": check,
    "merge": merged,
    "split": halved,
    "recover": recover,
}
