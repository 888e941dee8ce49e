"""The acting network: its sizes, its numbers and its file."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from control.config import build
from control.errors import CheckpointError, ConfigError
from policies.actor import (
    Encoder,
    NetConfig,
    PolicyNet,
    Shapes,
    image_side,
    load_policy,
    save_policy,
    truncated_normal,
)

SMALL = NetConfig(channels=4, feature_dim=6, hidden=8)
SHAPES = Shapes((3, 40, 44), 5, 4)


def net(shapes: Shapes = SHAPES, config: NetConfig = SMALL) -> PolicyNet:
    torch.manual_seed(0)
    return PolicyNet(shapes, config)


def looks(shapes: Shapes, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, *shapes.pixels), np.uint8), rng.random((count, shapes.proprio), np.float32)


@pytest.mark.parametrize("pixels", [(3, 84, 84), (9, 84, 84), (9, 64, 64), (3, 48, 64), (6, 31, 33)])
@pytest.mark.parametrize("strides", [(2, 1, 1, 1), (2, 2, 2, 1), (4, 2)])
@pytest.mark.parametrize("proprio", [0, 12])
def test_any_image_size_gives_actions_between_minus_one_and_one(pixels, strides, proprio):
    shapes = Shapes(pixels, proprio, 5)
    policy = net(shapes, NetConfig(channels=4, strides=strides, hidden=8, layer_norm=proprio > 0))
    action = policy.act(*looks(shapes, 3))
    assert action.shape == (3, 5) and action.dtype == np.float32
    assert (np.abs(action) < 1).all() and np.ptp(action) > 0


def test_the_published_sizes_give_the_published_features():
    assert Encoder((9, 84, 84), NetConfig(strides=(2, 1, 1, 1))).repr_dim == 32 * 35 * 35


@pytest.mark.parametrize(("side", "strides"), [(16, (2, 2, 2, 1)), (2, (1,)), (8, (4, 2))])
def test_an_image_too_small_for_the_strides_is_a_mistake_in_the_config(side, strides):
    with pytest.raises(ConfigError, match=f"{side} pixels are too few for strides"):
        image_side(side, strides)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"chanels": 4}, "channels"),
        ({"hidden": 0}, "hidden must be >= 1"),
        ({"strides": [2, 0]}, "strides must be >= 1"),
        ({"layer_norm": "yes"}, "bool"),
    ],
)
def test_a_wrong_size_names_its_key(values, says):
    with pytest.raises(ConfigError, match=says):
        build(NetConfig, values, "net.yaml")


def test_one_look_gives_what_a_batch_of_looks_gives():
    policy, (pixels, proprio) = net(), looks(SHAPES, 6)
    together = policy.act(pixels, proprio)
    np.testing.assert_allclose([policy.act(*one) for one in zip(pixels, proprio, strict=True)], together, atol=1e-6)
    grid = policy.act(pixels.reshape(2, 3, *SHAPES.pixels), proprio.reshape(2, 3, -1))
    np.testing.assert_allclose(grid.reshape(6, -1), together, atol=1e-6)


def test_pixels_are_normalised_to_half_either_side_of_zero():
    encoder, pixels = net().encoder, torch.from_numpy(looks(SHAPES, 2)[0])
    x = pixels / 255 - 0.5
    for layer, stride in zip(encoder.layers, encoder.strides, strict=True):
        x = torch.relu(F.conv2d(x, layer.weight, layer.bias, stride))
    torch.testing.assert_close(encoder(pixels), x.permute(0, 2, 3, 1).flatten(1), atol=1e-6, rtol=1e-5)


def test_no_pixel_value_is_rounded_on_its_way_into_bfloat16():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(values.to(torch.bfloat16).sub_(127.5).float(), values.float() - 127.5)


def test_bfloat16_and_layout_change_the_features_by_rounding_only():
    encoder, pixels = net().encoder, torch.from_numpy(looks(SHAPES, 2)[0])
    exact = encoder(pixels)
    narrow = encoder(pixels, torch.bfloat16)
    assert narrow.dtype == torch.bfloat16
    assert (narrow - exact).abs().max() < 0.02 * exact.abs().max()
    encoder.to(memory_format=torch.channels_last)
    torch.testing.assert_close(encoder(pixels.contiguous(memory_format=torch.channels_last)), exact)


@pytest.mark.parametrize("std", [0.0, 0.1, 5.0])
def test_noise_is_cut_and_stays_inside_the_action_box(std):
    mean = torch.linspace(-0.999, 0.999, 4001)[:, None].requires_grad_()
    action = truncated_normal(mean, std, torch.Generator().manual_seed(0), clip=0.3)
    assert (action.abs() < 1).all()
    assert (action - mean).abs().max() <= 0.3 + 1e-6
    assert ((action - mean).abs().max() > 0.29) == (std > 0)
    action.sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))


def test_a_saved_policy_acts_to_the_bit_and_keeps_its_notes(tmp_path):
    path, policy, seen = tmp_path / "policy.safetensors", net(), looks(SHAPES, 3)
    policy.to(memory_format=torch.channels_last)
    save_policy(policy, path, {"spaces": "cartesian"})
    loaded, notes = load_policy(path)
    assert (loaded.shapes, loaded.config, notes) == (SHAPES, SMALL, {"spaces": "cartesian"})
    policy.to(memory_format=torch.contiguous_format)
    np.testing.assert_array_equal(loaded.act(*seen), policy.act(*seen))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_policy_file_is_refused(tmp_path, share):
    path = tmp_path / "policy.safetensors"
    save_policy(net(), path, {})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match=r"policy\.safetensors is not a whole policy"):
        load_policy(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 2**62)],
    ids=["0", "text", "none", "huge"],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path, content):
    path = tmp_path / "policy.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="name a file that training wrote"):
        load_policy(path)


def test_a_missing_policy_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        load_policy(tmp_path / "nowhere")


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_actor import net
from policies.actor import save_policy
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
save_policy(net(), Path(sys.argv[2]), {})
"""


def test_a_full_disk_is_one_line_and_leaves_the_policy_before(tmp_path):
    path = tmp_path / "policy.safetensors"
    save_policy(net(), path, {"which": "first"})
    before = path.read_bytes()
    words = [sys.executable, "-c", FULL, str(Path(__file__).parent), str(path)]
    told = subprocess.run(words, capture_output=True, text=True)
    assert told.returncode == 1
    says = told.stderr.splitlines()[-1]
    assert re.search(rf"CheckpointError: cannot write {path} \(.*\): it needs 0\.\d MB, \d+\.\d MB are free", says)
    assert says.endswith(f"make room, then twinarm resume {tmp_path}")
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_bytes() == before


def test_a_policy_without_a_folder_to_write_it_to_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot write .*nowhere/policy\.safetensors"):
        save_policy(net(), tmp_path / "nowhere" / "policy.safetensors", {})


def test_a_training_checkpoint_is_refused_with_the_name_of_its_policy(tmp_path):
    path = tmp_path / "checkpoints" / "step_000000500.safetensors"
    path.parent.mkdir()
    save_file({"weights": torch.zeros(3)}, path, metadata={"progress": "{}"})
    with pytest.raises(CheckpointError, match="holds a run's progress") as told:
        load_policy(path)
    assert f"its policy is {tmp_path / 'policy.safetensors'}: use that" in str(told.value)
