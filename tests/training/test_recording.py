"""A person's takes: each is on disk before anybody is asked, and what is left is moved, never deleted."""

import os
import resource
import signal
import subprocess
import sys
from collections import deque
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.datasets import Dataset
from control.episodes import Provenance
from control.errors import CommandRefused, DatasetError
from control.modes import Mode, Word
from control.operating import Intent, Order
from control.types import Verdict
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from sim.robot import SimRobot
from training.collect import dataset_info
from training.film import film_episode
from training.recording import ELSEWHERE, Session
from training.settings import TaskConfig

SPACES = SpacesConfig(camera_px=32)
NOTHING: tuple[Order, ...] = ()
TAKE = (NOTHING,) * 5  # five steps without an order


class Steady:
    """An operator who pushes one way, but at the first step, and gives these orders, one tuple for each question."""

    def __init__(self, *orders: tuple[Order, ...]):
        self._orders, self._asked = deque(orders), 0

    def intent(self) -> Intent | None:
        self._asked += 1
        return Intent((0.0, 1.0, 0.0, 0.0, 0.0)) if self._asked > 1 else None

    def orders(self) -> tuple[Order, ...]:
        return self._orders.popleft() if self._orders else ()

    def close(self) -> None:
        pass


class Untold:
    """A judge who never sees anything."""

    def reset(self, observation, truth):
        pass

    def judge(self, observation, command, truth):
        return Verdict(0.0, 1.0, False, {})


@pytest.fixture(scope="module")
def robot():
    with SimRobot(RobotConfig(hz=10, camera_px=32)) as robot:
        yield robot


def session(robot, folder, operator, shown, limit_steps=5, **watch) -> Session:
    """All that is needed to record in `folder`."""
    policy = Teleoperated(operator, robot, Spaces(SPACES, Arm.from_facts()))
    return Session(
        robot,
        policy,
        operator,
        Untold(),
        Dataset.create(folder, dataset_info(robot.spec, SPACES)),
        Provenance("teleop", 0, "near"),
        TaskConfig(),
        limit_steps,
        first_seed=40,
        face=policy.face,
        show=shown.append,
        **watch,
    )


@pytest.fixture
def record(robot, tmp_path):
    """`record(episodes, *orders)`: the dataset after a session, whether it was filled, and what was shown."""

    def record(episodes, *orders, limit_steps=5):
        shown: list[int] = []
        begun = session(robot, tmp_path / "set", Steady(*orders), shown, limit_steps)
        whole = begun.record(episodes)
        return begun.dataset, whole, shown

    return record


def discarded(dataset: Dataset) -> list[str]:
    return sorted(path.name for path in dataset.folder.glob("discarded/*"))


def test_a_kept_take_holds_what_was_asked_for_applied_and_measured_and_who_acted(record):
    dataset, whole, shown = record(1, *TAKE, (Order.KEEP,))
    episode = Dataset.open(dataset.folder).read(0)
    assert whole and shown == [0] and episode.provenance.seed == 40
    assert len(episode) == 5 and episode.by_person.all() and not episode.success
    assert not episode.action[0].any() and episode.action[1:].any(axis=1).all()  # the pause is there to be seen
    applied = episode.target_rad[1:]
    assert episode.limited[1:].any() or np.abs(episode.requested_rad - applied).max() < 1e-9
    assert np.abs(episode.joints_rad[1:] - applied).max() > 1e-4  # measured is neither
    assert np.diff(episode.stamp_s) == pytest.approx(0.1) and (episode.frame_stamp_s["wrist_cam"] > -1e-9).all()


@pytest.mark.parametrize(("order", "success", "reward"), [(Order.SUCCESS, True, 1.0), (Order.FAILURE, False, 0.0)])
def test_a_label_ends_the_take_and_is_its_last_verdict(record, order, success, reward):
    dataset, _, _ = record(1, *TAKE[:2], (order,), (Order.KEEP,))
    episode = dataset.read(0)
    assert (len(episode), episode.success, episode.reward[-1]) == (3, success, reward)
    assert episode.discount[-1] == 1.0 - reward and not episode.reward[:-1].any()


def test_a_label_during_the_review_counts_too_and_pictures_keep_their_bytes(record):
    dataset, _, _ = record(1, *TAKE, (Order.SUCCESS,), (Order.KEEP,))
    episode = dataset.read(0)
    assert episode.success and episode.reward[-1] == 1.0 and len(episode.frames["wrist_cam"]) == 6
    size = dataset.path(0).stat().st_size
    frames = episode.frames["wrist_cam"].copy()
    for success in (False, True, False, True):
        dataset.relabel(0, success)
        assert dataset.read(0).success is success and dataset.outcome(0).success is success
    assert (dataset.read(0).frames["wrist_cam"] == frames).all()
    assert abs(dataset.path(0).stat().st_size - size) < 100


@pytest.mark.parametrize(("answer", "seed"), [(Order.REDO, 40), (Order.HOME, 40), (Order.DISCARD, 40 + ELSEWHERE)])
@pytest.mark.parametrize("driving", [True, False], ids=["while driving", "in the review"])
def test_what_is_not_wanted_is_moved_and_recorded_again_or_from_another_start(record, answer, seed, driving):
    first = (*TAKE[:3], (answer,)) if driving else (*TAKE, (answer,))
    dataset, whole, _ = record(1, *first, *TAKE, (Order.KEEP,))
    assert whole and dataset.read(0).provenance.seed == seed
    assert discarded(dataset) == ["000000_1.mcap"] and not list(dataset.folder.glob("*.part"))


