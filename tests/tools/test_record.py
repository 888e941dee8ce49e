"""`twinarm record`, `review`, `replay` and `data`: what a person recorded, from the command line."""

import json
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from control.arm import Arm
from control.datasets import Dataset
from tools.cli import main

SMALL = ("--config", "lift_few.yaml", "--set", "robot.camera_px=32", "--set", "spaces.camera_px=32")
RECORD = ("record", "--device", "synthetic", *SMALL)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Three episodes of the made-up person. Tests copy what they change."""
    folder = tmp_path_factory.mktemp("recorded") / "set"
    assert main([*RECORD, "--who", "Ada", "--episodes", "3", "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def own(recorded, tmp_path):
    folder = tmp_path / "own"
    assert main(["data", "merge", str(recorded), "--output", str(folder)]) == 0
    return folder


def said(capfd, *words: str, status: int = 0):
    """The JSON that a command tells."""
    capfd.readouterr()
    assert main([*words, "--json"]) == status
    return json.loads(capfd.readouterr().out)


def test_the_same_command_records_what_is_missing(recorded, own, capfd):
    first = Dataset.open(recorded)
    assert first.read(0).provenance.extra["who"] == "Ada" and first.read(0).provenance.source == "teleop"
    assert first.info.recipe["stage"] == "home" and first.outcome(0).success
    before = first.path(2).read_bytes()
    figures = said(capfd, *RECORD, "--episodes", "4", "--output", str(recorded))
    assert figures["n"] == 4 and first.path(2).read_bytes() == before and first.provenance(3).seed == 3


def test_a_take_is_filmed_before_anybody_is_asked(recorded):
    with av.open(str(recorded / "clips" / "episode_000001.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == len(Dataset.open(recorded).read(1)) + 1 + 6 and frames[0].shape == (360, 360, 3)
    red = [int(((f[..., 0] > 120) & (f[..., 1] < 70)).sum()) for f in (frames[0], frames[-1])]
    assert red[1] > 5 * red[0] > 0, f"the cube is not nearer at the end: {red}"


def test_a_killed_recorder_keeps_what_it_finished_and_the_same_command_goes_on(tmp_path):
    folder = tmp_path / "set"
    command = [sys.executable, "-m", "tools.cli", *RECORD, "--episodes", "50", "--output", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        while not (folder / "episode_000000.mcap").exists():
            time.sleep(0.01)
            assert running.poll() is None
        time.sleep(random.uniform(0.1, 1.0))
        os.kill(running.pid, signal.SIGKILL)
    finished = {path: path.read_bytes() for path in folder.glob("episode_??????.mcap")}
    assert main([*RECORD, "--episodes", str(len(finished) + 1), "--output", str(folder)]) == 0
    assert all(path.read_bytes() == data for path, data in finished.items())
    assert len(Dataset.open(folder).indices()) == len(finished) + 1 and not list(folder.glob("*.part"))


def test_review_lists_who_did_what_and_how_well(recorded, capfd):
    rows = said(capfd, "review", str(recorded))
    assert [row["index"] for row in rows[:3]] == [0, 1, 2] and all(row["success"] for row in rows)
    assert {row["who"] for row in rows[:3]} == {"teleop, synthetic, Ada"} and rows[0]["by_person"] == 1.0
    assert all(row["pauses"] >= 1 and 0 < row["paused_s"] < row["time_s"] for row in rows)


def test_a_contact_sheet_shows_the_cube(recorded, capfd):
    figures = said(capfd, "review", str(recorded), "--episode", "0")
    sheet = cv2.imread(figures["sheet"])
    red = (sheet[..., 2] > 120) & (sheet[..., 1] < 70)
    assert sheet.shape[1] > 1000 and red[:250].sum() > 500 and Path(figures["film"]).exists()


def test_an_episode_gets_another_label_or_is_moved_away_and_the_rest_is_whole(own, capfd):
    assert main(["review", str(own), "--episode", "1", "--label", "failure"]) == 0
    assert not Dataset.open(own).outcome(1).success
    before, indices = Dataset.open(own).path(0).read_bytes(), Dataset.open(own).indices()
    assert main(["review", str(own), "--episode", "0", "--discard"]) == 0
    dataset = Dataset.open(own)
    assert dataset.indices() == indices[1:] and (own / "discarded" / "000000_1.mcap").read_bytes() == before
    assert said(capfd, "data", "info", str(own))[0]["discarded"] == 1


def test_a_replay_in_the_same_simulator_goes_the_same_way(recorded, tmp_path, capfd):
    dataset = Dataset.found(recorded)
    wanted = dataset.planned
    dataset.plan(wanted + 5)  # an episode may be looked at before the others are there
    figures = said(capfd, "replay", str(recorded), "--output", str(tmp_path))
    dataset.plan(wanted)
    assert figures["unloaded_deg"] < 0.1 and figures["tool_mm"][-1] < 1.0 and figures["missed"] == 0
    drawn = cv2.imread(str(Path(figures["output"]) / "replay.png"))
    assert drawn.shape[1] > 1000 and len(np.unique(drawn.reshape(-1, 3), axis=0)) > 50


@pytest.mark.clock
def test_a_replay_on_the_twin_strays_by_less_than_three_degrees(recorded, tmp_path, capfd):
    figures = said(capfd, "replay", str(recorded), "--robot", "twin", "--output", str(tmp_path))
    assert figures["unloaded_deg"] < 3.0


def test_merged_and_split_datasets_hold_the_same_bytes(recorded, own, tmp_path, capfd):
    assert main(["data", "merge", str(recorded), str(own), "--output", str(tmp_path / "all")]) == 0
    assert main(["data", "split", str(tmp_path / "all"), "--share", "0.5", "--output", str(tmp_path / "parts")]) == 0
    known = sorted(path.read_bytes() for folder in (recorded, own) for path in folder.glob("*.mcap"))
    halves = [Dataset.open(tmp_path / "parts" / name) for name in ("first", "second")]
    assert sorted(half.path(i).read_bytes() for half in halves for i in half.indices()) == known
    assert abs(len(halves[0].indices()) - len(halves[1].indices())) <= 1
    info = said(capfd, "data", "info", *(str(half.folder) for half in halves))
    assert [one["calibrations"] for one in info] == [{"exact": one["episodes"]} for one in info]


def test_a_merge_done_again_after_its_sources_changed_is_refused_and_leaves_the_copy(recorded, own, tmp_path, capfd):
    theirs, words = tmp_path / "theirs", ["data", "merge", str(own), "THEIRS", "--output", str(tmp_path / "all")]
    shutil.copytree(own, theirs)
    words[3] = str(theirs)
    assert main(words) == 0 and main(words) == 0  # done again, it has nothing to do
    before = {path: path.read_bytes() for path in (tmp_path / "all").iterdir()}
    ours = Dataset.open(own)
    for index in range(1, len(ours.indices())):
        ours.discard(index)
    ours.plan(1)
    assert main(words) == 2
    told = " ".join(capfd.readouterr().err.split())
    assert "episode 0 of" in told and "the sources or the copy changed since; name another folder" in told
    assert {path: path.read_bytes() for path in (tmp_path / "all").iterdir()} == before


def test_what_was_merged_or_split_can_be_merged_or_split_again(own, tmp_path):
    assert main(["data", "merge", str(own), "--output", str(tmp_path / "again")]) == 0
    assert Dataset.open(tmp_path / "again").info.recipe["merged"] == "own"
    for source, output in (("again", "parts"), ("parts/first", "smaller")):
        assert (
            main(["data", "split", str(tmp_path / source), "--share", "0.7", "--output", str(tmp_path / output)]) == 0
        )
    assert Dataset.open(tmp_path / "smaller" / "first").info.recipe["split"] == "0.7 of first, seed 0"


def test_check_finds_a_damaged_episode_and_says_what_to_do(own, capfd):
    assert main(["data", "check", str(own), "--config", "lift_few.yaml"]) == 0
    assert "labels: every action is stored with the look that it answered" in capfd.readouterr().err
    path = Dataset.open(own).path(1)
    path.write_bytes(path.read_bytes()[:-2000])
    assert main(["data", "check", str(own), "--config", "lift_few.yaml"]) == 1
    assert "episode_000001.mcap is damaged" in " ".join(capfd.readouterr().err.split())


def test_recover_saves_the_steps_of_a_killed_recorder(own, capfd):
    path = Dataset.open(own).path(2)
    path.with_name("episode_000007.mcap.77.part").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["data", "recover", str(own)]) == 0
    assert "episode 7: " in capfd.readouterr().err
    dataset = Dataset.open(own)
    assert dataset.incomplete() == [7] and 0.5 < dataset.read_incomplete(7).time_s < dataset.read(2).time_s


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("record", "--device", "spoon"), "no device called spoon"),
        (("record", "--device", "synthetic", "--episodes", "0"), "--episodes must be 1 to 10000, got 0"),
        (("record", "--device", "synthetic", "--seed", "999999"), "--seed 999999"),
        (("record", "--device", "synthetic", "--speed", "2"), "--speed must be above 0 and at most 1 m/s, got 2"),
        (("record", "--device", "synthetic", "--set", "task.stage=near"), "holds another dataset: its cameras"),
        (("review", "--label", "success"), "name it by --episode"),
        (("review", "--episode", "9"), "there is no"),
        (("review", "--episode", "9", "--discard"), "holds no episode 9"),
        (("review", "--episode", "9", "--label", "success"), "there is no"),
        (("replay", "--episode", "9"), "there is no"),
        (("replay", "--episode", "0", "--output", "/proc/version"), "cannot be written: /proc/version: File exists"),
        (("data", "merge"), "merge needs a folder to write to; give --output"),
        (("data", "split", "--share", "2"), "a --share between 0 and 1, got 2"),
        (("data", "check", "--config", "drqv2_lift_s3_v13.yaml"), "name its --config"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_lost(own, capfd, words, phrase):
    before = {path: path.read_bytes() for path in own.glob("*.mcap")}
    verb, *flags = words
    if verb == "record":
        flags += ["--output", str(own)]
    elif verb == "data":
        flags.insert(1, str(own))
    else:
        flags.insert(0, str(own))
    capfd.readouterr()
    assert main([verb, *flags]) == 2
    told = capfd.readouterr().err
    assert phrase in " ".join(told.split()) and "Traceback" not in told
    assert before == {path: path.read_bytes() for path in own.glob("*.mcap")}


@pytest.mark.clock
def test_somebody_at_a_terminal_drives_labels_and_keeps(tmp_path):
    master, slave = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "tools.cli",
        "record",
        *SMALL,
        "--episodes",
        "1",
        "--output",
        str(tmp_path / "set"),
    ]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.PIPE) as running:
        try:
            while not list(tmp_path.glob("set/*.part")):
                time.sleep(0.05)
                assert running.poll() is None
            time.sleep(1.0)
            for _ in range(30):
                os.write(master, b"j")
                time.sleep(0.04)
            os.write(master, b"s")
            while not list(tmp_path.glob("set/clips/*0.mp4")):
                time.sleep(0.05)
                assert running.poll() is None
            os.write(master, b"n")
            assert running.wait(20) == 0
        finally:
            running.kill()
            os.close(master)
            os.close(slave)
    episode = Dataset.open(tmp_path / "set").read(0)
    moved = episode.action.any(axis=1)
    assert episode.success and episode.by_person.all() and moved.any() and not moved[:3].any()
    went = [Arm.from_facts().tool(joints)[0][1] for joints in episode.target_rad[[0, -1]]]
    assert went[1] - went[0] > 0.03, "j is to the left, where y grows"
    assert episode.provenance.extra["device"] == "keyboard"
