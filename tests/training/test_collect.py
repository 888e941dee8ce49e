import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from reaching import SPEC, Arrival, Reacher, SuicidalOnce, Walk

from control.datasets import Dataset
from control.episodes import Provenance
from control.errors import ConfigError, DatasetError, TwinarmError
from control.messages import Result
from control.types import Spawn
from policies.spaces import SpacesConfig
from training import settings
from training.collect import Collection, Demonstrations, action_space, collect, dataset_info, plan, spread
from training.settings import TaskConfig

HERE = Path(__file__).parent
WILD = settings.load("lift_wild.yaml")


def walks(folder: Path, make_policy=Walk, pause_s: float = 0.0) -> Demonstrations:
    dataset = Dataset.create(folder, dataset_info(SPEC, SpacesConfig(), stage="near"))
    make_robot = partial(Reacher, pause_s)
    return Demonstrations(
        make_robot, make_policy, Arrival(), dataset, Provenance("walk", 0, "near"), TaskConfig(), 20, 40
    )


def digests(dataset: Dataset) -> list[str]:
    return [dataset.read(index).digest() for index in dataset.indices()]


@pytest.mark.parametrize("made_of, wild", [({}, ()), ({"cube_m": 0.03}, WILD.task.wild)])
def test_an_arm_is_not_recorded_as_if_it_had_been_wild(tmp_path, made_of, wild):
    class Arm(Reacher):
        spec = replace(SPEC, plant=made_of)

    demonstrations = plan(WILD, tmp_path / "set", 7, Arm)
    assert demonstrations.request(0).wild == wild
    assert demonstrations.dataset.info.recipe.get("wild", "") == " ".join(wild)


def test_a_dataset_of_an_arm_calibrated_otherwise_is_gone_on_with_only_where_told(tmp_path):
    class Other(Reacher):
        spec = replace(SPEC, calibration="0123456789abcdef")

    class Mine(Reacher):
        spec = replace(SPEC, calibration="fedcba9876543210")

    config = settings.load("lift_fast.yaml")
    dataset = plan(config, tmp_path / "set", 0, Other).dataset
    others = Provenance("scripted", 0, "near", calibration=Other.spec.calibration)
    with dataset.recorder(0, others) as recorder, closing(Other()) as robot:
        recorder.start(robot.reset(config.task.request(0)), None)
        recorder.finish(True)
    with pytest.raises(DatasetError, match="calibration 0123456789abcdef, this one has fedcba9876543210"):
        plan(config, tmp_path / "set", 0, Mine)
    plan(config, tmp_path / "set", 0, Mine, any_calibration=True)
    plan(config, tmp_path / "set", 0, Other)


def test_episode_i_has_seed_first_plus_i_and_failures_are_kept(tmp_path):
    demonstrations = walks(tmp_path / "set")
    told = []
    collection = collect(demonstrations, 12, tell=lambda index, result: told.append((index, result.success)))
    dataset = Dataset.open(tmp_path / "set")
    episodes = [dataset.read(index) for index in dataset.indices()]
    assert [episode.provenance.seed for episode in episodes] == list(range(40, 52))
    assert [episode.success for episode in episodes] == [seed % 10 != 0 for seed in range(40, 52)]
    assert told == [(index, episode.success) for index, episode in enumerate(episodes)]
    assert len(episodes[0]) == 20 and episodes[0].discount[-1] == 1.0, "running out of time does not end the task"
    assert episodes[1].discount[-1] == 0.0 and episodes[1].provenance.calibration == "exact"
    summary = collection.summary()
    assert (summary["success"], summary["n"]) == (10 / 12, 12) and 0.5 < summary["low"] < summary["high"] < 1
    assert summary["median_time_s"] == pytest.approx(np.median([e.time_s for e in episodes if e.success]))


def test_the_result_does_not_depend_on_who_records_it(tmp_path):
    alone, shared = walks(tmp_path / "alone"), walks(tmp_path / "shared")
    collect(alone, 10)
    collect(shared, 10, workers=2)
    assert digests(alone.dataset) == digests(shared.dataset)


