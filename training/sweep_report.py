"""A sweep's `report.md` and figures: success against decisions and minutes, an arm at a time, over seeds."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from training.statistics import bootstrap_interval, interquartile_mean, wilson
from training.sweep import Cell, Sweep, course, outcome

matplotlib.use("Agg")
COLOURS = ("#117733", "#cc6677", "#332288", "#ddaa33", "#88ccee", "#aa4499", "#999933", "#661100")
COLUMNS = (
    *("arm", "success of the kept policies, pooled", "95 % interval", "interquartile mean over seeds"),
    *("after cloning", "at the last validation", "median time", "minutes"),
)
HEADER = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def write(sweep: Sweep) -> Path:
    """Write report and figures over the cells that are done; return the report's path."""
    parts = [f"# Sweep {sweep.config.name}", _about(sweep)]
    for factor in sweep.config.factors:
        arms = {name: [cell for cell in cells if cell.done] for name, cells in sweep.arms_of(factor).items()}
        arms = {name: cells for name, cells in arms.items() if cells}
        if arms:
            draw(sweep.folder / f"{factor}.png", factor, arms)
            table = "\n".join(_row(name, cells) for name, cells in arms.items())
            parts.append(f"## {factor}\n\n{HEADER}\n{table}\n\n![{factor}]({factor}.png)")
    path = sweep.folder / "report.md"
    path.write_text("\n\n".join(parts) + "\n")
    return path


def _about(sweep: Sweep) -> str:
    done, cells = sum(cell.done for cell in sweep.cells), len(sweep.cells)
    schedule = sweep.cells[0].config.schedule
    return (
        f"{done} of {cells} runs are done: `{sweep.config.config}`, seeds {', '.join(map(str, sweep.config.seeds))}, "
        f"{schedule.steps} decisions, {schedule.final_episodes} evaluation resets each. Simulated. An arm changes the "
        "settings named; every other setting is the base's. Intervals of rates are Wilson's over pooled resets, those "
        "of means come from drawing the seeds again."
    )


def _row(name: str, cells: Sequence[Cell]) -> str:
    reports = [outcome(cell) for cell in cells]
    n = sum(report["n"] for report in reports)
    k = round(sum(report["success"] * report["n"] for report in reports))
    low, high = wilson(k, n)
    rates = [report["success"] for report in reports]
    below, above = bootstrap_interval(rates)
    cloned = [report["after_cloning"]["success"] for report in reports if "after_cloning" in report]
    last = [course(cell)[-1][2] for cell in cells]
    times = [report["median_time_s"] for report in reports if report["median_time_s"] is not None]
    columns = (
        name,
        f"{k} of {n} ({k / n:.1%})",
        f"{low:.1%}–{high:.1%}",
        f"{interquartile_mean(rates):.1%} ({below:.1%}–{above:.1%}, {len(cells)} seeds)",
        f"{np.mean(cloned):.0%}" if cloned else "–",
        f"{np.mean(last):.0%}",
        f"{np.median(times):.1f} s" if times else "–",
        f"{np.mean([report['training_s'] for report in reports]) / 60:.1f}",
    )
    return f"| {' | '.join(columns)} |"


def draw(path: Path, factor: str, arms: dict[str, list[Cell]]) -> None:
    """One factor: validation success of each arm against decisions and against minutes; thin lines are seeds."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True, layout="constrained")
    for (name, cells), colour in zip(arms.items(), COLOURS, strict=False):
        courses = [np.array(course(cell)) for cell in cells]
        for axis, column in zip(axes, (0, 1), strict=True):
            _lines(axis, courses, column, name, colour)
    axes[0].set(xlabel="decisions", ylabel="validation success", title=factor, ylim=(-0.03, 1.03))
    axes[1].set(xlabel="minutes of one core")
    axes[0].legend(fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _lines(axis: Axes, courses: Sequence[np.ndarray], column: int, name: str, colour: str) -> None:
    """Every seed thin, and the interquartile mean over seeds at common points."""
    for each in courses:
        axis.plot(each[:, column], each[:, 2], color=colour, lw=0.7, alpha=0.4)
    points = np.linspace(0, min(each[-1, column] for each in courses), 25)
    rates = np.array([np.interp(points, each[:, column], each[:, 2]) for each in courses])
    axis.plot(points, [interquartile_mean(row) for row in rates.T.tolist()], color=colour, lw=2, label=name)
