"""Learner and actor apart: what is lived through is learned from once, and either may be killed."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from tiny import TINY, tiny

from control.datasets import Dataset
from control.errors import DatasetError, LinkError
from control.link import Listener
from control.remote import RobotService
from control.types import Who
from hardware.promptness import ACTING, prompt
from sim.robot import SimRobot
from tools.bench_wire import StillRobot
from tools.cli import main
from training import job, metrics, runs
from training.acting import Exploring, Told, act
from training.courier import Courier
from training.exchange import LARGEST_PIECE
from training.lift import LiftTask, load_reward
from training.live import LiveLearner, conclude, info_of
from training.reception import Reception
from training.watch import Stopped, Watch

pytestmark = pytest.mark.clock

LIVE = ("task.stage=near", "schedule.steps=80", "schedule.updates_per_step=0.5", "schedule.checkpoint_every=20")
SILENT = Told()


def eventually(ready: Callable[[], object], seconds: float = 60.0) -> None:
    until_s = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until_s
        time.sleep(0.02)


@pytest.fixture(scope="module")
def demos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demos") / "three"
    flags = [word for setting in TINY for word in ("--set", setting)]
    assert main(["collect", "--config", "lift_fast.yaml", "--output", str(folder), "--workers", "1", *flags]) == 0
    return folder


def begun(folder: Path, demos: Path, *more: str) -> Path:
    folder.mkdir()
    runs.write_config(folder, tiny(*LIVE, f"bootstrap.path={demos}", *more))
    return folder


@contextmanager
def learning(folder: Path, endpoint: str) -> Iterator[LiveLearner]:
    """A learner at work in a thread, until its schedule is over, or the test that it is for."""
    config = runs.read_config(folder)
    learner = LiveLearner(config, folder, job.demonstrations(folder, config, info_of(config)), Watch())
    over = threading.Event()

    def work() -> None:
        with suppress(Stopped):
            learner.run(listener, Watch(enough=over.is_set))

    with Listener(endpoint, largest=LARGEST_PIECE) as listener:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield learner
            thread.join(60)
        finally:
            over.set()
            thread.join()


def run_aside(learner: LiveLearner, listener: Listener, watch: Watch) -> None:
    """In a thread of its own, for without privilege a thread that was patient stays so."""
    with ThreadPoolExecutor(1) as aside:
        aside.submit(learner.run, listener, watch).result()


def acted(endpoint: str, tell=lambda words: None, by: Callable = lambda policy: policy, told: Told = SILENT) -> Courier:
    """Live through episodes in a simulator as fast as it goes, until the learner has had enough."""
    with closing(Courier(endpoint, tell)) as courier, closing(SimRobot(courier.card.config.robot)) as robot:
        rng = np.random.default_rng(0)
        judge = LiftTask(load_reward("sparse"), 0.97)
        courier.start()
        act(robot, by(Exploring(courier, rng)), judge, courier, rng, told)
    return courier


class Alternating:
    """A person in every second step."""

    def __init__(self, policy):
        self._policy, self._step = policy, 0

    def reset(self) -> None:
        self._policy.reset()

    def act(self, observation):
        self._step += 1
        command = self._policy.act(observation)
        if self._step % 2:
            object.__setattr__(command, "who", Who.PERSON)
        return command


def test_what_an_actor_lives_through_is_learned_from_with_the_newest_weights(tmp_path, demos):
    folder, endpoint = begun(tmp_path / "run", demos), f"ipc://{tmp_path}/learner"
    with learning(folder, endpoint) as learner:
        courier = acted(endpoint, by=Alternating)
    log = Dataset.open(folder / "episodes")
    rows = [row for row in metrics.read(folder) if "episode" in row]
    assert log.indices() == list(range(learner.episodes)) and len(rows) == learner.episodes >= 4
    assert learner.step >= 80 and courier.enough and courier.version > 21  # of cloning alone
    warmup, due = 10, 0.5 * learner.step
    assert learner.agent.updates + learner.credit == pytest.approx(warmup + due) and learner.agent.updates > warmup
    by_person = sum(int(log.read(index).by_person.sum()) for index in log.indices())
    taught = sum(len(Dataset.open(demos).read(index)) for index in range(3))
    assert by_person > 20 and len(learner.memory.demos) >= taught + by_person
    assert len(learner.memory.online) == learner.step
    assert all(0.4 < row["by_person"] < 0.6 for row in rows)
    for name in ("policy.safetensors", "cloned.safetensors"):
        assert main(["run", str(folder / name), "--robot", "sim", "--any-start"]) == 0
    report = conclude(folder, 1.0)
    assert report["last"]["n"] >= 2 and (folder / "curves.png").stat().st_size > 5_000


def test_critics_grow_up_once_however_often_cloning_was_interrupted(tmp_path, demos):
    folder = begun(tmp_path / "run", demos)
    config = runs.read_config(folder)
    for _ in range(3):
        learner = LiveLearner(config, folder, job.demonstrations(folder, config, info_of(config)), Watch())
        with Listener(f"ipc://{tmp_path}/learner", largest=LARGEST_PIECE) as listener, suppress(Stopped):
            run_aside(learner, listener, Watch(enough=lambda: True))
    assert learner.cloned == 3 and learner.credit == config.agent.critic_warmup == 10


def test_a_learner_that_hears_nobody_any_more_ends_with_what_befell_it(tmp_path, demos, monkeypatch):
    folder, endpoint = begun(tmp_path / "run", demos), f"ipc://{tmp_path}/learner"
    config = runs.read_config(folder)
    learner = LiveLearner(config, folder, job.demonstrations(folder, config, info_of(config)), Watch())

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Reception, "__call__", exhausted)
    asking = threading.Thread(target=lambda: pytest.raises(LinkError, Courier, endpoint, print))
    until_s = time.monotonic() + 60.0
    with Listener(endpoint, largest=LARGEST_PIECE) as listener:
        asking.start()
        with pytest.raises(MemoryError):
            run_aside(learner, listener, Watch(enough=lambda: time.monotonic() > until_s))
    asking.join()


def test_a_run_fed_by_actors_and_one_with_robots_each_say_what_goes_on_with_them(tmp_path, demos, capsys):
    fed, endpoint = begun(tmp_path / "fed", demos), f"ipc://{tmp_path}/learner"
    config = runs.read_config(fed)
    learner = LiveLearner(config, fed, job.demonstrations(fed, config, info_of(config)), Watch())
    with Listener(endpoint, largest=LARGEST_PIECE) as listener, suppress(Stopped):
        run_aside(learner, listener, Watch(enough=lambda: True))
    assert main(["resume", str(fed)]) == 2
    assert f"go on with: twinarm learn ENDPOINT --run {fed}" in " ".join(capsys.readouterr().err.split())
    own = begun(tmp_path / "own", demos, "schedule.steps=1")
    assert main(["resume", str(own)]) == 0
    assert main(["learn", endpoint, "--run", str(own)]) == 2
    assert f"go on with: twinarm resume {own}" in " ".join(capsys.readouterr().err.split())


def learn(folder: Path, endpoint: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tools.cli", "learn", endpoint, "--run", str(folder)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def test_a_learner_that_is_killed_goes_on_and_nothing_it_was_brought_is_lost_or_learned_twice(tmp_path, demos):
    folder = begun(tmp_path / "run", demos, "schedule.steps=400", "schedule.checkpoint_every=1000")
    endpoint, words, lived = f"ipc://{tmp_path}/learner", queue.SimpleQueue(), []
    killed = learn(folder, endpoint)
    # As fast as an arm, or the actor would be done before anybody can die.
    told = Told(step=lambda step: time.sleep(0.02), episode=lambda success, steps: lived.append(steps))
    actor = threading.Thread(target=acted, args=(endpoint, words.put), kwargs={"told": told})
    actor.start()
    eventually(lambda: len(list((folder / "episodes").glob("episode_??????.mcap"))) >= 3)
    killed.kill()
    killed.wait()
    kept = {path.name: path.read_bytes() for path in (folder / "episodes").glob("episode_??????.mcap")}
    before = len(lived)
    assert "is lost" in words.get(timeout=20) and actor.is_alive()
    eventually(lambda: len(lived) > before)  # it acts on
    resumed = learn(folder, endpoint)
    assert "is back" in words.get(timeout=60)
    actor.join()
    assert resumed.wait() == 0
    log = Dataset.open(folder / "episodes")
    episodes = [log.read(index) for index in log.indices()]
    keys = [episode.provenance.extra["key"] for episode in episodes]
    assert len(set(keys)) == len(keys) and [len(episode) for episode in episodes] == lived[: len(episodes)]
    assert all((folder / "episodes" / name).read_bytes() == content for name, content in kept.items())
    rows = [row for row in metrics.read(folder) if "episode" in row]
    assert [row["episode"] for row in rows] == list(range(1, len(episodes) + 1))
    assert sum(row["steps"] for row in rows) >= 400


def test_an_actor_that_is_killed_costs_the_episode_under_way_alone(tmp_path, demos):
    folder, endpoint = begun(tmp_path / "run", demos), f"ipc://{tmp_path}/learner"
    command = [sys.executable, "-m", "tools.cli", "act", endpoint, "--robot", "sim"]
    with learning(folder, endpoint) as learner:
        actor = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        eventually(lambda: learner.episodes >= 2)
        os.kill(actor.pid, signal.SIGKILL)
        actor.wait()
        assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    log = Dataset.open(folder / "episodes")
    assert len(log.indices()) == learner.episodes and not log.incomplete() and learner.step >= 80


def test_whoever_acts_on_an_arm_comes_first_and_who_learns_last(tmp_path, demos):
    folder, endpoint = begun(tmp_path / "run", demos), f"ipc://{tmp_path}/learner"
    with prompt(ACTING) as granted:
        pass

    def learn_last() -> int:
        threads = [thread.native_id for thread in threading.enumerate() if thread.native_id]
        return [os.sched_getscheduler(thread) for thread in threads].count(os.SCHED_IDLE)

    with learning(folder, endpoint) as learner:
        actor = subprocess.Popen([sys.executable, "-m", "tools.cli", "act", endpoint, "--robot", "twin"])
        eventually(lambda: learner.episodes >= 1)
        tasks = [int(task) for task in os.listdir(f"/proc/{actor.pid}/task")]
        assert [os.sched_getparam(task).sched_priority for task in tasks].count(ACTING) == granted
        assert learn_last() == 1  # but whoever listens beside it
    assert actor.wait() == 0


def test_a_robot_is_no_learner_and_demonstrations_of_another_size_teach_nobody(tmp_path, demos):
    stop, endpoint = threading.Event(), f"ipc://{tmp_path}/robot"
    with Listener(endpoint) as listener:
        thread = threading.Thread(target=listener.serve, args=(RobotService(StillRobot()), stop))
        thread.start()
        with pytest.raises(LinkError, match="is no learner; is that the endpoint of a robot"):
            Courier(endpoint, print)
        stop.set()
        thread.join()
    folder = begun(tmp_path / "run", demos, "robot.camera_px=32", "spaces.camera_px=32")
    config = runs.read_config(folder)
    with pytest.raises(DatasetError, match="does not fit: its cameras"):
        job.demonstrations(folder, config, info_of(config))


def test_a_learner_with_nothing_to_learn_from_or_at_a_bad_place_is_refused(tmp_path, capsys):
    assert main(["learn", f"ipc://{tmp_path}/learner", "--output", str(tmp_path)]) == 2
    assert "needs demonstrations; give --bootstrap FOLDER" in capsys.readouterr().err
    assert main(["learn", "tcp://0.0.0.0:5700", "--output", str(tmp_path)]) == 2
    assert "keys" in capsys.readouterr().err
    assert not list(tmp_path.glob("lift_live/*"))
    assert main(["learn", f"ipc://{tmp_path}/learner", "--run", str(tmp_path), "--set", "replay.gamma=0.9"]) == 2
    assert "--set: a run that goes on keeps its own settings" in capsys.readouterr().err
