import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from episode_toys import INFO, record, whole

from control.datasets import Dataset
from control.errors import DatasetError
from control.messages import Result


def folder_with(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda p: p / "none", "there is no dataset at .*none"),
        (lambda p: folder_with(p / "set"), "is empty"),
        (lambda p: folder_with(p / "set", notes__txt="hello"), "holds other files"),
        (lambda p: folder_with(p / "set", dataset__json='{"info": {"came'), "dataset.json is damaged"),
        (lambda p: folder_with(p / "set", dataset__json='{"info": {}}'), "missing required field `cameras`"),
        (lambda p: Dataset.create(p / "set", INFO).folder, "no finished episode"),
    ],
)
def test_a_folder_that_is_no_dataset_is_named_with_its_fault(tmp_path, make, phrase):
    with pytest.raises(DatasetError, match=phrase):
        Dataset.open(make(tmp_path))


def test_a_half_written_dataset_says_how_much_is_there(tmp_path):
    dataset = whole(tmp_path)
    dataset.plan(3)
    with pytest.raises(
        DatasetError, match="holds 1 of 3 episodes; run the command that records it again.* --episodes 1 to leave"
    ):
        Dataset.open(dataset.folder)
    dataset.path(0).unlink()
    with pytest.raises(
        DatasetError, match="holds 0 of 3 episodes; run the command that records it again to complete it$"
    ):
        Dataset.open(dataset.folder)
    record(dataset, 0, steps=5)
    dataset.plan(1)
    assert Dataset.open(dataset.folder).indices() == [0]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"cameras": {"wrist_cam": (84, 84)}}, r"cameras is .*12, 16.*, not .*84, 84"),
        ({"hz": 50.0}, "hz is 10.0, not 50.0"),
        ({"action_space": "joints"}, "action space is tool, not joints"),
        ({"joints": ("a", "b")}, "joints is"),
    ],
)
def test_a_dataset_of_another_shape_is_refused_where_it_is_used(tmp_path, change, phrase):
    dataset = whole(tmp_path)
    dataset.require(msgspec.structs.replace(INFO, recipe={"stage": "far"}))
    with pytest.raises(DatasetError, match=phrase):
        dataset.require(msgspec.structs.replace(INFO, **change))


def test_a_folder_that_holds_another_dataset_is_refused_and_left_alone(tmp_path):
    dataset = whole(tmp_path)
    before = {path: path.read_bytes() for path in dataset.folder.iterdir()}
    with pytest.raises(DatasetError, match="stage is near, not far; its noise is None, not 0.1"):
        Dataset.create(dataset.folder, msgspec.structs.replace(INFO, recipe={"stage": "far", "noise": 0.1}))
    assert before == {path: path.read_bytes() for path in dataset.folder.iterdir()}
    with pytest.raises(DatasetError, match="holds other files"):
        Dataset.create(folder_with(tmp_path / "other", thesis__tex="years of work"), INFO)
    assert Dataset.create(dataset.folder, INFO).indices() == [0]


def test_an_episode_of_another_dataset_in_the_folder_is_named(tmp_path):
    dataset = whole(tmp_path)
    other = Dataset.create(tmp_path / "other", msgspec.structs.replace(INFO, hz=50.0))
    other.path(0).write_bytes(dataset.path(0).read_bytes())
    with pytest.raises(DatasetError, match="episode_000000.mcap belongs to another dataset: its hz is 10.0, not 50.0"):
        other.read(0)


def test_truncate_drops_everything_from_an_index_on(tmp_path):
    dataset = whole(tmp_path)
    for index in (1, 2, 3):
        record(dataset, index, steps=2)
    record(dataset, 4, steps=2, finish=False)
    dataset.truncate(2)
    assert dataset.indices() == [0, 1] and not list(dataset.folder.glob("*.part"))


HOLDER = """
from pathlib import Path
from control.datasets import Dataset
with Dataset.open(Path({folder!r})).lock():
    print("held", flush=True)
    input()
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path):
    dataset = whole(tmp_path)
    program = HOLDER.format(folder=str(dataset.folder))
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(DatasetError, match="is being written by another process"), dataset.lock():
            pass
        other.kill()
    with dataset.lock():
        pass


def test_outcome_tells_how_an_episode_ended_without_its_frames(tmp_path):
    dataset = whole(tmp_path)
    assert dataset.outcome(0) == Result(success=True, steps=5, time_s=pytest.approx(0.5), complete=True)
