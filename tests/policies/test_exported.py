"""A network written as ONNX acts as the one it was made from, and is taken wherever a policy's file is."""

import json
import sys

import numpy as np
import onnx
import pytest
import torch

from control.arm import Arm
from control.errors import CheckpointError, UserError
from policies.actor import NetConfig, PolicyNet, Shapes, save_policy
from policies.exported import load
from policies.graph import exported
from policies.learned import LearnedPolicy, Notes, notes_of, shapes_for, write_notes
from policies.networks import load_network
from policies.spaces import Spaces, SpacesConfig
from tools.cli import main
from tools.onnx import CLOSE, difference

SPACES = SpacesConfig(camera_px=64, frame_stack=2)
SMALL = NetConfig(strides=(3, 2), hidden=32)
NOTES = Notes(SPACES, 10.0, 7, "a digest", starts_rad=((0.0, 1.0),) * 6)


def taught(shapes: Shapes, config: NetConfig = SMALL) -> PolicyNet:
    """A network whose every weight is drawn, so that none left out goes unnoticed."""
    torch.manual_seed(0)
    net = PolicyNet(shapes, config)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if "bias" in name or "norm" in name:
                value.add_(0.3 * torch.randn_like(value))
    return net


def written(tmp_path, net: PolicyNet, notes: dict[str, str]):
    path = tmp_path / "policy.onnx"
    path.write_bytes(exported(net, notes))
    return path


@pytest.mark.parametrize(
    ("shapes", "config"),
    [
        (Shapes((9, 84, 84), 12, 5), NetConfig()),
        (Shapes((9, 84, 84), 12, 5), NetConfig(strides=(2, 1, 1, 1), hidden=1024, layer_norm=False)),
        (Shapes((3, 40, 44), 0, 6), NetConfig(channels=4, strides=(4, 2), feature_dim=6, hidden=8)),
    ],
)
def test_actions_are_within_a_hundred_thousandth_of_the_original_s(tmp_path, shapes, config):
    net = taught(shapes, config)
    path = written(tmp_path, net, {})
    assert difference(net, path, looks=200) < CLOSE
    with torch.no_grad():
        net.actor.head.last.bias += 1e-3
    assert difference(net, path, looks=5) > CLOSE


def test_one_observation_gives_what_it_gives_in_a_batch(tmp_path):
    net = taught(Shapes((3, 40, 44), 5, 4))
    runtime, _ = load(written(tmp_path, net, {}))
    rng = np.random.default_rng(0)
    pixels, proprio = rng.integers(0, 256, (3, 3, 40, 44), np.uint8), rng.random((3, 5), np.float32)
    together = runtime.act(pixels, proprio)
    assert together.shape == (3, 4) and together.dtype == np.float32
    for row, action in enumerate(together):
        np.testing.assert_allclose(runtime.act(pixels[row], proprio[row]), action, atol=1e-6)


def test_the_notes_go_with_it_and_it_is_a_policy_like_any_other(tmp_path):
    arm = Arm.from_facts()
    net = taught(shapes_for(Spaces(SPACES, arm)))
    path = written(tmp_path, net, write_notes(NOTES))
    assert notes_of(path) == NOTES
    assert LearnedPolicy.load(path, arm).spaces.config == SPACES


@pytest.mark.parametrize("spoiled", ["nothing", "noise", "half", "no notes"])
def test_what_is_no_whole_policy_is_refused_by_name(tmp_path, spoiled):
    path = written(tmp_path, taught(Shapes((3, 40, 44), 5, 4)), {})
    if spoiled == "no notes":
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, path)
    else:
        path.write_bytes({"nothing": b"", "noise": b"\x07" * 999, "half": path.read_bytes()[:999]}[spoiled])
    with pytest.raises(CheckpointError, match="policy.onnx is not a whole policy"):
        load_network(path)


def test_without_the_runtime_the_extra_is_named(tmp_path, monkeypatch):
    path = written(tmp_path, taught(Shapes((3, 40, 44), 5, 4)), {})
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "policies.exported")
    with pytest.raises(UserError, match=r'needs the package onnxruntime; pip install "twinarm\[onnx\]"'):
        load_network(path)


def test_the_command_writes_once_and_the_file_runs(tmp_path, capsys):
    net = taught(shapes_for(Spaces(SPACES, Arm.from_facts())))
    source, output = tmp_path / "policy.safetensors", tmp_path / "policy.onnx"
    save_policy(net, source, write_notes(Notes(SPACES, 10.0, 0, "")))
    command = ["onnx", str(source), "--output", str(output)]
    assert main(command) == 0 and "actions within" in capsys.readouterr().err
    before = output.read_bytes()
    assert main(command) == 2 and "exists already" in capsys.readouterr().err
    assert output.read_bytes() == before and not list(tmp_path.glob("*.part"))
    assert main(["onnx", str(source), "--output", str(tmp_path / "policy.bin")]) == 2
    capsys.readouterr()
    short = ["--config", "lift_fast.yaml", "--curriculum-stage", "home", "--set", "task.limit_steps=4", "--json"]
    seen = {}
    for path in (source, output):
        assert main(["run", str(path), "--robot", "sim", *short]) == 0
        seen[path] = json.loads(capsys.readouterr().out)
    assert seen[source]["success"] == seen[output]["success"]
