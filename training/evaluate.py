"""Evaluation: a policy on unseen resets, counted, with an interval and the reasons of its failures."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np

from control.arm import Arm
from control.interfaces import Judge, Policy, Robot
from control.loop import Step, play
from control.types import ResetRequest
from training.bound import fastest_lift_s
from training.lift import LIFTED_M, LiftState
from training.settings import TaskConfig
from training.statistics import wilson

# Seeds by what they are for. Evaluation's are never used for training, demonstrations or the choice of a checkpoint.
TRAINING_SEED, VALIDATION_SEED, EVALUATION_SEED = 1_000_000, 9_000_000, 10_000_000
REACHED_M = 0.03
OFF_TABLE_M = 0.025


class Scored(Judge, Protocol):
    """A judge that keeps what it looked at."""

    @property
    def states(self) -> list[LiftState]: ...


@dataclass(frozen=True)
class EpisodeResult:
    """One episode in the experiment's own terms."""

    seed: int
    success: bool
    steps: int
    time_s: float
    reward: float
    cube_z_min_m: float
    cube_z_max_m: float
    cube_z_final_m: float
    grasping_steps: int
    grasping_share: float
    gripper_min_rad: float
    gripper_max_rad: float
    gripper_mean_rad: float
    failure: str  # empty on success
    bound_s: float | None = None  # what the lift takes at least; None where nobody computed it, or no lift is known
    truly: bool | None = None  # whether a witness, who is told the truth, says so too; None where there was none


@dataclass(frozen=True)
class Report:
    """What an evaluation found."""

    episodes: tuple[EpisodeResult, ...]

    @property
    def successes(self) -> int:
        return sum(episode.success for episode in self.episodes)

    @property
    def median_time_s(self) -> float | None:
        """From the reset to the last held step, over the successes; None without any."""
        times = [episode.time_s for episode in self.episodes if episode.success]
        return float(np.median(times)) if times else None

    @property
    def median_ratio(self) -> float | None:
        """A lift's time over the least it takes, over the successes; None without any, or where no bound is known."""
        ratios = [e.time_s / e.bound_s for e in self.episodes if e.success and e.bound_s]
        return float(np.median(ratios)) if ratios else None

    def summary(self) -> dict[str, Any]:
        """The figures under the names every command uses."""
        n = len(self.episodes)
        low, high = wilson(self.successes, n)
        failures = Counter(episode.failure for episode in self.episodes if not episode.success)
        witnessed = [(episode.success, episode.truly) for episode in self.episodes if episode.truly is not None]
        truth = {"false": witnessed.count((True, False)), "missed": witnessed.count((False, True))} if witnessed else {}
        return {
            "success": self.successes / n,
            "n": n,
            "low": low,
            "high": high,
            "median_time_s": self.median_time_s,
            "median_ratio": self.median_ratio,
            "mean_reward": float(np.mean([episode.reward for episode in self.episodes])),
            "failures": dict(failures),
            **truth,
        }

    def table(self) -> list[dict[str, Any]]:
        """One mapping of plain values an episode."""
        return [asdict(episode) for episode in self.episodes]


def sentence(summary: dict[str, Any]) -> str:
    """A summary in words: the rate, its interval, how long a lift takes and how the others failed."""
    k, n = round(summary["success"] * summary["n"]), summary["n"]
    text = f"{k} of {n} lifted ({summary['success']:.1%}, 95 % interval {summary['low']:.1%} to {summary['high']:.1%})"
    if summary["median_time_s"] is not None:
        text += f", median {summary['median_time_s']:.1f} s"
    if summary.get("median_ratio") is not None:
        text += f", {summary['median_ratio']:.2f} times the kinematic bound"
    if summary.get("failures"):
        text += "; failures: " + ", ".join(f"{kind} {count}" for kind, count in summary["failures"].items())
    if "false" in summary:
        text += f"; by the truth {summary['false']} of these are none, and {summary['missed']} of the others are lifts"
    return text


def requests(task: TaskConfig, first_seed: int, episodes: int) -> list[ResetRequest]:
    """The resets of an evaluation."""
    return [task.request(first_seed + i) for i in range(episodes)]


def evaluate(
    robot: Robot,
    policy: Policy,
    task: Scored,
    resets: Iterable[ResetRequest],
    limit_steps: int,
    watch: Callable[[Step], None] = lambda step: None,
    done: Callable[[EpisodeResult], None] = lambda result: None,
    arm: Arm | None = None,
    witness: Scored | None = None,
) -> Report:
    """Run one episode for every reset; `watch` sees each step, `done` each result.

    With the `arm`'s kinematics each result says how fast its lift could have been; with a `witness`, who decides
    nothing, whether it was one.
    """
    results = []
    for request in resets:
        steps, bound_s = list[Step](), None
        for step in play(robot, policy, task, request, limit_steps):
            if not steps and arm and step.truth_before:
                bound_s = fastest_lift_s(arm, robot.spec, step.before.joints_rad, step.truth_before)
            watch(step)
            steps.append(step)
        result = _result(request.seed, task.states, sum(step.verdict.reward for step in steps), robot.spec.hz)
        truly = _borne_out(result.success, witness, steps) if witness else None
        results.append(replace(result, bound_s=bound_s, truly=truly))
        done(results[-1])
    return Report(tuple(results))


def _borne_out(judged: bool, witness: Scored, steps: Sequence[Step]) -> bool | None:
    """Whether the episode was a lift, as a witness has it who is told the truth; None where nobody tells it."""
    if steps[0].truth is None:
        return None
    witness.reset(steps[0].before, steps[0].truth_before)
    verdicts = [witness.judge(step.after, step.command, step.truth) for step in steps]
    last = witness.states[-1]
    # A judged lift ends the episode, be it a step too early to have been held as long as it must.
    return any(verdict.success for verdict in verdicts) or (judged and last.grasping and last.cube_m > LIFTED_M)


def _result(seed: int, states: Sequence[LiftState], reward: float, hz: float) -> EpisodeResult:
    cube = [state.cube_m for state in states]
    gripper = [state.gripper_rad for state in states]
    grasping = sum(state.grasping for state in states)
    return EpisodeResult(
        seed=seed,
        success=states[-1].success,
        steps=len(states),
        time_s=len(states) / hz,
        reward=reward,
        cube_z_min_m=min(cube),
        cube_z_max_m=max(cube),
        cube_z_final_m=cube[-1],
        grasping_steps=grasping,
        grasping_share=grasping / len(states),
        gripper_min_rad=min(gripper),
        gripper_max_rad=max(gripper),
        gripper_mean_rad=float(np.mean(gripper)),
        failure=failure(states),
    )


def failure(states: Sequence[LiftState]) -> str:
    """Why an episode was no success, by the furthest it got; empty for a success.

    never reached        the tool stayed more than REACHED_M from the cube's centre
    reached, not closed  it came near, and the gripper never closed on the cube, be it open or shut beside it; by feel
                         this is all that is known where nothing was ever gripped
    slipped              the cube was grasped and lost, and never held above OFF_TABLE_M
    dropped              the cube was held above OFF_TABLE_M, and lost
    timeout              the cube was still grasped when time ran out
    """
    if states[-1].success:
        return ""
    if min(state.tool_to_cube_m for state in states) > REACHED_M:
        return "never reached"
    if not any(state.grasping for state in states):
        return "reached, not closed"
    if states[-1].grasping:
        return "timeout"
    return "dropped" if any(state.grasping and state.cube_m > OFF_TABLE_M for state in states) else "slipped"
