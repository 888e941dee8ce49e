"""Policies by name: a script, nobody, or the network in a file."""

from functools import partial
from pathlib import Path

import torch

from control.arm import Arm
from control.errors import CheckpointError, UserError
from control.interfaces import Policy, Robot
from policies.behaviours import Blind
from policies.learned import LearnedPolicy, Notes, read_notes, require_calibration, require_fit
from policies.networks import load_network
from policies.remote import DEADLINE_S, PATIENCE_S, RemotePolicy
from policies.repeat import Repeat
from policies.spaces import Spaces
from tools.robots import REMOTE
from training.examination import Player
from training.learner import BEST
from training.settings import TrainConfig
from training.teachers import SCRIPTS, Teacher

UNTAUGHT = ("zero", "random")


def player(name: str, config: TrainConfig, robot: Robot, any_calibration: bool = False) -> Player:
    """Who plays each episode.

    Raises:
        CheckpointError: the file is no policy, or does not fit the robot.
        UserError: there is no such policy.
    """
    return played(name, config, robot, any_calibration)[0]


def played(
    name: str, config: TrainConfig, robot: Robot, any_calibration: bool, ahead: bool = False
) -> tuple[Player, Notes | None]:
    """Who plays, and what it was trained for if it was. Raises as `player`.

    Args:
        ahead: whether a served policy is asked ahead of the steps.
    """
    arm = Arm.of(config.robot.model)
    if name in SCRIPTS:
        return partial(Teacher.of(config, name), robot), None
    if name in UNTAUGHT:
        return partial(Blind, Spaces(config.spaces, arm), 1.0 if name == "random" else 0.0), None
    policy, notes = _served(name, arm, robot, ahead) if name.startswith(REMOTE) else _loaded(name, arm)
    try:
        require_fit(notes, robot.spec, name)
        if not any_calibration:
            require_calibration(notes, robot.spec, name)
    except CheckpointError:
        if isinstance(policy, RemotePolicy):
            policy.close()
        raise
    return lambda seed: policy, notes


def _loaded(name: str, arm: Arm) -> tuple[Policy, Notes]:
    path = policy_file(name)
    torch.set_num_threads(1)  # a second waits for whoever shares the cores: on an arm's clock, longer than it works
    network, header = load_network(path)
    notes = read_notes(path, header)
    spaces = Spaces(notes.spaces, arm)
    return Repeat(LearnedPolicy(network, spaces), spaces), notes


def _served(endpoint: str, arm: Arm, robot: Robot, ahead: bool) -> tuple[Policy, Notes]:
    # A simulator waits for its next command; an arm does not. What is asked ahead keeps nobody waiting.
    policy = RemotePolicy(endpoint, arm, PATIENCE_S if robot.spec.plant or ahead else DEADLINE_S, ahead)
    return policy, policy.card.notes


def policy_file(name: str) -> Path:
    """The file of a run's policy, or the one named. Raises UserError where there is none."""
    if name in (*SCRIPTS, *UNTAUGHT):
        raise UserError(f"{name} has no file; name a run, a policy.safetensors or .onnx")
    path = Path(name)
    path = path / BEST if path.is_dir() else path
    if not path.is_file():
        others = ", ".join((*SCRIPTS, *UNTAUGHT))
        made = "make run or twinarm train makes one"
        raise UserError(f"no policy at {name} ({made}); name a run, a policy.safetensors or .onnx, or {others}")
    return path
