"""From recorded joint targets back to the actions that would have asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from control.types import Observation
from policies.spaces import Spaces

FULL = 1.01  # of an action: what a solver leaves is no cut


@dataclass(frozen=True)
class Loss:
    """What is lost of the recorded targets where they become actions; arrays of one number a step."""

    cut: np.ndarray  # (T,) bool: a full action was not enough
    tool_m: np.ndarray  # (T,) from where the tool was told to be
    joint_rad: np.ndarray  # (T,) of the joint that is farthest from where it was told to be

    def summary(self) -> dict[str, float]:
        """Shares of the steps, medians, and what 95 % stay below."""
        return {
            "cut": float(self.cut.mean()),
            "tool_mm": float(np.median(self.tool_m) * 1e3),
            "tool_mm_95": float(np.quantile(self.tool_m, 0.95) * 1e3),
            "joint_deg": float(np.degrees(np.median(self.joint_rad))),
            "joint_deg_95": float(np.degrees(np.quantile(self.joint_rad, 0.95))),
        }


def aimed(spaces: Spaces, seen: Mapping[str, np.ndarray], requested_rad: np.ndarray) -> tuple[np.ndarray, Loss]:
    """The actions (K, A) whose targets are the ones asked for (K, J), cut to full actions.

    One that is kept for several steps goes its share of the way to the last of their targets in each.
    """
    steps, repeat = len(requested_rad), spaces.config.action_repeat
    action, got = np.empty((steps, spaces.action_size)), np.empty_like(requested_rad)
    cut = np.zeros(steps, bool)
    for t in range(steps):
        look = _look(seen, t)
        if t % repeat == 0:
            kept = min(repeat, steps - t)
            wanted = spaces.aim(requested_rad[t + kept - 1], look) / kept
            cut[t : t + kept] = (np.abs(wanted) > FULL).any()
        action[t] = np.clip(wanted, -1, 1)
        got[t] = spaces.command(action[t], look).target_rad
    tool = np.array([spaces.arm.tool(a)[0] - spaces.arm.tool(b)[0] for a, b in zip(got, requested_rad, strict=True)])
    return action, Loss(cut, np.linalg.norm(tool, axis=1), np.abs(got - requested_rad).max(axis=1))


def _look(seen: Mapping[str, np.ndarray], t: int) -> Observation:
    """The look at step `t`, without its picture."""
    vectors = {name: seen[name][t] for name in ("joints_rad", "speed_rad_s", "load", "target_rad")}
    return Observation(seq=t, stamp_s=float(seen["stamp_s"][t]), limited=bool(seen["limited"][t]), **vectors)
