"""LeRobot's form: what is written has its structure, and reads back as it was."""

import json
from dataclasses import replace
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arm_episodes import ARM, HZ, INFO, PX, SPACES, wander
from hypothesis import given, settings
from hypothesis import strategies as st

from control.actuators import leash_rad
from control.arm import facts
from control.config import RobotConfig
from control.errors import DatasetError
from control.governor import Governor
from control.types import JOINTS
from hardware.lerobot_units import Ends, LeRobotUnits
from policies.spaces import Spaces
from sim.scene import robot_spec
from training import lerobot_export, videos
from training import lerobot_form as form
from training.aiming import aimed
from training.collect import action_space
from training.lerobot_folder import LeRobotFolder
from training.lerobot_import import Import

LIMITS = {name: (float(ARM.lower_rad[j]), float(ARM.upper_rad[j])) for j, name in enumerate(JOINTS)}
ENDS = Ends.of_model(LIMITS)
UNITS = ("degrees", "normalised", "radians")
EXACT = ("seq", "stamp_s", "speed_rad_s", "load", "target_rad", "limited", "answers", "action", "label", "by_person")


def written(root: Path, *episodes, unit="degrees") -> Path:
    lerobot_export.export(episodes, episodes[0].info, LeRobotUnits.of(unit, ENDS), root)
    return root


def plan(root: Path, spaces=SPACES, hz=HZ, units=None, lifted=False, camera=None) -> Import:
    folder = LeRobotFolder.open(root)
    info = replace_info(cameras={spaces.camera: (spaces.camera_px,) * 2}, hz=hz, action_space=action_space(spaces))
    column = folder.camera(spaces.camera, camera)
    return Import(folder, Spaces(spaces, ARM), info, units or folder.units, governed(hz), column, lifted)


def replace_info(**changes):
    return msgspec.structs.replace(INFO, **changes)


def read(root: Path, **how):
    made = plan(root, **how)
    return [made.read(entry).episode() for entry in made.folder.entries]


def edit(root: Path, change, drop=()) -> Path:
    """The dataset as another's: columns dropped, and info.json changed."""
    path = root / form.INFO
    info = json.loads(path.read_text())
    info["features"] = {name: each for name, each in info["features"].items() if not name.startswith(tuple(drop))}
    change(info)
    path.write_text(json.dumps(info))
    for data in root.glob("data/*/*.parquet"):
        table = pq.read_table(data)
        pq.write_table(table.select([name for name in table.column_names if name in info["features"]]), data)
    return root


def foreign(root: Path) -> Path:
    """As LeRobot itself records: no word on units, on success, on what was felt."""

    def forget(info):
        for name in (form.STATE, form.ACTION):
            del info["features"][name]["info"]

    return edit(root, forget, drop=("twinarm.", "next."))


@settings(max_examples=12, deadline=None)
@given(
    unit=st.sampled_from(UNITS),
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
)
def test_what_is_exported_is_imported_as_it_was(unit, seed, lengths, tmp_path_factory):
    episodes = [wander(steps, seed + i, success) for i, (steps, success) in enumerate(lengths)]
    root = written(tmp_path_factory.mktemp("set") / "lerobot", *episodes, unit=unit)
    for before, (after, loss) in zip(episodes, read(root), strict=True):
        assert (after.frames["wrist_cam"] == before.frames["wrist_cam"]).all()
        assert (after.frame_stamp_s["wrist_cam"] == before.frame_stamp_s["wrist_cam"]).all()
        for name in EXACT:
            assert (getattr(after, name) == getattr(before, name)).all(), name
        for name in ("joints_rad", "requested_rad"):
            assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-6), name
        assert after.reward == pytest.approx(before.reward, abs=1e-7)
        assert (after.success, list(after.discount)) == (before.success, list(before.discount))
        assert loss.summary() == dict.fromkeys(loss.summary(), 0.0)


