"""What somebody should know of a recorded episode before they keep it."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from control.arm import Arm
from control.episodes import Episode
from control.types import GRIPPER
from training.experience import pauses

matplotlib.use("Agg")
SHOWN = 8  # pictures on a sheet
FULL = 0.999  # of an action's range


@dataclass(frozen=True)
class Account:
    """One episode in figures."""

    index: int
    success: bool
    steps: int
    time_s: float
    who: str  # acted
    by_person: float  # share of the steps
    pauses: int  # how often a person let the arm stand
    paused_s: float
    full: float  # share of the arm's labels at the end of their range
    clamped: float  # share of the commands that the governor did not let pass as they were


def account(index: int, episode: Episode) -> Account:
    """The account of an episode."""
    paused, provenance = pauses(episode), episode.provenance
    began = int(np.count_nonzero(np.diff(paused.astype(np.int8), prepend=0) > 0))
    return Account(
        index=index,
        success=episode.success,
        steps=len(episode),
        time_s=round(episode.time_s, 2),
        who=", ".join(filter(None, (provenance.source, provenance.extra.get("device"), provenance.extra.get("who")))),
        by_person=round(float(episode.by_person.mean()), 3),
        pauses=began,
        paused_s=round(float(paused.sum() / episode.info.hz), 2),
        full=round(float((np.abs(episode.label[:, :-1]) > FULL).mean()), 3),
        clamped=round(float(episode.limited[1:].mean()), 3),
    )


def draw_sheet(path: Path, episode: Episode, arm: Arm, title: str) -> None:
    """Write a contact sheet: what the first camera saw, where tool and gripper went, and the pauses in grey."""
    figure = plt.figure(figsize=(13, 6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.add_gridspec(2, 1, height_ratios=(1, 1.5))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _pictures(above.subplots(1, SHOWN), episode)
    tool, gripper = below.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    _tool(tool, episode, arm)
    _gripper(gripper, episode)
    for axis in (tool, gripper):
        _shade(axis, episode)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _pictures(axes: np.ndarray, episode: Episode) -> None:
    frames = next(iter(episode.frames.values()))
    for axis, t in zip(axes, np.linspace(0, len(episode), SHOWN).round().astype(int), strict=True):
        axis.imshow(frames[t])
        axis.set_title(f"{episode.stamp_s[t]:.1f} s", fontsize=9)
        axis.axis("off")


def _tool(axis: Axes, episode: Episode, arm: Arm) -> None:
    for rows, style, word in ((episode.joints_rad, "-", "measured"), (episode.target_rad, ":", "commanded")):
        tools = 1e3 * np.array([arm.tool(joints)[0] for joints in rows])
        for name, colour, values in zip("xyz", ("#332288", "#117733", "#cc6677"), tools.T, strict=True):
            axis.plot(episode.stamp_s, values, style, color=colour, lw=1.3, label=f"{name} {word}")
    axis.set_ylabel("tool, mm")


def _gripper(axis: Axes, episode: Episode) -> None:
    for rows, style, word in ((episode.joints_rad, "-", "measured"), (episode.target_rad, ":", "commanded")):
        axis.plot(episode.stamp_s, rows[:, GRIPPER], style, color="#332288", lw=1.3, label=f"gripper {word}")
    axis.set_ylabel("gripper, rad")
    axis.set_xlabel("s")


def _shade(axis: Axes, episode: Episode) -> None:
    for t in np.flatnonzero(pauses(episode)).tolist():
        axis.axvspan(episode.stamp_s[t], episode.stamp_s[t + 1], color="#dddddd", lw=0)
