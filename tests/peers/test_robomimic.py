"""robomimic's own loader reads what was exported for it."""

import numpy as np
import pytest

from tools.cli import main

dataset = pytest.importorskip("robomimic.utils.dataset", reason="make peers installs robomimic")
observations = pytest.importorskip("robomimic.utils.obs_utils")

LOW, RGB = ["joints_rad", "target_rad"], ["wrist_cam_image"]


@pytest.mark.parametrize("cache", [None, "low_dim", "all"])
def test_sequences_of_steps_are_those_that_were_recorded(collected, tmp_path, cache):
    path = tmp_path / "demos.hdf5"
    assert main(["export", str(collected.folder), "--to", "robomimic", "--output", str(path)]) == 0
    observations.initialize_obs_utils_with_obs_specs({"obs": {"low_dim": LOW, "rgb": RGB}})
    theirs = dataset.SequenceDataset(
        hdf5_path=str(path),
        obs_keys=LOW + RGB,
        dataset_keys=["actions", "rewards", "dones"],
        seq_length=3,
        hdf5_cache_mode=cache,
        filter_by_attribute="success",
    )
    assert len(theirs) == sum(len(collected.read(index)) for index in collected.indices())
    ours, first = collected.read(1), theirs._demo_id_to_start_indices["demo_1"]
    for t in range(len(ours) - 3):
        item = theirs[first + t]
        assert item["actions"] == pytest.approx(ours.action[t : t + 3], abs=1e-6)
        assert item["next_obs"]["target_rad"] == pytest.approx(ours.target_rad[t + 1 : t + 4], abs=1e-6)
        pictures = item["obs"]["wrist_cam_image"]
        assert (pictures.astype(np.uint8) == ours.frames["wrist_cam"][t : t + 3]).all()
    assert theirs[first + len(ours) - 1]["dones"][0] == 1
    theirs.close_and_delete_hdf5_handle()