def test_the_folder_has_the_files_and_the_columns_of_version_3(tmp_path):
    episodes = [wander(4, 1, True), wander(6, 2, False)]
    root = written(tmp_path / "set", *episodes)
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"], info["total_frames"]) == ("v3.0", 10, 2, 12)
    assert info["splits"] == {"train": "0:2"} and info["features"][form.ACTION]["names"][0] == "shoulder_pan.pos"
    table = pq.read_table(root / info["data_path"].format(chunk_index=0, file_index=0))
    stored = {name for name, each in info["features"].items() if each["dtype"] != "video"}
    assert set(table.column_names) == stored and table.schema.field("action").type == pa.list_(pa.float32(), 6)
    assert table["index"].to_pylist() == list(range(12))
    assert table["timestamp"].to_pylist() == pytest.approx([*np.arange(5) / 10, *np.arange(7) / 10])
    held = LeRobotUnits.of("degrees", ENDS).from_rad(episodes[0].target_rad[-1])
    assert table["action"][4].as_py() == pytest.approx(held, rel=1e-6)  # beside the last look: stay
    tasks = pq.read_table(root / "meta/tasks.parquet")
    assert tasks.column_names == ["task_index", "__index_level_0__"]
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["__index_level_0__"]


def test_an_episode_is_found_by_its_entry_in_the_video_too(tmp_path):
    episodes = [wander(4, 1, True), wander(6, 2, False)]
    root = written(tmp_path / "set", *episodes)
    entry = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[1]
    key = f"videos/{form.PICTURES}wrist_cam/"
    assert (entry["dataset_from_index"], entry["dataset_to_index"], entry["length"]) == (5, 12, 7)
    assert (entry[key + "from_timestamp"], entry[key + "to_timestamp"]) == (0.5, 1.2)
    with av.open(str(root / "videos/observation.images.wrist_cam/chunk-000/file-000.mp4")) as f:
        pictures = [frame.to_ndarray(format="rgb24") for frame in f.decode(video=0)]
    assert (np.array(pictures[5:]) == episodes[1].frames["wrist_cam"]).all()


def test_statistics_are_those_of_the_numbers(tmp_path):
    episodes = [wander(4, 1, True), wander(6, 2, False)]
    root = written(tmp_path / "set", *episodes, unit="radians")
    found = json.loads((root / "meta/stats.json").read_text())
    joints = np.concatenate([episode.joints_rad for episode in episodes])
    pixels = np.concatenate([episode.frames["wrist_cam"] for episode in episodes]) / 255
    for kind in ("min", "max", "mean", "std"):
        assert found[form.STATE][kind] == pytest.approx(getattr(joints, kind)(0)), kind
        told = np.array(found[f"{form.PICTURES}wrist_cam"][kind])
        assert told.shape == (3, 1, 1) and told.ravel() == pytest.approx(getattr(pixels, kind)((0, 1, 2)), abs=1e-6)
    assert found[form.STATE]["count"] == [12] and np.shape(found[form.REWARD]["q50"]) == (1,)
    entry = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()[0]
    assert entry[f"stats/{form.STATE}/mean"] == pytest.approx(episodes[0].joints_rad.mean(0))


def test_large_datasets_are_spread_over_files_and_chunks(tmp_path, monkeypatch):
    for name, value in (("DATA_MB", 0), ("VIDEO_MB", 0), ("FILES_A_CHUNK", 2)):
        monkeypatch.setattr(form, name, value)
    episodes = [wander(3, seed, True) for seed in range(3)]
    root = written(tmp_path / "set", *episodes)
    assert len(list(root.glob("data/chunk-000/*"))) == 2 and len(list(root.glob("data/chunk-001/*"))) == 1
    assert len(list(root.glob("videos/*/chunk-001/*"))) == 1
    for before, (after, _) in zip(episodes, read(root), strict=True):
        assert (after.frames["wrist_cam"] == before.frames["wrist_cam"]).all()


def test_several_cameras_keep_their_names_and_their_times(tmp_path):
    info = replace_info(cameras={"wrist_cam": (PX, PX), "front": (24, 32)}, jpeg=("front",))
    episode = wander(5, 3, True, info)
    root = written(tmp_path / "set", episode)
    [(wrist, _)], [(front, _)] = read(root), read(root, camera="front")
    assert (wrist.frame_stamp_s["wrist_cam"] == episode.frame_stamp_s["wrist_cam"]).all()
    assert (front.frame_stamp_s["wrist_cam"] == episode.frame_stamp_s["front"]).all()
    assert front.frames["wrist_cam"].shape == (6, PX, PX, 3)


