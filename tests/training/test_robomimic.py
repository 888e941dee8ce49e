"""robomimic's form: demos, looks before and after each step, masks, and what environment it was."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from arm_episodes import INFO, wander
from hypothesis import given, settings
from hypothesis import strategies as st

from training import robomimic_export


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=3),
)
def test_every_number_and_pixel_is_in_the_place_that_robomimic_looks_at(seed, lengths, tmp_path_factory):
    episodes = [wander(steps, seed + i, success) for i, (steps, success) in enumerate(lengths)]
    path = tmp_path_factory.mktemp("set") / "demos.hdf5"
    robomimic_export.export(episodes, INFO, path)
    with h5py.File(path) as file:
        assert file["data"].attrs["total"] == sum(map(len, episodes))
        for number, episode in enumerate(episodes):
            demo = file[f"data/demo_{number}"]
            assert demo.attrs["num_samples"] == len(episode)
            for key, wanted in {"actions": episode.action, "rewards": episode.reward, "labels": episode.label}.items():
                assert (demo[key][()] == wanted).all(), key
            assert (demo["dones"][()] == (episode.discount == 0)).all()
            assert (demo["obs/wrist_cam_image"][()] == episode.frames["wrist_cam"][:-1]).all()
            assert (demo["next_obs/wrist_cam_image"][()] == episode.frames["wrist_cam"][1:]).all()
            assert (demo["next_obs/target_rad"][()] == episode.target_rad[1:]).all()
            assert demo["obs/stamp_s"].shape == (len(episode), 1)


def test_masks_name_who_learns_who_is_held_out_and_who_lifted(tmp_path):
    episodes = [wander(2, seed, success=seed % 3 == 0) for seed in range(12)]
    robomimic_export.export(episodes, INFO, tmp_path / "demos.hdf5")
    with h5py.File(tmp_path / "demos.hdf5") as file:
        masks = {key: [name.decode() for name in names[()]] for key, names in file["mask"].items()}
        environment = json.loads(file["data"].attrs["env_args"])
    assert masks["valid"] == ["demo_9"] and len(masks["train"]) == 11
    assert masks["success"] == ["demo_0", "demo_3", "demo_6", "demo_9"] and len(masks["failure"]) == 8
    assert environment == {"env_name": "twinarm/Lift-v0", "type": 2, "env_kwargs": {}}


@pytest.mark.parametrize("told", [False, True])
def test_states_are_what_the_simulator_knew_where_there_was_one(tmp_path, told):
    episode = wander(4, 1, True)
    truth = {"cube_m": 3, "cube_quat": 4, "tool_m": 3, "moving_pad_m": 3, "pads_touch": 2}
    if told:
        rng = np.random.default_rng(1)
        episode = replace(episode, truth={name: rng.normal(size=(5, size)) for name, size in truth.items()})
    robomimic_export.export([episode], INFO, tmp_path / "demos.hdf5")
    with h5py.File(tmp_path / "demos.hdf5") as file:
        states = file["data/demo_0/states"][()]
    assert states.shape == (4, 12 + (sum(truth.values()) if told else 0))
    assert (states[:, :6] == episode.joints_rad[:-1]).all()
    if told:
        assert (states[:, 12:15] == episode.truth["cube_m"][:-1]).all()