def test_a_driver_who_quits_loses_nothing_and_the_same_command_goes_on(record):
    dataset, whole, _ = record(2, *TAKE, (Order.KEEP,), *TAKE[:3], (Order.QUIT,))
    assert not whole and dataset.indices() == [0] and len(discarded(dataset)) == 1
    with pytest.raises(DatasetError, match="holds 1 of 2 episodes; run the command that records it again"):
        Dataset.open(dataset.folder)
    before = dataset.path(0).read_bytes()
    _, whole, shown = record(2, *TAKE, (Order.KEEP,))
    assert whole and shown == [1] and dataset.path(0).read_bytes() == before
    assert dataset.read(1).provenance.seed == 41


def test_whoever_sits_down_while_a_take_is_reviewed_is_asked_as_well(record):
    _, whole, shown = record(1, *TAKE, (Order.TAKE,), (Order.KEEP,))
    assert whole and shown == [0, 0]


def test_a_stop_ends_it_and_stays(record, robot):
    dataset, whole, _ = record(1, *TAKE[:3], (Order.STOP,))
    try:
        assert not whole and robot.health().state == Mode.STOPPED and len(discarded(dataset)) == 1
        with pytest.raises(CommandRefused):
            robot.step(Teleoperated(Steady(), robot, Spaces(SPACES, Arm.from_facts())).act(robot.observe()))
    finally:
        robot.say(Word.CLEAR)


def test_forwards_turns_with_the_tool_when_asked(record):
    dataset, _, _ = record(1, *TAKE[:2], (Order.FRAME,), *TAKE[:2], (Order.KEEP,))
    before, after = dataset.read(0).action[[1, 3], :2]
    assert np.linalg.norm(before - after) > 0.2


@contextmanager
def full_disk(room):
    """No file gets longer than so many bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_on_a_full_disk_neither_film_nor_label_costs_the_episode(record):
    dataset, _, _ = record(1, *TAKE, (Order.KEEP,))
    before, episode = dataset.path(0).read_bytes(), dataset.read(0)
    with full_disk(1000):
        with pytest.raises(DatasetError, match="cannot write .*clip.mp4: File too large"):
            film_episode(dataset.folder / "clip.mp4", episode)
        with pytest.raises(DatasetError, match="cannot write .*: File too large"):
            dataset.relabel(0, not episode.success)
    assert dataset.path(0).read_bytes() == before
    assert not list(dataset.folder.glob("*.new")), "what could not be written takes no room"


def test_on_a_full_disk_the_arm_holds_and_finished_episodes_stay(record, robot):
    dataset, _, _ = record(1, *TAKE, (Order.KEEP,))
    before = dataset.path(0).read_bytes()
    with (
        full_disk(100_000),
        pytest.raises(DatasetError, match="cannot write .*: File too large; finished episodes are"),
    ):
        record(2, limit_steps=100)
    held = robot.observe()
    assert robot.health().state == Mode.HOLD and dataset.path(0).read_bytes() == before
    assert dataset.recover() == [1] and dataset.read_incomplete(1).time_s >= 1.0
    assert np.abs(held.target_rad - robot.observe().target_rad).max() == 0


def test_only_arms_of_the_same_calibration_go_on_with_a_dataset(record):
    dataset, _, _ = record(1, *TAKE, (Order.KEEP,))
    dataset.require_calibration("0123")  # a simulator's angles are true
    episode = dataset.read(0)
    with dataset.recorder(1, Provenance("teleop", 1, "near", calibration="0123")) as recorder:
        recorder.start(episode.observation(0), episode.truth_at(0))
        recorder.add(episode.command(0), episode.observation(1), episode.verdict(0), episode.truth_at(1))
        recorder.finish(True)
    dataset.require_calibration("0123")
    dataset.require_calibration("exact")
    with pytest.raises(DatasetError, match="with calibration 0123, this one has 4567.*--any-calibration"):
        dataset.require_calibration("4567")


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_recording import Order, Steady, session
from control.config import RobotConfig
from sim.robot import SimRobot
with SimRobot(RobotConfig(hz=10, camera_px=32)) as robot:
    session(robot, Path({folder!r}), Steady(*[()] * {kept}, (Order.KEEP,)), [], {kept},
            watch=lambda step: print(step.after.stamp_s, flush=True)).record(2)
"""


def test_a_kill_costs_a_take_no_more_than_its_last_second(tmp_path):
    folder, kept = tmp_path / "set", 25
    program = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder), kept=kept)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(kept + 18)]
        os.kill(running.pid, signal.SIGKILL)
        lines += running.stdout.read().splitlines()
    stamps = [float(line) for line in lines]
    dataset = Dataset.found(folder)
    assert dataset.recover() == [1] and len(dataset.read(0)) == kept
    assert dataset.read_incomplete(1).time_s >= stamps[-1] - stamps[kept] - 1.0