def governed(hz: float = HZ) -> Governor:
    spec = robot_spec(RobotConfig(hz=hz, camera_px=PX), ARM, facts())
    return Governor(spec, ARM, np.full(6, leash_rad(40.0)))


def moving(steps: int, most: float = 0.4):
    """An episode whose targets are what the governor makes of its actions; in its second half the gripper squeezes."""
    spaces, rng, governor = Spaces(SPACES, ARM), np.random.default_rng(5), governed()
    episode = wander(steps, 5, True)
    governor.start(ARM.solve(np.zeros(6), np.array([0.22, 0.02, 0.08]), 1.5, iterations=60))
    actions, targets, asked = rng.uniform(-most, most, (steps, 5)), [governor.target_rad], []
    actions[steps // 2 :, 4] = -1.0
    for action in actions:
        look = replace(episode.observation(0), target_rad=targets[-1])
        asked.append(spaces.command(action, look).target_rad)
        governor.accept(asked[-1], targets[-1])
        targets.append(governor.target_rad)
    told = np.array(targets)
    return replace(
        episode, joints_rad=told, target_rad=told, requested_rad=np.array(asked), action=actions, label=actions
    )


def test_actions_are_worked_out_from_the_targets_that_others_recorded(tmp_path):
    episode = moving(20)
    root = foreign(written(tmp_path / "set", episode))
    [(after, loss)] = read(root, units=LeRobotUnits.of("degrees", ENDS), lifted=True)
    assert np.abs(episode.requested_rad - episode.target_rad[1:]).max() > 0.2  # the governor held the gripper back
    assert after.action == pytest.approx(episode.action, abs=0.05) and (after.action == after.label).all()
    assert after.target_rad == pytest.approx(episode.target_rad, abs=1e-5)
    assert after.speed_rad_s[5] == pytest.approx((episode.joints_rad[6] - episode.joints_rad[4]) / 0.2, abs=1e-4)
    assert (after.success, after.reward[-1], after.discount[-1], after.reward[:-1].any()) == (True, 1.0, 0.0, False)
    assert after.by_person.all()
    assert loss.summary()["cut"] == 0 and loss.summary()["tool_mm_95"] < 1.0
    assert list(after.stamp_s) == pytest.approx(np.arange(21) / 10)


def test_what_does_not_fit_into_a_full_action_is_cut_and_told():
    spaces, episode = Spaces(SPACES, ARM), moving(8, most=1.0)
    seen = {name: getattr(episode, name) for name in (*EXACT[1:6], "joints_rad")}
    lifted = ARM.solve(episode.target_rad[0], ARM.tool(episode.target_rad[0])[0] + [0, 0, 0.05], 1.5, iterations=60)
    action, loss = aimed(spaces, seen, np.concatenate([lifted[None], episode.requested_rad[1:]]))
    assert action[0, 2] == 1.0 and loss.cut[0] and 0.02 < loss.tool_m[0] < 0.04


def test_a_faster_dataset_is_looked_at_once_a_control_period(tmp_path):
    episode = moving(20)
    root = foreign(written(tmp_path / "set", episode))
    [(after, loss)] = read(root, hz=5.0, units=LeRobotUnits.of("degrees", ENDS), lifted=True)
    assert (after.frames["wrist_cam"] == episode.frames["wrist_cam"][::2]).all() and len(after) == 10
    assert after.requested_rad == pytest.approx(episode.requested_rad[1::2], abs=1e-5)
    assert np.abs(after.action).max() <= 1 and loss.summary()["tool_mm_95"] < 1.0  # an action goes the whole way


def test_a_rate_that_is_no_whole_number_goes_there_and_back(tmp_path):
    episode = wander(9, 1, True, replace_info(hz=12.5))
    [(after, _)] = read(written(tmp_path / "set", episode), hz=12.5)
    assert (after.frames["wrist_cam"] == episode.frames["wrist_cam"]).all() and after.info.hz == 12.5


def test_a_success_beside_the_last_look_counts_for_the_step_before_it(tmp_path):
    root = written(tmp_path / "set", wander(4, 1, False))
    path = root / form.DATA.format(chunk_index=0, file_index=0)
    table = pq.read_table(path)
    place = table.column_names.index(form.SUCCESS)
    pq.write_table(table.set_column(place, table.schema.field(place), pa.array([False] * 4 + [True])), path)
    [(after, _)] = read(root)
    assert after.success and list(after.step_success) == [False, False, False, True]


def test_pictures_kept_as_png_in_the_table_are_read_as_well(tmp_path):
    episode = wander(3, 1, True)
    root = written(tmp_path / "set", episode)
    camera = f"{form.PICTURES}wrist_cam"
    path = root / form.DATA.format(chunk_index=0, file_index=0)
    coded = [cv2.imencode(".png", picture[..., ::-1])[1].tobytes() for picture in episode.frames["wrist_cam"]]
    shots = [{"bytes": data, "path": None} for data in coded]
    pq.write_table(pq.read_table(path).append_column(camera, pa.array(shots)), path)
    edit(root, lambda info: info["features"][camera].update(dtype="image"))
    [(after, _)] = read(root)
    assert (after.frames["wrist_cam"] == episode.frames["wrist_cam"]).all()


def names(info, values):
    info["features"][form.ACTION]["names"] = values


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda info: info.update(codebase_version="v2.1"), "has LeRobot's version v2.1; convert it"),
        (lambda info: info.update(data_path="/etc/{chunk_index}"), "keeps its files at /etc"),
        (lambda info: info.update(fps="ten"), "info.json is no LeRobot info"),
        (lambda info: info["features"].pop(form.ACTION), "has no column action; it has observation.state"),
        (lambda info: names(info, ["x.vel", "theta.vel"]), "action of .* has no shoulder_pan, .*; it holds x.vel"),
        (lambda info: info.update(fps=25), "has 25 looks a second, no multiple of 10; use --set robot.hz=25"),
        (lambda info: info.update(fps=0), "says 0 looks a second; that is no rate of a camera"),
        (lambda info: info.update(fps=29.97), "has 29.97 looks a second, .*; no rate of a robot here fits"),
    ],
)
def test_a_dataset_that_cannot_be_mapped_is_refused_with_the_reason(tmp_path, change, phrase):
    root = edit(written(tmp_path / "set", wander(3, 1, True)), change)
    with pytest.raises(DatasetError, match=phrase):
        plan(root)


