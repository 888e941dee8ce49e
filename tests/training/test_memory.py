"""What a run remembers: which demonstrations are worth cloning, what is imitated, and how a batch is mixed."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import Provenance
from control.loop import play
from control.types import Command, Observation, ResetRequest, Who
from policies.spaces import Spaces
from sim.robot import SimRobot
from training.collect import dataset_info
from training.experience import answered, from_steps, parts
from training.lift import LiftTask, load_reward
from training.memory import Memory
from training.replay import EpisodeArrays


def memory(*settings: str) -> Memory:
    config = tiny(*settings)
    return Memory(config, Spaces(config.spaces, Arm.of(None)))


def episode(steps: int) -> EpisodeArrays:
    frames, proprio = np.zeros((steps + 1, 24, 24, 3), np.uint8), np.zeros((steps + 1, 7), np.float32)
    actions = (np.full((steps, 5), steps, np.float32) for _ in range(2))
    return EpisodeArrays(
        frames, proprio, *actions, np.zeros(steps, bool), np.zeros(steps, np.float32), np.ones(steps, np.float32)
    )


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("imitate", [True, False])
def test_only_successes_are_imitated_and_only_where_the_settings_say_so(imitate, success):
    kept = memory(f"bootstrap.imitate_successes={str(imitate).lower()}")
    kept.add(episode(4), success)
    assert (len(kept.online), len(kept.demos)) == (4, 4 * (imitate and success))
    assert kept.demonstrated(np.random.default_rng(0)).is_demo.all() == (imitate and success)


@pytest.mark.parametrize(
    "mode, share, demonstrated",
    [("balanced", 0.5, 8), ("balanced", 0.25, 4), ("balanced", 1.0, 16), ("seed", 0.5, 0)],
)
def test_a_batch_has_the_share_of_demonstrations_that_the_settings_say(mode, share, demonstrated):
    kept = memory(f"bootstrap.mode={mode}", f"bootstrap.demo_share={share}")
    kept.online.add_episode(episode(3))
    kept.demos.add_episode(episode(5), is_demo=True)
    assert kept.batch(np.random.default_rng(0)).is_demo.sum() == demonstrated


@dataclass(frozen=True)
class Still:
    """Asks for the pose it is in, and says that this action was `value`."""

    value: float

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        return Command(observation.target_rad, observation.seq, action=(self.value,) * 5)


def demonstrations(folder: Path, successes: list[bool], length: int = 2) -> Dataset:
    """Episodes of `length` steps; those of `successes` are said to have lifted, and their actions are 1, others 0."""
    config = tiny()
    with SimRobot(config.robot) as robot:
        dataset = Dataset.create(folder, dataset_info(robot.spec, config.spaces))
        for index, success in enumerate(successes):
            steps = list(play(robot, Still(float(success)), judge(), ResetRequest("near", index), length))
            with dataset.recorder(index, Provenance("scripted", index, "near")) as recorder:
                recorder.start(steps[0].before, steps[0].truth_before)
                for step in steps:
                    recorder.add(step.command, step.after, step.verdict, step.truth)
                recorder.finish(success)
    return dataset


def judge() -> LiftTask:
    return LiftTask(load_reward("sparse"), 0.97)


@pytest.mark.parametrize("mode", ["seed", "balanced"])
@pytest.mark.parametrize("failures, cloned", [(True, {0.0, 1.0}), (False, {1.0})])
def test_failed_demonstrations_are_cloned_only_where_the_settings_say_so(tmp_path, mode, failures, cloned):
    kept = memory(f"bootstrap.mode={mode}", f"bootstrap.clone_failures={str(failures).lower()}", "replay.batch=64")
    kept.take_in(demonstrations(tmp_path / "demos", [True, False]), judge(), lambda episode: ())
    batch = kept.demonstrated(np.random.default_rng(0))
    assert set(batch.label[batch.is_demo].flat) == cloned
    assert set(batch.label.flat) == {0.0, 1.0}  # the critics learn from failures in any case


def test_shifted_demonstrations_have_every_action_beside_the_look_after_the_one_it_answered(tmp_path):
    dataset = demonstrations(tmp_path / "set", [True], length=5)
    settings = ("replay.n_step=1", "replay.batch=256", "replay.blur=0")
    aligned, shifted = (memory(*settings, f"bootstrap.shift_steps={n}") for n in (0, 1))
    for kept in (aligned, shifted):
        kept.take_in(dataset, judge(), lambda episode: ())
    right, late = (kept.demonstrated(np.random.default_rng(0)) for kept in (aligned, shifted))
    assert len(np.unique(right.proprio, axis=0)) == 5 and (right.action == late.action).all()
    assert (late.proprio == right.next_proprio).all() and (late.pixels == right.next_pixels).all()


def test_blur_touches_what_the_arm_feels_and_leaves_the_gripper_sharp():
    plain, blurred = memory("replay.blur=0"), memory("replay.blur=0.2")
    for kept in (plain, blurred):
        kept.add(episode(12), success=False)
    (sharp, dull), rngs = (plain, blurred), [np.random.default_rng(0) for _ in range(2)]
    assert (sharp.batch(rngs[0]).proprio == 0).all()
    batch = dull.batch(rngs[1])
    spaces = Spaces(tiny().spaces, Arm.of(None))
    for felt in (batch.proprio, batch.next_proprio):
        assert (felt[:, spaces.blur == 0] == 0).all() and felt[:, spaces.blur == 1].std() == pytest.approx(0.2, rel=0.3)
    assert (batch.proprio != batch.next_proprio).any()
    assert list(np.flatnonzero(spaces.blur == 0)) == [2, 6]  # the gripper's angle and its lag


def taken_over(acted: str) -> EpisodeArrays:
    """An episode whose decisions are a policy's (.), a person's (p), or a person's who let the arm stand (s)."""
    base = episode(len(acted))
    moved = np.array([letter != "s" for letter in acted])
    by_person = np.array([letter != "." for letter in acted])
    action = base.action * moved[:, None]
    return replace(base, by_person=by_person, action=action, label=action)