def test_only_what_is_missing_is_recorded(tmp_path):
    demonstrations = walks(tmp_path / "set")
    collect(demonstrations, 6)
    before = digests(demonstrations.dataset)
    demonstrations.dataset.path(2).unlink()
    kept = {path: path.stat().st_ino for path in demonstrations.dataset.folder.glob("*.mcap")}
    assert collect(demonstrations, 6).found == 5
    assert all(path.stat().st_ino == inode for path, inode in kept.items())
    assert collect(demonstrations, 8).found == 6
    assert digests(demonstrations.dataset)[:6] == before


def test_a_killed_worker_is_replaced_and_its_episode_recorded_once(tmp_path):
    alone = walks(tmp_path / "alone")
    collect(alone, 8)
    shared = walks(tmp_path / "shared", SuicidalOnce(seed=43, mark=tmp_path / "mark"))
    told: list[int] = []
    collect(shared, 8, workers=2, tell=lambda index, result: told.append(index))
    assert (tmp_path / "mark").exists() and sorted(told) == list(range(8))
    assert digests(alone.dataset) == digests(shared.dataset)


def kill_me(robot: Reacher, seed: int) -> Walk:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def refuse(robot: Reacher, seed: int) -> Walk:
    raise ConfigError("the walk has no such seed; use another")


@pytest.mark.parametrize(
    ("make_policy", "phrase"), [(kill_me, "4 workers in a row were killed"), (refuse, "no such seed")]
)
def test_workers_that_cannot_work_end_the_collection_with_one_line(tmp_path, make_policy, phrase):
    with pytest.raises(TwinarmError, match=phrase):
        collect(walks(tmp_path / "set", make_policy), 4, workers=2)


COLLECT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_collect import collect, walks
if __name__ == "__main__":
    demonstrations = walks(Path({folder!r}), pause_s=0.005)
    collect(demonstrations, 40, workers={workers}, tell=lambda index, _: print(index, flush=True))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_collection_killed_at_any_time_is_completed_by_the_same_command(tmp_path, workers):
    program = tmp_path / "program.py"
    program.write_text(COLLECT.format(here=str(HERE), folder=str(tmp_path / "set"), workers=workers))
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    inodes: dict[Path, int] = {}
    for _ in range(3):
        with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, env=environment) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(random.uniform(0.0, 0.5))
            os.kill(running.pid, signal.SIGKILL)
        now = {path: path.stat().st_ino for path in (tmp_path / "set").glob("episode_??????.mcap")}
        assert inodes.items() <= now.items(), "a finished episode was lost or recorded again"
        inodes = now
    done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(map(int, done.stdout.split())) == list(range(40))
    calm = walks(tmp_path / "calm")
    collect(calm, 40)
    assert digests(Dataset.open(tmp_path / "set")) == digests(calm.dataset)


def test_actions_of_another_scale_are_another_action_space():
    assert action_space(SpacesConfig()) != action_space(SpacesConfig(step_m=0.01))
    assert action_space(SpacesConfig()) != action_space(SpacesConfig(action_repeat=2))
    assert action_space(SpacesConfig(actions="joints")) == "joints 0.1 rad"


def test_nothing_lifted_has_no_median_time():
    assert (
        Collection((Result(success=False, steps=3, time_s=0.3, complete=True),), 0).summary()["median_time_s"] is None
    )


@pytest.mark.parametrize("first_seed", [0, 20, 40, 7000])
@pytest.mark.parametrize("episodes", [10, 20, 50])
def test_spread_cubes_leave_no_gap_however_many_there_are(first_seed, episodes):
    box = Spawn((0.16, 0.30), (-0.12, 0.12), (-np.pi, np.pi))
    places = [spread(box, first_seed, index) for index in range(episodes)]
    for name, (low, high) in (("x_m", box.x_m), ("y_m", box.y_m), ("yaw_rad", box.yaw_rad)):
        ranges = [getattr(place, name) for place in places]
        assert all(first == last for first, last in ranges)
        shares = np.sort([(first - low) / (high - low) for first, _ in ranges])
        assert shares[0] >= 0 and shares[-1] < 1
        gaps = np.diff(np.concatenate([shares, [shares[0] + 1]]))
        assert gaps.max() < 3.2 / episodes


def test_a_spread_place_does_not_depend_on_how_many_are_recorded():
    assert spread(Spawn(), 5, 3) == spread(Spawn(), 5, 3) != spread(Spawn(), 5, 4)
