"""The wire's bytes: one msgpack frame per message. No sockets and no clocks here.

A message is a list of the fields of `Message`; its body is what the forms of `ASKS` and `answers` make of a value.
Arrays travel as bytes whose dtype and shape both sides know beforehand: joint vectors are float64 (J,), frames uint8
(H, W, 3) of their camera's policy size. Whatever bytes arrive, reading them gives a value, a LinkError or a
CommandRefused.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack

from control import errors
from control.errors import LinkError, TwinarmError, VersionMismatch
from control.forms import (
    FLAG,
    INTEGER,
    LONGEST_TEXT,
    NOTHING,
    NUMBER,
    PICTURE,
    READING,
    SETTING,
    SIZE,
    TEXT,
    Form,
    choice,
    frames,
    maybe,
    record,
    row,
    table,
    vector,
)
from control.modes import SPOKEN
from control.types import (
    JOINTS,
    Command,
    Health,
    Observation,
    PictureRequest,
    ResetRequest,
    RobotSpec,
    Spawn,
    Status,
    Truth,
    Who,
)

VERSION = 2
ID_BYTES = 16
NOBODY = bytes(ID_BYTES)
REMEDY = "install the same twinarm on both sides"
LARGEST_ASK = 4 * 1024
LARGEST_ANSWER = 4 * 1024 * 1024  # three cameras at 640 x 480 are 2.6 MiB


class Message(NamedTuple):
    """The envelope of a question, and of its answer."""

    version: int
    kind: str  # one of KINDS; in an answer the question's, or "error"
    session: bytes  # ID_BYTES, drawn by the client
    seq: int  # of the question; its answer carries the same
    boot: bytes  # ID_BYTES, drawn by the server when it starts; NOBODY in a hello
    body: Any


class Hello(NamedTuple):
    """How a client introduces itself."""

    schema: str
    client: str  # for people: who, where, which process
    jpeg: bool = False  # whether it wants its pictures compressed


J = vector(len(JOINTS))
HELLO = record(Hello, schema=TEXT, client=TEXT, jpeg=FLAG)
RANGE = row(NUMBER, 2)
SPEC = record(
    RobotSpec,
    joints=row(TEXT, len(JOINTS)),
    lower_rad=J,
    upper_rad=J,
    speed_rad_s=J,
    accel_rad_s2=J,
    hz=NUMBER,
    cameras=table(row(row(SIZE, 2), 2)),
    profile=TEXT,
    calibration=TEXT,
    scene_cameras=row(TEXT),
    plant=table(SETTING),
)
SPAWN = record(Spawn, x_m=RANGE, y_m=RANGE, yaw_rad=RANGE)
RESET = record(ResetRequest, stage=TEXT, seed=INTEGER, spawn=SPAWN, wild=row(TEXT))
ACTION, WHO = row(NUMBER), choice(tuple(Who))
COMMAND = record(Command, target_rad=J, answers=INTEGER, ttl_s=NUMBER, action=ACTION, label=ACTION, who=WHO)
HEALTH = record(
    Health,
    state=TEXT,
    volts=READING,
    temperature_c=J,
    errors=row(TEXT),
    bus_success=READING,
    late_ticks=INTEGER,
    worst_late_s=READING,
    counters=table(INTEGER),
)
TRUTH = record(
    Truth,
    cube_m=vector(3),
    cube_quat=vector(4),
    tool_m=vector(3),
    moving_pad_m=vector(3),
    pads_touch=row(FLAG, 2),
)
STATUS = record(Status, driver=TEXT, since=TEXT, age_s=NUMBER)
ASKS: dict[str, Form] = {
    "hello": HELLO,
    "reset": RESET,
    "observe": NOTHING,
    "step": COMMAND,
    "halt": NOTHING,
    "release": NOTHING,  # let somebody else drive
    "say": choice(SPOKEN),
    "health": NOTHING,
    "status": NOTHING,
    "truth": NOTHING,
    "picture": record(PictureRequest, camera=TEXT, height=INTEGER, width=INTEGER),
}


ACT = "act"  # what a policy is asked besides hello: see policies/card.py
LIVED, LEARNED = "lived", "learned"  # what a learner is told and asked: see training/exchange.py
KINDS = (*ASKS, ACT, LIVED, LEARNED)


def answers(cameras: Mapping[str, Any], jpeg: bool = False) -> dict[str, Form]:
    """What the answer to each kind of question carries, for a robot whose spec has these `cameras`."""
    seen = record(
        Observation,
        seq=INTEGER,
        stamp_s=NUMBER,
        joints_rad=J,
        speed_rad_s=J,
        load=J,
        target_rad=J,
        limited=FLAG,
        frames=frames({name: policy for name, (_, policy) in cameras.items()}, jpeg),
    )
    return {
        "hello": SPEC,
        "reset": seen,
        "observe": seen,
        "step": seen,
        "halt": NOTHING,
        "release": NOTHING,
        "say": NOTHING,
        "health": HEALTH,
        "status": STATUS,
        "truth": maybe(TRUTH),
        "picture": PICTURE,
    }


def _schema() -> str:
    """A digest of everything the two sides must agree on."""
    answered = answers({})
    lines = [", ".join(Message._fields), *(f"{kind}: {ASKS[kind].name} -> {answered[kind].name}" for kind in ASKS)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


SCHEMA = _schema()


def pack(kind: str, session: bytes, seq: int, boot: bytes, body: Any) -> bytes:
    """One message's bytes. Raises LinkError for a body that no message can carry."""
    try:
        data: bytes = msgpack.packb((VERSION, kind, session, seq, boot, body))
    except (TypeError, ValueError, OverflowError) as error:
        raise LinkError(f"{kind} holds what no message can carry: {error}") from None
    if len(data) > LARGEST_ANSWER:
        raise LinkError(f"{kind} takes {len(data)} bytes, more than {LARGEST_ANSWER}; lower the cameras' policy size")
    return data