@pytest.mark.parametrize(
    "mode, imitate, acted, demonstrated",
    [
        ("balanced", False, "..pp.p..", 3),
        ("balanced", False, "..psp...", 2),  # letting the arm stand is nothing to learn to do
        ("balanced", True, "..psp...", 7),
        ("balanced", False, "........", 0),
        ("seed", False, "..pp.p..", 3),
        ("none", False, "..pp.p..", 0),
    ],
)
def test_what_a_person_did_who_took_over_is_experience_and_demonstration(mode, imitate, acted, demonstrated):
    flag = f"bootstrap.imitate_successes={str(imitate).lower()}"
    at_once = ("bootstrap.reaction_s=0", "replay.batch=256", "bootstrap.demo_share=0.5")
    kept = memory(f"bootstrap.mode={mode}", flag, *at_once)
    kept.add(taken_over(acted), success=True)
    assert len(kept) == len(acted) + demonstrated
    assert len(kept.demos) == (demonstrated if mode == "balanced" else 0)
    batch = kept.batch(np.random.default_rng(0))
    assert batch.is_demo.any() == bool(demonstrated)
    if mode == "balanced" and demonstrated:
        assert batch.is_demo.mean() == 0.5 and (batch.action[batch.is_demo] != 0).all()


@pytest.mark.parametrize("mode", ["seed", "balanced"])
def test_what_a_person_demonstrates_is_all_kept_and_cloned_but_for_the_pauses(tmp_path, mode):
    dataset = demonstrations(tmp_path / "set", [True])
    read = dataset.read(0)
    driven = replace(read, by_person=np.ones(2, bool), action=read.action * [[1], [0]], label=read.label * [[1], [0]])
    dataset.write(0, driven)
    kept = memory(f"bootstrap.mode={mode}", "bootstrap.reaction_s=0")
    kept.take_in(dataset, judge(), lambda episode: ())
    rows = kept.demonstrated(np.random.default_rng(0))
    assert len(kept) == 2 and 0 < rows.is_demo.sum() < len(rows.is_demo)
    assert (rows.label[rows.is_demo] == 1).all() and (rows.label[~rows.is_demo] == 0).all()


