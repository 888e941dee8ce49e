import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from episode_toys import INFO, record, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from control.datasets import Dataset
from control.episodes import Episode
from control.errors import DatasetError


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A file of 25 steps (chunks of 1 s, 10 steps each), its bytes and its episode."""
    dataset = whole(tmp_path_factory.mktemp("example"), steps=25)
    return dataset, dataset.path(0).read_bytes(), dataset.read(0)


def assert_prefix(part: Episode, episode: Episode) -> None:
    steps = len(part)
    assert 1 <= steps <= len(episode)
    for name in ("joints_rad", "target_rad", "stamp_s"):
        assert np.array_equal(getattr(part, name), getattr(episode, name)[: steps + 1])
    assert np.array_equal(part.frames["wrist_cam"], episode.frames["wrist_cam"][: steps + 1])
    assert np.array_equal(part.action, episode.action[:steps]) and np.array_equal(part.reward, episode.reward[:steps])
    assert part.truth is not None and np.array_equal(part.truth["cube_m"], episode.truth["cube_m"][: steps + 1])


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1))
def test_any_prefix_of_a_file_recovers_a_prefix_of_the_episode(example, tmp_path_factory, share):
    dataset, data, episode = example
    crashed = Dataset.create(tmp_path_factory.mktemp("cut") / "set", INFO)
    cut = data[: int(share * len(data))]
    crashed.path(3).write_bytes(cut)
    if len(cut) < len(data):
        with pytest.raises(DatasetError, match="episode_000003.mcap is damaged"):
            crashed.read(3)
    crashed.path(3).rename(f"{crashed.path(3)}.77.part")
    kept = crashed.recover()
    assert not list(crashed.folder.glob("*.part"))
    if len(cut) == len(data):
        assert crashed.indices() == [3] and crashed.read(3).digest() == episode.digest()
    elif kept:
        part = crashed.read_incomplete(3)
        assert not part.complete and not part.success and len(part) % 10 in (0, 5)
        assert_prefix(part, episode)
    else:
        assert crashed.incomplete() == []


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_taken_for_data(example, tmp_path_factory, place, bit):
    _, data, episode = example
    dataset = Dataset.create(tmp_path_factory.mktemp("flip") / "set", INFO)
    bad = bytearray(data)
    bad[int(place * len(bad))] ^= 1 << bit
    dataset.path(0).write_bytes(bad)
    try:
        got = dataset.read(0)
    except DatasetError:
        return
    assert (got.digest(), got.provenance, got.success) == (episode.digest(), episode.provenance, episode.success)


def test_a_channel_renamed_in_the_summary_which_no_checksum_covers_changes_nothing(example, tmp_path):
    _, data, episode = example
    dataset = Dataset.create(tmp_path / "set", INFO)
    bad, place = bytearray(data), data.rindex(b"/truth")
    bad[place + 3] ^= 1
    dataset.path(0).write_bytes(bad)
    assert dataset.read(0).digest() == episode.digest()


def test_an_episode_is_kept_until_its_index_is_recorded_again(tmp_path):
    dataset = Dataset.create(tmp_path / "set", INFO)
    record(dataset, 0, steps=15, finish=False)
    assert dataset.indices() == [] and dataset.recover() == [0]
    assert len(dataset.read_incomplete(0)) == 15
    record(dataset, 0, steps=4)
    assert dataset.incomplete() == [] and len(dataset.read(0)) == 4


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from episode_toys import INFO, Dataset, record
dataset = Dataset.create(Path({folder!r}), INFO)
with dataset.lock():
    dataset.recover()
    print("ready", flush=True)
    for index in range(10_000):
        if not dataset.path(index).exists():
            record(dataset, index, steps=25, seed=index)
            print(index, flush=True)
"""


def test_a_killed_writer_loses_no_episode_that_it_finished(tmp_path):
    folder = tmp_path / "set"
    program = WRITER.format(tests=str(Path(__file__).parent), folder=str(folder))
    told: list[int] = []
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(random.uniform(0.05, 0.4))
            os.kill(writer.pid, signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().split()]
    dataset = Dataset(folder, INFO)
    dataset.recover()
    assert told and told == sorted(set(told)), "an episode was finished twice"
    assert set(told) <= set(dataset.indices()) and len(dataset.indices()) <= len(told) + 4
    assert all(len(dataset.read(index)) == 25 for index in dataset.indices())


def test_a_full_disk_is_told_in_one_line_and_finished_episodes_stay(tmp_path):
    dataset = whole(tmp_path)
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += f"resource.setrlimit(resource.RLIMIT_FSIZE, (4096, {resource.RLIM_INFINITY}))\n"
    program = WRITER.format(tests=str(Path(__file__).parent), folder=str(dataset.folder))
    done = subprocess.run([sys.executable, "-c", limit + program], capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert "DatasetError: cannot write" in last and "File too large; finished episodes are safe" in last
    assert Dataset.open(dataset.folder).indices() == [0]
