"""LeRobot 0.4.4 reads what was exported for it, edits it, and is read where it wrote by itself."""

from pathlib import Path

import numpy as np
import pytest

from control.arm import Arm
from control.datasets import Dataset
from control.types import JOINTS
from hardware.lerobot_units import Ends, LeRobotUnits
from tools.cli import main

datasets = pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="make peers installs LeRobot")
tools = pytest.importorskip("lerobot.datasets.dataset_tools")
features = pytest.importorskip("lerobot.datasets.utils")
data = pytest.importorskip("torch.utils.data")

ARM = Arm.from_facts()
ENDS = Ends.of_model({name: (float(ARM.lower_rad[j]), float(ARM.upper_rad[j])) for j, name in enumerate(JOINTS)})
CAMERA = "observation.images.wrist_cam"
SMALL = ("--set", "robot.camera_px=48", "--set", "spaces.camera_px=48")


@pytest.fixture(scope="module")
def exported(collected, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("exported") / "set"
    assert main(["export", str(collected.folder), "--to", "lerobot", "--output", str(root)]) == 0
    return root


def pixels(item: dict) -> np.ndarray:
    return np.rint(item[CAMERA].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def test_every_look_is_there_with_its_picture_angles_and_words(collected, exported):
    theirs = datasets.LeRobotDataset("twinarm/set", root=exported)
    units = LeRobotUnits.of("degrees", ENDS)
    assert theirs.num_episodes == 3 and theirs.fps == 10
    rows = iter(range(len(theirs)))
    for index in collected.indices():
        ours = collected.read(index)
        for t in range(len(ours) + 1):
            item = theirs[next(rows)]
            assert (pixels(item) == ours.frames["wrist_cam"][t]).all(), (index, t)
            asked = ours.requested_rad[t] if t < len(ours) else ours.target_rad[t]
            assert item["observation.state"].numpy() == pytest.approx(units.from_rad(ours.joints_rad[t]), abs=1e-4)
            assert item["action"].numpy() == pytest.approx(units.from_rad(asked), abs=1e-4)
            assert (item["task"], item["episode_index"].item()) == ("Pick up the cube.", index)
    assert next(rows, None) is None


def test_a_policy_of_lerobots_finds_what_it_needs_and_nothing_else(exported):
    theirs = datasets.LeRobotDataset("twinarm/set", root=exported, delta_timestamps={"action": [0, 0.1, 0.2]})
    wanted = features.dataset_to_policy_features(theirs.meta.features)
    assert {name: each.shape for name, each in wanted.items()} == {
        "observation.state": (6,),
        "action": (6,),
        CAMERA: (3, 48, 48),
    }
    batch = next(iter(data.DataLoader(theirs, batch_size=8, shuffle=True)))
    assert batch["action"].shape == (8, 3, 6) and batch[CAMERA].shape == (8, 3, 48, 48)
    assert theirs.meta.stats[CAMERA]["mean"].shape == (3, 1, 1)
    assert theirs.meta.stats["action"]["q99"].shape == (6,)


def test_what_lerobot_edited_is_imported_with_all_that_was_ours(collected, exported, tmp_path):
    theirs = datasets.LeRobotDataset("twinarm/set", root=exported)
    tools.delete_episodes(theirs, [1], output_dir=tmp_path / "edited", repo_id="twinarm/edited")
    assert main(["import", str(tmp_path / "edited"), "--output", str(tmp_path / "back"), *SMALL]) == 0
    back = Dataset.open(tmp_path / "back")
    assert back.indices() == [0, 1]
    for here, there in ((0, 0), (1, 2)):
        after, before = back.read(here), collected.read(there)
        assert (after.label == before.label).all() and (after.target_rad == before.target_rad).all()
        assert after.success == before.success
        error = after.frames["wrist_cam"].astype(float) - before.frames["wrist_cam"]
        assert np.sqrt((error**2).mean()) < 12  # LeRobot encoded it anew, lossily


def test_what_lerobot_wrote_by_itself_is_imported(collected, tmp_path):
    ours, units = collected.read(0), LeRobotUnits.of("normalised", ENDS)
    names = [f"{name}.pos" for name in JOINTS]
    columns = {key: {"dtype": "float32", "shape": (6,), "names": names} for key in ("observation.state", "action")}
    columns[CAMERA] = {"dtype": "video", "shape": (48, 48, 3), "names": ["height", "width", "channels"]}
    theirs = datasets.LeRobotDataset.create("twinarm/theirs", 10, columns, root=tmp_path / "theirs", vcodec="h264")
    for t in range(len(ours)):
        state, action = (units.from_rad(each[t]).astype(np.float32) for each in (ours.joints_rad, ours.requested_rad))
        picture = ours.frames["wrist_cam"][t]
        theirs.add_frame({"observation.state": state, "action": action, CAMERA: picture, "task": "lift it"})
    theirs.save_episode()
    theirs.finalize()
    words = ("--units", "normalised", "--lifted", *SMALL)
    assert main(["import", str(tmp_path / "theirs"), "--output", str(tmp_path / "back"), *words]) == 0
    after = Dataset.open(tmp_path / "back").read(0)
    assert len(after) == len(ours) - 1 and after.success
    assert after.joints_rad == pytest.approx(ours.joints_rad[:-1], abs=1e-5)
    assert after.requested_rad == pytest.approx(ours.requested_rad[: len(after)], abs=1e-5)
    error = after.frames["wrist_cam"].astype(float) - ours.frames["wrist_cam"][:-1]
    assert np.sqrt((error**2).mean()) < 20
