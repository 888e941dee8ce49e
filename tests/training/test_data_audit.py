"""The data audit on real recordings, and on the same recordings after each fault has been put in."""

import json
from dataclasses import replace

import numpy as np
import pytest

from control.arm import Arm
from control.datasets import Dataset
from control.episodes import Episode
from policies.spaces import Spaces
from tools.cli import main
from training import data_audit, settings
from training.data_audit import advantage, copies, frozen, labels, pictures, saturation, success
from training.lift import load_reward
from training.replay import EpisodeArrays, Replay

CAMERA = "wrist_cam"
SEEN = ("joints_rad", "speed_rad_s", "load", "target_rad", "limited")
KINDS = {"scripted": "lift_fast.yaml", "crude": "drqv2_lift_s3_v13.yaml"}
EPISODES = {"scripted": 8, "crude": 24}  # at 50 Hz a late picture is 20 ms late: it takes more of them to tell


@pytest.fixture(scope="module", params=KINDS)
def recorded(request, tmp_path_factory) -> tuple[Dataset, list[Episode], Spaces]:
    folder = tmp_path_factory.mktemp("recorded") / request.param
    config = settings.load(KINDS[request.param], ["robot.camera_px=32", "spaces.camera_px=32"])
    words = ["collect", "--config", KINDS[request.param], "--script", request.param, "--output", str(folder)]
    sizes = ["--set", "robot.camera_px=32", "--set", "spaces.camera_px=32", "--set", "task.wild=[]"]  # nothing late
    assert main([*words, "--episodes", str(EPISODES[request.param]), "--workers", "1", *sizes]) == 0
    dataset = Dataset.open(folder)
    spaces = Spaces(config.spaces, Arm.from_facts())
    return dataset, [dataset.read(index) for index in dataset.indices()], spaces


def late(rows: np.ndarray, steps: int) -> np.ndarray:
    """Row t + steps in the place of row t, the last one repeated."""
    return rows[np.clip(np.arange(len(rows)) + steps, 0, len(rows) - 1)]


def with_pictures(episode: Episode, pictures: np.ndarray) -> Episode:
    return replace(episode, frames={CAMERA: pictures})


def test_a_sound_recording_passes(recorded):
    dataset, _, spaces = recorded
    findings = data_audit.audit(dataset, spaces, load_reward("sparse"), 0.99, hover=0.0)
    assert all(finding.fine for finding in findings), [f.words for f in findings if not f.fine]


@pytest.mark.parametrize("steps", [1, -1])
def test_looks_shifted_by_a_step_against_the_actions_are_found(recorded, steps):
    _, episodes, spaces = recorded
    shifted = [replace(e, **{name: late(getattr(e, name), steps) for name in SEEN}) for e in episodes]
    finding = labels(shifted, spaces)
    assert not finding.fine
    assert f"1 step {'later' if steps > 0 else 'earlier'}" in finding.words


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (1, "the joints of 1 steps before; is the camera late?"),
        (2, "the joints of 2 steps before; is the camera late?"),
        (-1, "the joints of 1 steps after; are the joints late?"),
    ],
)
def test_pictures_that_lag_behind_the_joints_or_are_ahead_of_them_are_found(recorded, steps, words):
    _, episodes, _ = recorded
    finding = pictures([with_pictures(e, late(e.frames[CAMERA], -steps)) for e in episodes], CAMERA)
    assert not finding.fine and words in finding.words


def test_few_episodes_do_not_tell_whether_pictures_are_late(recorded):
    _, episodes, _ = recorded
    late_ones = [with_pictures(e, late(e.frames[CAMERA], -1)) for e in episodes]
    for n in (1, 2, 3):
        finding = pictures(late_ones[:n], CAMERA)
        assert finding.fine and f"{n} episodes are too few" in finding.words


def test_pictures_that_stand_still_are_found(recorded):
    _, episodes, _ = recorded
    still = [with_pictures(e, e.frames[CAMERA][:1].repeat(len(e) + 1, 0)) for e in episodes]
    assert frozen(still, CAMERA).words.startswith("100.0%")
    halves = [with_pictures(e, e.frames[CAMERA][np.arange(len(e) + 1) // 2 * 2]) for e in episodes]
    assert not frozen(halves, CAMERA).fine


def test_an_episode_that_is_there_twice_is_found(recorded):
    _, episodes, _ = recorded
    finding = copies([*episodes, episodes[0]])
    assert not finding.fine and f"1 of {len(episodes) + 1}" in finding.words


def test_labels_that_hit_the_end_of_their_range_are_found(recorded):
    _, episodes, _ = recorded
    full = [replace(e, label=np.sign(e.label) + (e.label == 0)) for e in episodes]
    assert not saturation(full).fine and saturation(full).words.startswith("100%")


@pytest.mark.parametrize(
    "finding, fine",
    [
        (success(1, 10), True),
        (success(0, 10), False),
        (advantage([1.0, 2.0], 1.4), True),
        (advantage([1.0, 2.0], 1.6), False),
    ],
)
def test_no_success_or_no_advantage_over_hovering_is_a_fault(finding, fine):
    assert finding.fine == fine


@pytest.mark.parametrize(
    ("steps", "repeat", "variations", "frames"),
    [((10, 20), 1, 0, 32), ((10, 20), 2, 0, 17), ((9,), 2, 0, 6), ((10, 20), 1, 3, 128)],
)
def test_demonstrations_that_the_replay_would_forget_are_told_with_the_room_they_need(
    steps, repeat, variations, frames
):
    assert data_audit.room(steps, repeat, variations, frames).fine
    finding = data_audit.room(steps, repeat, variations, frames - 1)
    assert not finding.fine and f"replay.capacity={frames}" in finding.words
    replay = Replay(frames, (1, 1, 1), 1, 1)
    for each in (length for length in steps for _ in range(1 + variations)):
        decisions = -(-each // repeat)
        row = np.zeros(decisions, np.float32)
        looks = np.zeros((decisions + 1, 1, 1, 1), np.uint8), np.zeros((decisions + 1, 1), np.float32)
        replay.add_episode(EpisodeArrays(*looks, row[:, None], row[:, None], row > 0, row, row))
    assert len(replay) == frames - len(steps) * (1 + variations)


def test_the_command_lists_every_finding_and_asks_for_the_configuration_that_fits(recorded, capsys):
    dataset, _, _ = recorded
    fast = dataset.info.hz == 10
    right, wrong = sorted(KINDS.values(), reverse=fast)
    words = ["audit", "--dataset", str(dataset.folder), "--set", "task.reward=v13", "--config"]
    assert main([*words, right, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["labels"]["fine"]
    assert told["return"]["fine"] == fast  # at the experiment's rate and discount, hovering is worth more
    assert main([*words, wrong]) == 2
    assert "name its --config" in capsys.readouterr().err
    assert main([*words, right, "--set", "spaces.camera=front"]) == 2
    assert f"spaces.camera is front, {dataset.folder} holds pictures of {CAMERA}" in capsys.readouterr().err
