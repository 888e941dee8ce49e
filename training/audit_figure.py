"""The reward audit in one picture: what the behaviours do, and what each reward has paid them by when."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from control.types import GRIPPER
from training.lift import CLOSED_RAD, LIFTED_M, load_reward
from training.reward_audit import SUCCESS, Rollouts, Verdict, paid

matplotlib.use("Agg")
ACROSS = 5
COLOURS = {
    SUCCESS: "#117733",
    "hover open": "#cc6677",
    "hold below": "#332288",
    "dip": "#ddaa33",
    "random": "#999999",
}


def draw(path: Path, rollouts: Rollouts, verdicts: list[Verdict], gamma: float) -> None:
    """Write the figure: a row on the behaviours, then a panel for every reward with its verdict."""
    rows = -(-len(verdicts) // ACROSS)
    figure = plt.figure(figsize=(3.3 * ACROSS, 2.6 * (rows + 1)), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=(1, rows))
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    _behaviours(above.subplots(1, ACROSS + 2, width_ratios=(1.5, 1.5, *(1,) * ACROSS)), rollouts)
    axes = below.subplots(rows, ACROSS, squeeze=False).ravel()
    for axis, verdict in zip(axes, verdicts, strict=False):
        returns(axis, rollouts, verdict, gamma)
    for axis in axes[len(verdicts) :]:
        axis.axis("off")
    for axis in axes[::ACROSS]:
        axis.set_ylabel("paid so far, discounted")
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _behaviours(axes: np.ndarray, rollouts: Rollouts) -> None:
    """Cube height and gripper over time, and what the wrist camera sees at the end."""
    height, gripper, *pictures = axes
    for name, (steps, *_) in rollouts.episodes.items():
        time_s = np.arange(1, len(steps) + 1) / rollouts.hz
        cube_m = [step.truth.cube_m[2] for step in steps if step.truth is not None]
        height.plot(time_s, 100 * np.array(cube_m), color=COLOURS[name])
        gripper.plot(time_s, [step.after.joints_rad[GRIPPER] for step in steps], color=COLOURS[name])
    height.axhline(100 * LIFTED_M, color="black", lw=0.8, ls=":")
    height.set(title="cube height, cm", xlabel="s")
    gripper.axhline(CLOSED_RAD, color="black", lw=0.8, ls=":")
    gripper.set(title="gripper, rad", xlabel="s")
    for axis, (name, (steps, *_)) in zip(pictures, rollouts.episodes.items(), strict=True):
        axis.imshow(steps[-1].after.frames["wrist_cam"].rgb)
        axis.set_title(name, color=COLOURS[name])
        axis.axis("off")


def returns(axis: Axes, rollouts: Rollouts, verdict: Verdict, gamma: float) -> None:
    """What a reward has paid each behaviour by when from the first reset, discounted; at the right edge a mark is what
    going on for ever is worth, the mean over all resets."""
    reward, end_s = load_reward(verdict.reward), 0.0
    for name, (steps, *_) in rollouts.episodes.items():
        rewards = paid(steps, reward, gamma, rollouts.repeat)
        time_s = np.arange(1, len(rewards) + 1) * rollouts.repeat / rollouts.hz
        end_s = max(end_s, time_s[-1])
        axis.plot(time_s, np.cumsum(gamma ** np.arange(len(rewards)) * rewards), color=COLOURS[name], label=name)
    for name, values in verdict.values.items():
        axis.plot(1.04 * end_s, values.bootstrapped, "o", ms=4, color=COLOURS[name], clip_on=False)
    axis.set_xlabel("s")
    axis.set_title(f"{verdict.reward}: {'sound' if verdict.sound else ', '.join(verdict.traps)}", fontsize=9)
    axis.title.set_color(COLOURS[SUCCESS if verdict.sound else "hover open"])
    axis.grid(alpha=0.3)