def test_what_lerobot_does_not_say_must_be_said(tmp_path):
    root = foreign(written(tmp_path / "set", wander(3, 1, True)))
    assert LeRobotFolder.open(root).units is None
    with pytest.raises(DatasetError, match="does not say which episodes are lifts; if all are, add --lifted"):
        plan(root, units=LeRobotUnits.of("degrees", ENDS))
    with pytest.raises(DatasetError, match="has no camera hand; name one with --camera: observation.images.wrist_cam"):
        plan(root, units=LeRobotUnits.of("degrees", ENDS), lifted=True, camera="hand")
    with pytest.raises(DatasetError, match="degrees beyond its range, taken as radians; give --units and --calib"):
        read(root, units=LeRobotUnits.of("radians", ENDS), lifted=True)


@pytest.mark.parametrize("victim", ["data/chunk-000/file-000.parquet", "videos/*/chunk-000/file-000.mp4"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:2000])])
def test_a_damaged_dataset_is_named_with_the_file(tmp_path, victim, damage):
    root = written(tmp_path / "set", *(wander(9, seed, True) for seed in range(3)))
    [path] = root.glob(victim)
    damage(path)
    with pytest.raises(DatasetError, match=path.name):
        read(root)


def test_a_video_without_the_picture_that_is_wanted_says_when(tmp_path):
    writer = videos.VideoWriter(tmp_path / "a.mp4", 10.0, (16, 16))
    writer.add(np.zeros((3, 16, 16, 3), np.uint8))
    writer.close()
    with pytest.raises(DatasetError, match=r"no picture at 0.350 s"):
        videos.pictures_at(tmp_path / "a.mp4", [0.1, 0.35], 0.04)