def unpack(data: bytes) -> Message:
    """The message in `data`. Raises VersionMismatch for another version's, LinkError for anything else."""
    try:
        fields = msgpack.unpackb(
            data,
            max_str_len=LONGEST_TEXT,
            max_bin_len=LARGEST_ANSWER,
            max_array_len=64,
            max_map_len=64,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise LinkError(f"{len(data)} bytes that are no message: {error}") from None
    if type(fields) is not list or not fields:
        raise LinkError(f"{len(data)} bytes that are no message: no list of {', '.join(Message._fields)}")
    if fields[0] != VERSION:
        raise VersionMismatch(f"the peer speaks wire version {fields[0]!r:.20}, this side version {VERSION}; {REMEDY}")
    return _checked(fields)


def _checked(fields: list[Any]) -> Message:
    """`fields` as a Message, once every part of the envelope is what it must be."""
    if len(fields) != len(Message._fields):
        raise LinkError(f"a message has {len(Message._fields)} fields, got {len(fields)}")
    message = Message(*fields)
    if type(message.kind) is not str or (message.kind not in KINDS and message.kind != "error"):
        raise LinkError(f"no message is of kind {message.kind!r:.60}; kinds are {', '.join(KINDS)}")
    for name in ("session", "boot"):
        value = getattr(message, name)
        if type(value) is not bytes or len(value) != ID_BYTES:
            raise LinkError(f"{name} must be {ID_BYTES} bytes, got {value!r:.60}")
    if type(message.seq) is not int or message.seq < 0:
        raise LinkError(f"seq must be a count, got {message.seq!r:.60}")
    return message


def greeted(body: Any) -> Hello:
    """Who says hello. Raises VersionMismatch unless it speaks the schema that is spoken here."""
    schema = body.get("schema") if type(body) is dict else body
    if schema != SCHEMA:
        raise VersionMismatch(f"the peer speaks schema {schema!r:.14}, this side '{SCHEMA[:12]}'; {REMEDY}")
    return HELLO.read(body)


def write_error(error: TwinarmError) -> list[str]:
    """The body of an error answer: the nearest announced class, and its message."""
    code = next(kind.__name__ for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return [code, TEXT.write(error)]


def read_error(body: Any) -> TwinarmError:
    """The error in an error answer's body, of the class it had at the peer. Raises LinkError for a malformed body."""
    code, message = row(TEXT, 2).read(body)
    kind = getattr(errors, code, None)
    if not (isinstance(kind, type) and issubclass(kind, TwinarmError)):
        raise LinkError(f"the peer reports an error of unknown kind {code!r:.60}: {message}")
    return kind(message)
