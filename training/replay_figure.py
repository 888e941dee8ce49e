"""A replay beside its recording, in one picture."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from control.types import JOINTS
from training.replaying import UNLOADED, Divergence

matplotlib.use("Agg")
COMMANDED, RECORDED, REPLAYED = "#999999", "#332288", "#cc6677"


def draw(path: Path, divergence: Divergence, title: str) -> None:
    """Write the figure: every joint as commanded, recorded and replayed; the errors; the tool's distance."""
    figure = plt.figure(figsize=(13, 8), layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.add_gridspec(3, 3, height_ratios=(1, 1, 1.1))
    for joint, name in enumerate(JOINTS):
        _angles(figure.add_subplot(grid[joint // 3, joint % 3]), divergence, joint, name)
    _errors(figure.add_subplot(grid[2, :2]), divergence)
    _tool(figure.add_subplot(grid[2, 2]), divergence)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _angles(axis: Axes, divergence: Divergence, joint: int, name: str) -> None:
    rows = (divergence.commanded_rad, divergence.recorded_rad, divergence.replayed_rad)
    for angles, colour, label in zip(
        rows, (COMMANDED, RECORDED, REPLAYED), ("commanded", "recorded", "replayed"), strict=True
    ):
        drawn = "steps-post" if label == "commanded" else "default"
        axis.plot(divergence.stamp_s, np.degrees(angles[:, joint]), color=colour, label=label, lw=1.2, drawstyle=drawn)
    axis.set_title(f"{name}, degrees", fontsize=9)
    axis.grid(alpha=0.3)
    if joint == 0:
        axis.legend(fontsize=7)


def _errors(axis: Axes, divergence: Divergence) -> None:
    for name, rows in zip(JOINTS, divergence.error_rad.T, strict=True):
        style = "-" if name in UNLOADED else ":"
        axis.plot(divergence.stamp_s, np.degrees(rows), style, lw=1.3, label=name)
    axis.set_title("replayed less recorded, degrees (dotted: loaded by gravity)", fontsize=9)
    axis.set_xlabel("s")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7, ncols=2)


def _tool(axis: Axes, divergence: Divergence) -> None:
    axis.plot(divergence.stamp_s, 1e3 * divergence.tool_m, color="#117733", lw=1.3)
    axis.set_title("tool points apart, mm", fontsize=9)
    axis.set_xlabel("s")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
