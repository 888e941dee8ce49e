"""What passes between a served policy and whoever asks it: its card at hello, then observations and actions."""

from dataclasses import dataclass

import msgspec

from control import wire
from control.errors import LinkError
from control.forms import FLAG, INTEGER, NUMBER, TEXT, Form, record, row
from control.types import Observation
from policies.learned import Notes

LARGEST_LOOK = 2 * 1024 * 1024  # bytes of a question: a picture of 640x480, and what the arm feels


@dataclass(frozen=True)
class Card:
    """What a served policy is."""

    name: str
    notes: Notes


@dataclass(frozen=True)
class Look:
    """What it is asked about."""

    seen: Observation
    first: bool  # of an episode: what was seen before does not count


@dataclass(frozen=True)
class Act:
    """What it answers to an observation."""

    actions: tuple[tuple[float, ...], ...]  # one for each of the next control steps, in the policy's spaces
    answers: int  # Observation.seq
    age_s: float  # of the picture it acted on, when this was sent
    inferred_s: float
    together: int  # observations that were answered at once


@dataclass(frozen=True)
class _Text:
    name: str
    notes: str


_CARD = record(_Text, name=TEXT, notes=TEXT)
ACT = record(Act, actions=row(row(NUMBER)), answers=INTEGER, age_s=NUMBER, inferred_s=NUMBER, together=INTEGER)


def write_card(card: Card) -> object:
    """The body of a policy's answer to hello."""
    return _CARD.write(_Text(card.name, msgspec.json.encode(card.notes).decode()))


def read_card(body: object) -> Card:
    """Raises LinkError where whoever answered is no policy."""
    try:
        text = _CARD.read(body)
        return Card(text.name, msgspec.json.decode(text.notes, type=Notes))
    except (LinkError, msgspec.MsgspecError):
        raise LinkError("what answers there is no policy; is that the endpoint of a robot?") from None


def look_form(notes: Notes) -> Form:
    """How a look travels to this policy: with the picture of its camera alone."""
    px = notes.spaces.camera_px
    return record(Look, seen=wire.answers({notes.spaces.camera: ((px, px), (px, px))})["observe"], first=FLAG)
