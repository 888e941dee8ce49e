"""A trained network as a policy."""

import json
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from control.arm import Arm
from control.episodes import foreign
from control.errors import CheckpointError
from control.types import JOINTS, Command, Observation, RobotSpec
from policies.actor import Shapes
from policies.networks import Network, load_network
from policies.spaces import Spaces, SpacesConfig

NOTES = "twinarm"
NEAR_RAD = 0.25  # of a start: less than a servo droops and a wild zero is off, together with some


class LearnedPolicy:
    """Stacks the last frames, asks the network, and turns its action into a command."""

    def __init__(self, network: Network, spaces: Spaces):
        self._network, self._spaces = network, spaces
        self.reset()

    @classmethod
    def load(cls, path: Path, arm: Arm) -> Self:
        """The policy that training saved at `path`. Raises CheckpointError where it is none."""
        network, notes = load_network(path)
        config = read_notes(path, notes).spaces
        return cls(network, Spaces(config, arm))

    @property
    def spaces(self) -> Spaces:
        return self._spaces

    def reset(self) -> None:
        self._frames: list[np.ndarray] = []

    def act(self, observation: Observation) -> Command:
        return self._spaces.command(self.action(observation), observation)

    def action(self, observation: Observation) -> np.ndarray:
        """The network's action (A,) in [-1, 1] for this observation and those before it."""
        frame = self._spaces.pixels(observation).transpose(2, 0, 1)
        stack = self._spaces.config.frame_stack
        self._frames = [*(self._frames or [frame] * stack), frame][-stack:]
        return self._network.act(np.concatenate(self._frames), self._spaces.proprio(observation))


def shapes_for(spaces: Spaces) -> Shapes:
    """What a network must take in and give out to act in `spaces`."""
    side = spaces.config.camera_px
    return Shapes((3 * spaces.config.frame_stack, side, side), spaces.proprio_size, spaces.action_size)


class Notes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a checkpoint says of the robot and spaces it was trained on."""

    spaces: SpacesConfig
    hz: float
    steps: int  # environment steps behind it
    config: str  # digest of the training configuration
    calibrations: tuple[str, ...] = ()  # RobotSpec.calibration of every arm that it learned from
    starts_rad: tuple[tuple[float, float], ...] = ()  # (J, 2) lowest and highest angles at which episodes began


def write_notes(notes: Notes) -> dict[str, str]:
    """`notes` as the text that goes into a checkpoint's header."""
    return {NOTES: msgspec.json.encode(notes).decode()}


def read_notes(path: Path, header: dict[str, str]) -> Notes:
    """The notes in a checkpoint's header. Raises CheckpointError where they are missing or of another version."""
    try:
        return msgspec.json.decode(header[NOTES], type=Notes)
    except (KeyError, msgspec.ValidationError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} does not say what it was trained for ({error}); train it again") from None


def notes_of(path: Path) -> Notes:
    """The notes of the policy at `path`. Raises CheckpointError where it is none."""
    return read_notes(path, load_network(path)[1])


def require_fit(notes: Notes, spec: RobotSpec, path: Path | str) -> None:
    """Raises CheckpointError, naming each difference, where a checkpoint was made for another robot."""
    wanted = (notes.spaces.camera_px, notes.spaces.camera_px)
    faults = []
    if notes.hz != spec.hz:
        faults.append(f"it acts at {notes.hz:g} Hz, the robot at {spec.hz:g} Hz")
    if notes.spaces.camera not in spec.cameras:
        faults.append(f"it looks through {notes.spaces.camera}, the robot has {', '.join(spec.cameras)}")
    elif spec.cameras[notes.spaces.camera][1] != wanted:
        faults.append(f"it sees {wanted} pixels, the robot gives {spec.cameras[notes.spaces.camera][1]}")
    if faults:
        raise CheckpointError(
            f"{path} does not fit this robot: {'; '.join(faults)}; start the robot with matching settings"
        )


def require_start(notes: Notes, joints_rad: np.ndarray) -> None:
    """Raises CheckpointError where an arm at `joints_rad` (J,) stands elsewhere than any episode began."""
    for name, angle, (low, high) in zip(JOINTS, joints_rad, notes.starts_rad or [], strict=False):
        off = max(low - angle, angle - high)
        if off > NEAR_RAD:
            raise CheckpointError(
                f"{name} stands {off:.2f} rad beyond where this policy's episodes began ({low:.2f} to {high:.2f}); "
                "bring the arm there first, as a reset does, or say --any-start"
            )


def require_calibration(notes: Notes, spec: RobotSpec, path: Path | str) -> None:
    """Raises CheckpointError for a calibrated robot where a policy learned from calibrated arms, and not from this."""
    if theirs := foreign(notes.calibrations, spec.calibration):
        raise CheckpointError(
            f"{path} learned from an arm with calibration {', '.join(theirs)}, this one has {spec.calibration}: the "
            "same angles are other poses; use that calibration, or say --any-calibration"
        )
