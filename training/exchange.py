"""What passes between an actor, beside its robot, and a learner elsewhere: at hello what the run is, then episodes one
way and weights the other. Plain forms and safetensors, capped in size; nothing here knows a socket.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from control import wire
from control.errors import LinkError
from control.forms import FLAG, INTEGER, NUMBER, TEXT, Form, choice, maybe, record, row, table
from control.loop import Step
from control.types import Command, Observation, Truth, Verdict, Who
from policies.learned import Notes
from policies.spaces import SpacesConfig
from training.settings import TrainConfig

LARGEST_PIECE = 2 * 1024 * 1024  # bytes of a question
TOGETHER = 32  # steps of a piece, where their pictures are small
SLICE, LARGEST_WEIGHTS = 1024 * 1024, 64 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class Card:
    """What a learner says of its run."""

    config: TrainConfig
    notes: Notes


@dataclass(frozen=True)
class Moment:
    """What is seen, and what is true where somebody knows it."""

    seen: Observation
    truth: Truth | None


@dataclass(frozen=True)
class Stride:
    """One control step from the moment before it."""

    command: Command
    after: Moment
    verdict: Verdict


@dataclass(frozen=True)
class Piece:
    """Some steps of an episode that is over."""

    key: str  # of the episode, drawn by who lived through it: one that comes twice is known
    seed: int
    calibration: str
    first: int  # step of the episode that this piece begins with
    start: Moment | None  # before the first step; in an episode's first piece alone
    strides: tuple[Stride, ...]
    last: bool


@dataclass(frozen=True)
class Lived:
    """An episode that is over."""

    key: str
    seed: int
    calibration: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Want:
    """The newest weights, unless they are these; or where these are half here, their rest."""

    version: int  # 0: none
    offset: int  # bytes that are here


@dataclass(frozen=True)
class Slice:
    """A part of some weights, from the offset that was asked for, or from 0 where they are others."""

    version: int  # 0 while there are none
    size: int  # bytes of all parts
    data: bytes
    step: int  # decisions behind the learner
    enough: bool  # the run is over


def _read_data(value: Any) -> bytes:
    if type(value) is not bytes or len(value) > SLICE:
        raise LinkError(f"expected at most {SLICE} bytes, got {type(value).__name__}")
    return value


DATA = Form("bytes", bytes, _read_data)
VERDICT = record(Verdict, reward=NUMBER, discount=NUMBER, success=FLAG, terms=table(NUMBER))
COMMAND = record(
    Command,
    target_rad=wire.J,
    answers=INTEGER,
    ttl_s=NUMBER,
    action=row(NUMBER),
    label=row(NUMBER),
    who=choice(tuple(Who)),
)
WANT = record(Want, version=INTEGER, offset=INTEGER)
PART = record(Slice, version=INTEGER, size=INTEGER, data=DATA, step=INTEGER, enough=FLAG)


def piece_form(spaces: SpacesConfig) -> Form:
    """How a piece travels: with the pictures of the policy's camera alone."""
    px = spaces.camera_px
    seen = wire.answers({spaces.camera: ((px, px), (px, px))})["observe"]
    moment = record(Moment, seen=seen, truth=maybe(wire.TRUTH))
    stride = record(Stride, command=COMMAND, after=moment, verdict=VERDICT)
    return record(
        Piece,
        key=TEXT,
        seed=INTEGER,
        calibration=TEXT,
        first=INTEGER,
        start=maybe(moment),
        strides=row(stride),
        last=FLAG,
    )


def write_card(card: Card) -> object:
    """The body of a learner's answer to hello."""
    return [msgspec.json.encode(card.config), msgspec.json.encode(card.notes)]


def read_card(body: object) -> Card:
    """Raises LinkError where whoever answered is no learner."""
    try:
        config, notes = row(DATA, 2).read(body)
        return Card(msgspec.json.decode(config, type=TrainConfig), msgspec.json.decode(notes, type=Notes))
    except (LinkError, msgspec.MsgspecError):
        raise LinkError("what answers there is no learner; is that the endpoint of a robot or a policy?") from None


def pieces(lived: Lived, spaces: SpacesConfig) -> Iterator[Piece]:
    """An episode in parts that fit into a question."""
    together = max(1, min(TOGETHER, LARGEST_PIECE // (4 * spaces.camera_px**2)))
    steps = lived.steps
    for first in range(0, len(steps), together):
        part = steps[first : first + together]
        start = None if first else Moment(_seen(steps[0].before, spaces), steps[0].truth_before)
        strides = tuple(Stride(s.command, Moment(_seen(s.after, spaces), s.truth), s.verdict) for s in part)
        last = first + together >= len(steps)
        yield Piece(lived.key, lived.seed, lived.calibration, first, start, strides, last)


def joined(start: Moment, strides: Sequence[Stride]) -> tuple[Step, ...]:
    """The steps again, each beginning where the one before it ended."""
    moments = [start, *(stride.after for stride in strides)]
    return tuple(
        Step(before.seen, before.truth, stride.command, stride.after.seen, stride.after.truth, stride.verdict)
        for before, stride in zip(moments, strides, strict=False)
    )


def _seen(observation: Observation, spaces: SpacesConfig) -> Observation:
    return replace(observation, frames={spaces.camera: observation.frames[spaces.camera]})


def write_weights(tensors: dict[str, Tensor]) -> bytes:
    """Safetensors."""
    return safetensors.torch.save({name: value.contiguous() for name, value in tensors.items()})


def read_weights(data: bytes) -> dict[str, Tensor]:
    """Raises LinkError for bytes that are no weights."""
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        raise LinkError(f"{len(data)} bytes that are no weights: {error}") from None
