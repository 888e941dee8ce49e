"""System identification: what actuator makes the simulated arm move as another arm was seen to move.

The recorded commands go through the same governor, at the times at which they were sent, and the arm alone is simulated
under a candidate; least squares on the joints' angles finds the candidate. The servo's own damping and that of the
gears cannot be told apart by motion: the gears keep theirs, the servo gets the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mujoco
import numpy as np
from msgspec.structs import replace
from scipy.optimize import least_squares

from control import arm as kinematics
from control.actuators import Actuator, actuator
from control.arm import Arm
from control.governor import TICK_S, Governor
from control.types import GRIPPER, JOINTS, RobotSpec
from sim.scene import arm_spec, set_options

STEP_RAD, STEP_S = 0.08, 0.5
CHIRP_RAD, CHIRP_HZ, CHIRP_S = 0.06, (0.4, 2.2), 3.0
# Stretched out, gravity pulls five times as hard as at home, and how much farther the arm sinks there is the stiffness.
# Each pose is stayed in twice, come to from either side: what friction and play keep of the way then cancels.
STRETCHED_RAD, PAST = (0.2, -0.6, 0.4), 0.3
WAY_S, STAY_S, SETTLED_S = 1.6, 1.2, 0.6
# What is looked for: where it starts from is the base's, in units of about what can be told, within these bounds.
FITTED = {
    "kv": (0.0, 10.0, 0.2),
    "frictionloss": (0.0, 0.5, 0.02),
    "delay_s": (0.0, 0.2, 0.01),
    "lead_s": (0.0, 0.2, 0.01),
    "backlash_rad": (0.0, 0.03, 0.003),
}
NUDGE = 0.1  # of a unit, to see what a change does: less is lost in the encoder's steps
STARTS = ((0.0, 0.002), (0.0, 0.01), (0.6, 0.002), (0.6, 0.01))  # lead (of kv / kp) and play, rad


@dataclass(frozen=True)
class Recording:
    """What was told an arm, and what it was seen to do; times of one clock."""

    sent_s: np.ndarray  # (n,)
    target_rad: np.ndarray  # (n, J)
    seen_s: np.ndarray  # (n,) when the joints were read, after each command
    joints_rad: np.ndarray  # (n, J)
    start_rad: np.ndarray  # (J,) where it stood before


@dataclass(frozen=True)
class Fit:
    """The actuator that was found, and how far the simulated arm was from the other, before and after (J,), rms."""

    actuator: Actuator
    before_rad: np.ndarray
    after_rad: np.ndarray


def excitation(home_rad: np.ndarray, hz: float) -> Iterator[np.ndarray]:
    """Targets (J,), one a period: of each joint a step there and back and a chirp, then the arm stretches out."""
    for joint in range(len(JOINTS)):
        for way in _steps(hz) + _chirp(hz):
            yield home_rad + way * np.eye(len(JOINTS))[joint]
    away = np.zeros(len(JOINTS))
    away[1:4] = np.array(STRETCHED_RAD) - home_rad[1:4]
    for begin, end in ((0, 1), (1, 1 + PAST), (1 + PAST, 1), (1, 0), (0, -PAST), (-PAST, 0)):
        for share in (1 - np.cos(np.linspace(0.0, np.pi, round(WAY_S * hz)))) / 2:
            yield home_rad + (begin + share * (end - begin)) * away
        for _ in range(round(STAY_S * hz)):
            yield home_rad + end * away


def _steps(hz: float) -> list[float]:
    return [way for way in (STEP_RAD, 0.0, -STEP_RAD, 0.0) for _ in range(round(STEP_S * hz))]


def _chirp(hz: float) -> list[float]:
    t = np.arange(0.0, CHIRP_S, 1.0 / hz)
    low, high = CHIRP_HZ
    return (CHIRP_RAD * np.sin(2 * np.pi * (low + (high - low) * t / (2 * CHIRP_S)) * t)).tolist()


def fit(recording: Recording, spec: RobotSpec, base: Actuator, tell: Callable[[], object] = lambda: None) -> Fit:
    """The best actuator.

    Args:
        spec: of the arm: its limits are the governor's.
        base: has what is not looked for.
        tell: called after every simulation.
    """
    given, twin = base, _Candidate(recording, spec, base)
    low, high, unit = (np.array(column) for column in zip(*FITTED.values(), strict=True))

    def residuals(numbers: np.ndarray) -> np.ndarray:
        tell()
        return (twin.errors(_with(base, numbers * unit))[:, :GRIPPER] / STEP_RAD).ravel()

    def slopes(numbers: np.ndarray) -> np.ndarray:
        here, steps = residuals(numbers), np.diag(np.where(numbers + NUDGE < high / unit, NUDGE, -NUDGE))
        return np.stack([(residuals(numbers + step) - here) / step.sum() for step in steps], axis=1)

    base = replace(base, kp=stiffness(recording))
    lag_s = base.kv / base.kp
    starts = [np.array([base.kv, base.frictionloss, 0.01, lead * lag_s, play_rad]) / unit for lead, play_rad in STARTS]
    bounds = low / unit, high / unit
    tries = [least_squares(residuals, start, slopes, bounds, xtol=1e-3, ftol=1e-4) for start in starts]
    found = min(tries, key=lambda tried: tried.cost)
    best = _with(base, found.x * unit)
    before, after = (np.sqrt(np.mean(twin.errors(actuator) ** 2, axis=0)) for actuator in (given, best))
    return Fit(best, before, after)


def _with(base: Actuator, numbers: np.ndarray) -> Actuator:
    return replace(base, **dict(zip(FITTED, map(float, numbers), strict=True)))


def stiffness(recording: Recording) -> float:
    """N m / rad: by how much more gravity pulls stretched out than at home, over how much farther the arm sinks."""
    model = arm_spec(kinematics.facts(), actuator("measured")).compile()
    arm, data = Arm(model), mujoco.MjData(model)
    pulled, sunk = [], []
    for share in (1.0, 0.0):
        rows = _stays(recording, share)
        places = np.mean([recording.joints_rad[stay].mean(axis=0) for stay in rows], axis=0)
        data.qpos[arm.qpos] = places
        mujoco.mj_forward(model, data)
        pulled.append(data.qfrc_bias[arm.dofs])
        sunk.append(recording.target_rad[rows[0][0]] - places)
    more_Nm, more_rad = pulled[0] - pulled[1], sunk[0] - sunk[1]
    return float(more_Nm @ more_Nm / max(more_Nm @ more_rad, 1e-6))


def _stays(recording: Recording, share: float) -> list[np.ndarray]:
    """Rows of the last two stays at that share of the way out, without the time that it takes to settle."""
    pose = recording.target_rad[-1].copy()
    pose[1:4] += share * (np.array(STRETCHED_RAD) - pose[1:4])
    there = np.abs(recording.target_rad - pose).max(axis=1) < 1e-9
    ends = np.flatnonzero(np.diff(there.astype(int), prepend=0, append=0))
    runs = [np.arange(begin, end) for begin, end in ends.reshape(-1, 2)]
    seen_s = recording.seen_s
    settled = [run[seen_s[run] > seen_s[run[0]] + SETTLED_S] for run in runs]
    return [run for run in settled if len(run)][-2:]


def arriving(told_rad: np.ndarray, times_s: np.ndarray, actuator: Actuator) -> np.ndarray:
    """References (k, J), a tick apart, as a motor gets them: later, and ahead by their speed."""
    late = np.stack([np.interp(times_s - actuator.delay_s, times_s, column) for column in told_rad.T], axis=1)
    return late + actuator.lead_s / TICK_S * np.diff(late, axis=0, prepend=late[:1])


class _Candidate:
    """The arm alone, under any actuator, told what the recording was told."""

    def __init__(self, recording: Recording, spec: RobotSpec, base: Actuator):
        self._recording = recording
        facts = kinematics.facts()
        bare = arm_spec(facts, base)
        set_options(bare, facts["contact"])
        self._model = bare.compile()
        self._arm, self._data = Arm(self._model), mujoco.MjData(self._model)
        self._actuators = [self._model.actuator(name).id for name in JOINTS]
        self._times_s, self._told_rad = self._references(Governor(spec, Arm.from_facts(), np.full(len(JOINTS), 1.0)))

    def errors(self, actuator: Actuator) -> np.ndarray:
        """(n, J) where the arm would have been, less where it was."""
        model, data = self._model, self._data
        model.actuator_gainprm[self._actuators, 0] = actuator.kp
        model.actuator_biasprm[self._actuators, 1:3] = -actuator.kp, -actuator.kv
        model.dof_frictionloss[self._arm.dofs] = actuator.frictionloss
        mujoco.mj_resetData(model, data)
        data.qpos[self._arm.qpos] = self._recording.start_rad
        told = arriving(self._told_rad, self._times_s, actuator)
        goal, half, substeps = told[0].copy(), actuator.backlash_rad / 2, round(TICK_S / model.opt.timestep)
        places = np.empty_like(told)
        for k, reference in enumerate(told):
            places[k] = data.qpos[self._arm.qpos]
            goal = np.minimum(np.maximum(goal, reference - half), reference + half)
            data.ctrl[self._actuators] = goal
            mujoco.mj_step(model, data, substeps)
        seen_s = self._recording.seen_s
        there = np.stack([np.interp(seen_s, self._times_s, column) for column in places.T], axis=1)
        return there - self._recording.joints_rad

    def _references(self, governor: Governor) -> tuple[np.ndarray, np.ndarray]:
        """Times (k,), a tick apart, and what the servos were told then (k, J)."""
        told = self._recording
        governor.start(told.start_rad)
        times_s = np.arange(told.sent_s[0], told.seen_s[-1] + 2 * TICK_S, TICK_S)
        references, sent = np.empty((len(times_s), len(JOINTS))), 0
        measured = np.concatenate([told.start_rad[None], told.joints_rad])
        for k, now_s in enumerate(times_s):
            while sent < len(told.sent_s) and told.sent_s[sent] <= now_s:
                governor.accept(told.target_rad[sent], measured[sent])
                sent += 1
            references[k] = governor.tick()
        return times_s, references
