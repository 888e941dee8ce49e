"""How long each verb's `--help` takes, from a cold start."""

import resource
import statistics
import subprocess
import sys
import time

from tools.cli import VERBS

STARTS = 7


def bench_cli(starts: int = STARTS) -> dict[str, float]:
    """Median milliseconds by the clock from a command to its end, by verb; and what the costliest takes of a processor.

    Bare is a Python that starts and ends. All take turns, so that what else the machine does meets all alike.
    """
    commands = {"bare python": ["-c", "pass"]}
    commands |= {f"{verb} --help": ["-m", "tools.cli", verb, "--help"] for verb in VERBS}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    worked: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(starts):
        for name, words in commands.items():
            wall_s, cpu_s = started(words)
            taken[name].append(wall_s)
            worked[name].append(cpu_s)
    medians = {f"{name} ms": 1e3 * statistics.median(seconds) for name, seconds in taken.items()}
    slowest = max(VERBS, key=lambda verb: statistics.median(taken[f"{verb} --help"]))
    return medians | {
        "slowest ms": medians[f"{slowest} --help ms"],
        "most processor ms": 1e3 * max(statistics.median(seconds) for seconds in worked.values()),
    }


def started(words: list[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor that a Python with `words` takes. Raises CalledProcessError."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began_s
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