@pytest.mark.parametrize(
    ("acted", "steps", "labels"),
    [
        ("ppppp", 0, [0, 1, 2, 3, 4]),
        ("ppppp", 2, [2, 3, 4, 4, 4]),
        (".pp.pp", 1, [0, 2, 2, 3, 5, 5]),  # a policy's stay, and a person's turn ends where the policy goes on
        (".....", 2, [0, 1, 2, 3, 4]),
    ],
)
def test_a_person_answers_what_they_saw_a_moment_ago(tmp_path, acted, steps, labels):
    read = demonstrations(tmp_path / "set", [True], len(acted)).read(0)
    told = np.repeat(np.arange(len(acted), dtype=float)[:, None], 5, axis=1)
    driven = replace(read, by_person=np.array([letter == "p" for letter in acted]), action=told, label=told)
    moved = answered(driven, steps)
    assert moved.label[:, 0].tolist() == labels and moved.action is driven.action


def test_a_person_who_took_over_answered_what_they_saw_a_moment_ago_too(tmp_path):
    told = np.repeat(np.arange(8, dtype=np.float32)[:, None] / 10, 5, axis=1)
    lived = replace(taken_over("..pppp.."), action=told, label=told)
    kept = memory("bootstrap.mode=balanced", "bootstrap.reaction_s=0.2", "replay.batch=256")
    kept.add(lived, success=False)
    rows = kept.demonstrated(np.random.default_rng(0))
    pairs = np.round(10 * np.stack([rows.action[:, 0], rows.label[:, 0]], axis=1)).astype(int)
    assert {tuple(pair) for pair in pairs.tolist()} == {(2, 4), (3, 5), (4, 5), (5, 5)}


def test_an_intervention_ends_where_the_policy_goes_on_and_the_task_does_too():
    [first, second] = parts(taken_over("..pp..ppp."), taken_over("..pp..ppp.").by_person)
    assert (len(first.action), len(second.action)) == (2, 3) and len(first.frames) == 3
    assert (first.discount == 1).all()


def test_recorded_runs_with_interventions_teach_as_lived_ones_do(tmp_path):
    config = tiny()
    with SimRobot(config.robot) as robot:
        dataset = Dataset.create(tmp_path / "run", dataset_info(robot.spec, config.spaces))
        steps = list(play(robot, Alternating(), judge(), ResetRequest("near", 3), 6))
    with dataset.recorder(0, Provenance("policy", 3, "near")) as recorder:
        recorder.start(steps[0].before, steps[0].truth_before)
        for step in steps:
            recorder.add(step.command, step.after, step.verdict, step.truth)
        recorder.finish(success=False)
    read = dataset.read(0)
    assert [read.command(t).who for t in range(6)] == [step.command.who for step in steps]
    assert read.by_person.tolist() == [False, True] * 3
    taught, lived = memory("bootstrap.clone_failures=false"), memory()
    taught.take_in(dataset, judge(), lambda episode: ())
    lived.add(from_steps(steps, Spaces(config.spaces, Arm.of(None))), success=False)
    assert len(taught.online) == len(lived.online) == 6 and len(taught.demos) == len(lived.demos) == 3


class Alternating:
    """Every second step is a person's."""

    def __init__(self) -> None:
        self._step = 0

    def reset(self) -> None:
        pass

    def act(self, observation: Observation) -> Command:
        self._step += 1
        who = Who.POLICY if self._step % 2 else Who.PERSON
        return Command(observation.target_rad, observation.seq, action=(0.5,) * 5, who=who)
