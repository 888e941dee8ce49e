"""A sweep's `report.md` and figures: success against decisions and minutes, and what each arm did, over seeds."""

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import SupportsFloat

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from training.ledger import Ledger, Outcome
from training.statistics import bootstrap_interval, interquartile_mean, wilson
from training.sweep import Cell, Sweep

matplotlib.use("Agg")
ARM, FIRST, GRID = "#332288", "#999999", 25  # colours; points of a curve
ACROSS, SUCCESS = ("decisions", "minutes of one core"), 2  # columns of a curve
RATES = (
    *("arm", "lifted, kept policies", "interquartile mean over seeds", "after cloning", "at the last validation"),
    *("median time", "minutes"),
)
DEEDS = ("arm", "how the others failed", "gripper, mean", "cube's height, at most", "mean value, highest / last")
Arms = Mapping[str, Sequence[Outcome]]


def write(sweep: Sweep, ledger: Ledger) -> Path:
    """Write report and figures over what the ledger knows of the sweep; return the report's path."""
    sweep.folder.mkdir(parents=True, exist_ok=True)
    sections = [f"# Sweep {sweep.config.name}", _about(sweep, ledger)]
    if arms := _known(ledger, sweep.arms):
        sections += [_table(RATES, _rates, arms), _table(DEEDS, _deeds, arms)]
    for factor in sweep.config.factors:
        if arms := _known(ledger, sweep.arms_of(factor)):
            draw(sweep.folder / f"{factor}.png", arms)
            sections.append(f"## {factor}\n\n![{factor}]({factor}.png)")
    path = sweep.folder / "report.md"
    path.write_text("\n\n".join(sections) + "\n")
    return path


def _known(ledger: Ledger, arms: Mapping[str, Sequence[Cell]]) -> Arms:
    found = {name: [outcome for cell in cells if (outcome := ledger.outcome(cell))] for name, cells in arms.items()}
    return {name: outcomes for name, outcomes in found.items() if outcomes}


def _about(sweep: Sweep, ledger: Ledger) -> str:
    done, cells = sum(ledger.outcome(cell) is not None for cell in sweep.cells), len(sweep.cells)
    schedule = sweep.cells[0].config.schedule
    return (
        f"{done} of {cells} runs are done: `{sweep.config.config}`, seeds {', '.join(map(str, sweep.config.seeds))}, "
        f"{schedule.steps} decisions, {schedule.final_episodes} evaluation resets each. Simulated. The sweep's file "
        "says which settings an arm changes; every other one is the base's. Intervals are 95 %: of rates Wilson's over "
        "pooled resets, of interquartile means from drawing the seeds again. In the figures thin lines are seeds, the "
        "thick line their interquartile mean, the band its interval; grey is the first arm."
    )


def _table(columns: Sequence[str], row: Callable[[Sequence[Outcome]], tuple[str, ...]], arms: Arms) -> str:
    rows = (columns, ("---",) * len(columns), *((name, *row(outcomes)) for name, outcomes in arms.items()))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _rates(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    reports = [outcome.report for outcome in outcomes]
    n = sum(report["n"] for report in reports)
    k = round(sum(report["success"] * report["n"] for report in reports))
    rates = [report["success"] for report in reports]
    cloned = [report["after_cloning"]["success"] for report in reports if "after_cloning" in report]
    times = [report["median_time_s"] for report in reports if report["median_time_s"] is not None]
    return (
        f"{k} of {n} ({_span(*wilson(k, n))})",
        f"{_percent(interquartile_mean(rates))} ({_span(*bootstrap_interval(rates))}, {len(rates)} seeds)"
        if len(rates) > 1
        else f"{_percent(rates[0])} (one seed)",
        _percent(np.mean(cloned)) if cloned else "–",
        _percent(np.mean([outcome.course[-1]["validation_success"] for outcome in outcomes])),
        f"{np.median(times):.1f} s" if times else "–",
        f"{np.mean([report['training_s'] for report in reports]) / 60:.0f}",
    )


def _span(low: SupportsFloat, high: SupportsFloat) -> str:
    return f"{100 * float(low):.1f}–{100 * float(high):.1f} %"


def _percent(share: SupportsFloat) -> str:
    return f"{100 * float(share):.0f} %"


def _deeds(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    failures = sum((Counter(outcome.report["failures"]) for outcome in outcomes), Counter[str]())
    told = [outcome.episodes for outcome in outcomes]
    values = [(figures["q_max"], figures["q_last"]) for figures in told if "q_max" in figures]
    return (
        "; ".join(f"{count} {kind}" for kind, count in failures.most_common()) or "–",
        f"{np.mean([figures['gripper_mean_rad'] for figures in told]):.2f} rad",
        f"{max(figures['cube_z_max_m'] for figures in told):.3f} m",
        " / ".join(f"{value:.3g}" for value in np.mean(values, axis=0)) if values else "–",
    )


def draw(path: Path, arms: Arms) -> None:
    """A factor: validation success against decisions and against minutes, a column for every arm."""
    curves = [[_curve(outcome) for outcome in outcomes] for outcomes in arms.values()]
    size = 1 + 2.4 * len(arms), 4.6
    figure, axes = plt.subplots(2, len(arms), figsize=size, sharex="row", sharey=True, squeeze=False)
    for column, (name, seeds) in enumerate(zip(arms, curves, strict=True)):
        axes[0, column].set_title(textwrap.fill(name, 24), fontsize=10)
        for across, (axis, label) in enumerate(zip(axes[:, column], ACROSS, strict=True)):
            points, first = _at_common_points(curves[0], across)
            axis.plot(points, interquartile_mean(first), color=FIRST, lw=2)
            _seeds(axis, seeds, across)
            axis.set(xlabel=label, ylim=(-0.03, 1.03))
            axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel("validation success")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _seeds(axis: Axes, seeds: Sequence[np.ndarray], across: int) -> None:
    """Every seed thin, their interquartile mean thick, in the band of its interval."""
    for each in seeds:
        axis.plot(each[:, across], each[:, SUCCESS], color=ARM, lw=0.7, alpha=0.6)
    points, rates = _at_common_points(seeds, across)
    axis.plot(points, interquartile_mean(rates), color=ARM, lw=2)
    axis.fill_between(points, *bootstrap_interval(rates), color=ARM, alpha=0.15, lw=0)


def _at_common_points(seeds: Sequence[np.ndarray], across: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (GRID,) that all seeds have been through, and each seed's success there (seeds, GRID)."""
    start, end = max(each[0, across] for each in seeds), min(each[-1, across] for each in seeds)
    points = np.linspace(start, max(start, end), GRID)
    return points, np.array([np.interp(points, each[:, across], each[:, SUCCESS]) for each in seeds])


def _curve(outcome: Outcome) -> np.ndarray:
    """Validations (n, 3): decisions, minutes, success."""
    return np.array([(row["step"], row["seconds"] / 60, row["validation_success"]) for row in outcome.course])
