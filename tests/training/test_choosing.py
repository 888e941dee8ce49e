"""What a run explores with, what it keeps as its best, and on which resets it judges itself."""

import json

import numpy as np
import pytest
from tiny import LIFTING, OPENING, RESTING, RISING, UNTAUGHT, begin, make_blind, run, tiny, trainer

from control.datasets import Dataset
from policies.actor import save_policy
from policies.learned import Notes, notes_of, write_notes
from sim.robot import SimRobot
from training.evaluate import EVALUATION_SEED, VALIDATION_SEED
from training.learner import BEST, CLONED
from training.report import conclude
from training.train import Trainer
from training.watch import Stopped, Watch


def test_a_run_judges_itself_on_validation_resets(tmp_path):
    reports, told = [], []
    run(
        begin(tmp_path / "run", *UNTAUGHT, "schedule.steps=0"),
        Watch(evaluated=lambda _, report: reports.append(report), validating=lambda *n: told.append(n)),
    )
    assert told == [(1, 2), (2, 2)]
    assert [episode.seed for report in reports for episode in report.episodes] == [VALIDATION_SEED, VALIDATION_SEED + 1]


@pytest.mark.parametrize(
    "ways, kept",
    [
        ((LIFTING, OPENING, OPENING), 2),
        ((OPENING, LIFTING, OPENING), 4),
        ((LIFTING, LIFTING, OPENING), 4),  # of equals the later one
        ((OPENING, OPENING, LIFTING), 6),
        ((LIFTING, RISING, LIFTING), 4),  # of equally sure ones the faster
    ],
)
def test_the_policy_kept_is_the_best_on_validation(tmp_path, ways, kept):
    often = ("schedule.explore_limit_steps=2", "schedule.eval_every=2", "schedule.eval_episodes=1", "schedule.steps=6")
    folder, rates, coming = begin(tmp_path / "run", *UNTAUGHT, *often), [], list(ways[1:])
    with trainer(folder) as learner:
        make_blind(learner.agent.policy, ways[0])

        def evaluated(step, report):
            rates.append(report.summary()["success"])
            if coming:
                make_blind(learner.agent.policy, coming.pop(0))

        learner.run(Watch(evaluated=evaluated))
    assert rates == [float(way != OPENING) for way in ways]
    assert notes_of(folder / BEST).steps == kept


def test_the_report_tells_the_clone_from_the_best(tmp_path):
    config, judged = tiny(*UNTAUGHT, "schedule.final_episodes=1"), []
    folder = begin(tmp_path / "run", *UNTAUGHT, "schedule.final_episodes=1", "schedule.steps=0")
    learner = run(folder)
    with SimRobot(config.robot) as robot:
        for name, way in ((CLONED, OPENING), (BEST, LIFTING)):
            make_blind(learner.agent.policy, way)
            save_policy(learner.agent.policy, folder / name, write_notes(Notes(config.spaces, 10.0, 0, "")))
        report = conclude(folder, config, robot, 0.0, judged.append)
    assert (report["success"], report["after_cloning"]["success"]) == (1.0, 0.0)
    assert json.loads((folder / "report.json").read_text()) == report
    assert [episode.seed for episode in judged] == [EVALUATION_SEED] * 2


@pytest.mark.parametrize(
    "setting, spread",
    [
        ("agent.noise={start: 0.0, end: 0.0, steps: 1}", 0.0),
        ("agent.noise={start: 0.2, end: 0.2, steps: 1}", 0.2),
        ("schedule.start_steps=1000", 1 / np.sqrt(3)),  # uniform over [-1, 1], whatever the noise
    ],
)
def test_exploring_spreads_actions_as_the_settings_say(tmp_path, setting, spread):
    folder = begin(tmp_path / "run", *UNTAUGHT, setting, "schedule.steps=20", "schedule.eval_episodes=1")
    with trainer(folder) as learner:
        make_blind(learner.agent.policy, RESTING)
        learner.run(Watch())
    log = Dataset.open(folder / "episodes")
    actions = np.concatenate([log.read(i).action for i in log.indices()])
    assert actions.std() == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("start, updates", [(0, 8), (5, 3), (8, 0)])
def test_nothing_is_learned_before_the_first_steps_are_over(tmp_path, start, updates):
    short = ("schedule.explore_limit_steps=2", "schedule.eval_episodes=1", "schedule.steps=8", "replay.batch=4")
    folder = begin(tmp_path / "run", "bootstrap.mode=none", f"schedule.start_steps={start}", *short)
    assert run(folder).agent.updates == updates


def standing(learner: Trainer) -> dict:
    names = ("step", "cloned", "credit", "episodes", "next_eval", "validated", "best")
    return {name: getattr(learner, name) for name in names}


def test_a_resumed_run_stands_where_the_stopped_one_stood(tmp_path):
    few = ("bootstrap.mode=none", "schedule.updates_per_step=0.3", "schedule.eval_every=4", "schedule.eval_episodes=1")
    folder, found = begin(tmp_path / "run", *few, "schedule.explore_limit_steps=5"), []
    with trainer(folder) as stopped, pytest.raises(Stopped):
        fresh = standing(stopped)
        make_blind(stopped.agent.policy, LIFTING)
        stopped.run(Watch(enough=lambda: stopped.step == 7))
    with trainer(folder) as resumed, pytest.raises(Stopped):
        resumed.run(Watch(resumed=lambda *_: found.append(standing(resumed)), enough=lambda: True))
    assert found == [standing(stopped)]
    changed = [name for name, value in standing(stopped).items() if value != fresh[name]]
    assert changed == [name for name in fresh if name != "cloned"]
