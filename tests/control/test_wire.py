"""The codec, with literal bytes, round trips and anything that hypothesis can think of. No sockets."""

import contextlib
import dataclasses
import hashlib

import msgpack
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from control import errors, wire
from control.errors import CommandRefused, LinkError, UserError, VersionMismatch
from control.types import (
    JOINTS,
    Command,
    Frame,
    Health,
    Observation,
    PictureRequest,
    ResetRequest,
    RobotSpec,
    Spawn,
    Truth,
)

CAMERAS = {"wrist_cam": ((480, 640), (8, 6)), "front": ((48, 64), (4, 4))}
ANSWERS = wire.answers(CAMERAS)
SESSION, BOOT = bytes(range(16)), bytes(range(16, 32))

finite = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(max_size=40)
joint_vectors = arrays(np.float64, len(JOINTS), elements=finite)
ranges = st.tuples(finite, finite)
actions = st.lists(finite, max_size=8).map(tuple)


def vectors(length: int) -> st.SearchStrategy:
    return arrays(np.float64, length, elements=finite)


def pictures(height: int, width: int) -> st.SearchStrategy:
    return st.builds(Frame, arrays(np.uint8, (height, width, 3)), finite)


specs = st.builds(
    RobotSpec,
    joints=st.just(JOINTS),
    lower_rad=arrays(np.float64, len(JOINTS), elements=st.floats(-4, -1)),
    upper_rad=arrays(np.float64, len(JOINTS), elements=st.floats(1, 4)),
    speed_rad_s=joint_vectors,
    accel_rad_s2=joint_vectors,
    hz=st.floats(1, 100),
    cameras=st.dictionaries(texts, st.just(((480, 640), (84, 84))), max_size=3),
    profile=texts,
    calibration=texts,
    scene_cameras=st.lists(texts, max_size=3).map(tuple),
    plant=st.dictionaries(texts, st.none() | st.booleans() | integers | finite | texts, max_size=4),
)
observations = st.builds(
    Observation,
    seq=integers,
    stamp_s=finite,
    joints_rad=joint_vectors,
    speed_rad_s=joint_vectors,
    load=joint_vectors,
    target_rad=joint_vectors,
    limited=st.booleans(),
    frames=st.fixed_dictionaries({name: pictures(*policy) for name, (_, policy) in CAMERAS.items()}),
)
commands = st.builds(Command, joint_vectors, integers, ttl_s=st.floats(1e-3, 1e3), action=actions, label=actions)
picture_requests = st.builds(PictureRequest, texts, st.integers(1, 480), st.integers(1, 640))
resets = st.builds(ResetRequest, texts, st.integers(0, 2**63 - 1), st.builds(Spawn, ranges, ranges, ranges))
healths = st.builds(
    Health,
    state=texts,
    volts=st.floats(),
    temperature_c=arrays(np.float64, len(JOINTS), elements=st.floats()),
    errors=st.lists(texts, max_size=4).map(tuple),
    bus_success=st.floats(),
    late_ticks=integers,
    worst_late_s=st.floats(),
    counters=st.dictionaries(texts, integers, max_size=4),
)
truths = st.builds(Truth, vectors(3), vectors(4), vectors(3), vectors(3), st.tuples(st.booleans(), st.booleans()))


def same(one: object, other: object) -> bool:
    """Equal to the bit, through dataclasses, arrays, mappings and nan."""
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, tuple):
        return type(other) is tuple and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or one != one)


def travelled(kind: str, form: wire.Form, value: object) -> object:
    """`value` after the wire."""
    message = wire.unpack(wire.pack(kind, SESSION, 7, BOOT, form.write(value)))
    assert message[:5] == (wire.VERSION, kind, SESSION, 7, BOOT)
    return form.read(message.body)


@pytest.mark.parametrize(
    "kind, form, values",
    [
        ("hello", wire.SPEC, specs),
        ("reset", wire.RESET, resets),
        ("step", wire.COMMAND, commands),
        ("step", ANSWERS["step"], observations),
        ("health", wire.HEALTH, healths),
        ("truth", ANSWERS["truth"], st.none() | truths),
        ("picture", wire.ASKS["picture"], picture_requests),
        ("picture", ANSWERS["picture"], arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))),
    ],
    ids=["spec", "reset", "command", "observation", "health", "truth", "request", "picture"],
)
def test_every_type_survives_the_wire_to_the_bit(kind, form, values):
    @given(values)
    def check(value):
        assert same(value, travelled(kind, form, value))

    check()


def test_arrays_arrive_read_only():
    seen = travelled("step", ANSWERS["step"], an_observation())
    for array in (seen.joints_rad, seen.target_rad, seen.frames["front"].rgb):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_picture_that_is_a_view_of_a_larger_one_arrives_whole():
    large = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    cropped = Frame(large[:, 3:9], 0.5)
    seen = dataclasses.replace(an_observation(), frames=an_observation().frames | {"wrist_cam": cropped})
    assert same(seen.frames["wrist_cam"], travelled("step", ANSWERS["step"], seen).frames["wrist_cam"])


def an_observation() -> Observation:
    frames = {name: Frame(np.full((*policy, 3), 9, np.uint8), 2.5) for name, (_, policy) in CAMERAS.items()}
    return Observation(41, 2.5, *(np.full(len(JOINTS), value) for value in (0.1, 0.2, 0.3, 0.4)), True, frames)


def a_command() -> Command:
    return Command(np.linspace(-1, 1, len(JOINTS)), answers=41, action=(0.5, -0.5))


def test_a_halt_is_these_bytes():
    literal = bytes.fromhex("96 02 a4 68616c74 c410 000102030405060708090a0b0c0d0e0f 07") + bytes.fromhex(
        "c410 101112131415161718191a1b1c1d1e1f c0"
    )
    assert wire.pack("halt", SESSION, 7, BOOT, None) == literal
    assert wire.unpack(literal) == wire.Message(2, "halt", SESSION, 7, BOOT, None)


# Whatever arrives

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=60),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=6),
    max_leaves=12,
)
FORMS = {f"ask {kind}": form for kind, form in wire.ASKS.items()} | {f"answer {k}": form for k, form in ANSWERS.items()}


def opened(data: bytes) -> None:
    """Everything either side ever does with bytes from the other."""
    message = wire.unpack(data)
    if message.kind == "error":
        wire.read_error(message.body)
    else:
        for form in (wire.ASKS[message.kind], ANSWERS[message.kind]):
            form.read(message.body)


@given(st.binary(max_size=400))
@example(b"")
@example(b"\xc1")
@example(b"\x91" * 4096)  # lists in lists
@example(b"\xdd\xff\xff\xff\xff")  # a list of four thousand million
@example(b"\xc7\x00\xff")  # an empty timestamp
@example(b"\xd7\xff" + b"\xff" * 8)  # a timestamp
@example(b"\xa2\xff\xfe")  # text that is not UTF-8
@example(b"\x81\x90\x01")  # a list as key
def test_any_bytes_are_a_message_or_a_link_error(data):
    with pytest.raises((LinkError, CommandRefused)):
        opened(data)


@given(plain)
@pytest.mark.parametrize("name", FORMS)
def test_any_body_is_a_value_or_a_refusal(name, body):
    with contextlib.suppress(LinkError, CommandRefused):
        FORMS[name].read(body)


@given(st.data())
@pytest.mark.parametrize("kind", ["reset", "step", "health", "truth", "hello"])
def test_a_damaged_message_is_a_value_or_a_refusal(kind, data):
    values = {
        "reset": (wire.RESET, ResetRequest("near", 3)),
        "step": (wire.COMMAND, a_command()),
        "health": (wire.HEALTH, Health("active", 7.4, np.ones(len(JOINTS)), ("hot",), 1.0, 0, 0.0, {"ticks": 1})),
        "truth": (wire.TRUTH, Truth(np.ones(3), np.ones(4), np.ones(3), np.ones(3), (True, False))),
        "hello": (wire.SPEC, a_spec()),
    }
    form, value = values[kind]
    wire_bytes = bytearray(wire.pack(kind, SESSION, 7, BOOT, form.write(value)))
    for _ in range(data.draw(st.integers(1, 4))):
        wire_bytes[data.draw(st.integers(0, len(wire_bytes) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(LinkError, CommandRefused):
        opened(bytes(wire_bytes[: data.draw(st.integers(0, len(wire_bytes)))]))


def a_spec() -> RobotSpec:
    return RobotSpec(
        JOINTS, *(np.full(6, value) for value in (-1.0, 1.0, 1.5, 10.0)), 10.0, CAMERAS, "measured", "exact"
    )


def with_field(form: wire.Form, value: object, path: tuple[str, ...], new: object) -> dict:
    body = msgpack.unpackb(msgpack.packb(form.write(value)))
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return body


@pytest.mark.parametrize(
    "form, value, path, new, complaint",
    [
        (wire.COMMAND, a_command(), ("answers",), 1.0, "answers: expected an integer, got float 1.0"),
        (wire.COMMAND, a_command(), ("answers",), True, "answers: expected an integer, got bool True"),
        (wire.COMMAND, a_command(), ("ttl_s",), float("nan"), "ttl_s: expected a finite float"),
        (wire.COMMAND, a_command(), ("ttl_s",), float("inf"), "ttl_s: expected a finite float"),
        (wire.COMMAND, a_command(), ("target_rad",), b"\0" * 40, r"target_rad: expected float64\[6\]"),
        (wire.COMMAND, a_command(), ("target_rad",), [0.0] * 6, r"target_rad: expected float64\[6\]"),
        (wire.COMMAND, a_command(), ("action",), ["0"], "action: expected a finite float, got str '0'"),
        (wire.COMMAND, a_command(), ("torque",), 1, "expected a map of target_rad, answers, ttl_s, action, label"),
        (wire.RESET, ResetRequest(), ("spawn", "x_m"), [0.1], "spawn: x_m: expected"),
        (wire.RESET, ResetRequest(), ("stage",), None, "stage: expected text, got NoneType"),
        (wire.SPEC, a_spec(), ("hz",), 1e6, "hz must be between 1 and 100"),
        (wire.SPEC, a_spec(), ("plant",), {"hz": [10]}, "plant: expected a setting, got list"),
        (wire.SPEC, a_spec(), ("plant",), {"hz": float("nan")}, "plant: expected a setting, got float nan"),
        (wire.SPEC, a_spec(), ("cameras", "front"), [[48, 64], [0, 4]], "cameras: expected a size, got int 0"),
        (ANSWERS["step"], an_observation(), ("frames", "front"), [b"", 0.0], r"expected \[uint8\[4, 4, 3\], stamp\]"),
        (ANSWERS["step"], an_observation(), ("frames", "back"), [b"\0" * 48, 0.0], "frames: expected frames of"),
        (ANSWERS["step"], an_observation(), ("load",), np.full(6, np.nan).tobytes(), "load must be finite"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(form, value, path, new, complaint):
    with pytest.raises(LinkError, match=complaint):
        form.read(with_field(form, value, path, new))


@pytest.mark.parametrize("form", [wire.SPEC, wire.RESET, wire.COMMAND, wire.HEALTH, wire.TRUTH, ANSWERS["step"]])
def test_a_missing_key_is_refused(form):
    with pytest.raises(LinkError, match="expected a map of"):
        form.read({})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_is_refused_at_birth(value):
    target = np.zeros(len(JOINTS))
    target[2] = value
    body = with_field(wire.COMMAND, a_command(), ("target_rad",), target.tobytes())
    with pytest.raises(CommandRefused, match="target_rad must be finite.*nothing was moved"):
        wire.COMMAND.read(body)


@pytest.mark.parametrize(
    "fields, complaint",
    [
        ([2], "a message has 6 fields, got 1"),
        ([2, "dance", SESSION, 1, BOOT, None], "no message is of kind 'dance'"),
        ([2, ["halt"], SESSION, 1, BOOT, None], "no message is of kind"),
        ([2, "halt", SESSION[:15], 1, BOOT, None], "session must be 16 bytes"),
        ([2, "halt", SESSION, -1, BOOT, None], "seq must be a count"),
        ([2, "halt", SESSION, True, BOOT, None], "seq must be a count"),
        ([2, "halt", SESSION, 1, "0123456789abcdef", None], "boot must be 16 bytes"),
        ({"version": 1}, "no list of version, kind"),
        ([2, "step", SESSION, 1, BOOT, "x" * 1025], "1025 exceeds max_str_len"),
        ([2, "step", SESSION, 1, BOOT, [0] * 65], "65 exceeds max_array_len"),
        ([2, "step", SESSION, 1, BOOT, {str(i): i for i in range(65)}], "65 exceeds max_map_len"),
        ([2, "step", SESSION, 1, BOOT, msgpack.ExtType(5, b"code")], "exceeds max_ext_len"),
    ],
)  # fmt: skip
def test_an_envelope_that_is_not_ours_is_refused(fields, complaint):
    with pytest.raises(LinkError, match=complaint):
        wire.unpack(msgpack.packb(fields))


def test_another_version_is_named_whatever_else_it_changed():
    with pytest.raises(VersionMismatch, match="speaks wire version 3, this side version 2; install the same twinarm"):
        wire.unpack(msgpack.packb([3, {"anything": 1}]))


def test_another_schema_is_named_beside_ours():
    theirs = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(VersionMismatch) as caught:
        wire.greeted({"schema": theirs, "client": "a test"})
    assert theirs[:12] in str(caught.value) and wire.SCHEMA[:12] in str(caught.value)


@pytest.mark.parametrize("kind", [RobotSpec, ResetRequest, Spawn, Command, Observation, Health, Truth, PictureRequest])
def test_the_schema_covers_every_field_of_every_type(kind):
    forms = [*wire.ASKS.values(), *ANSWERS.values()]
    described = next(form.name for form in forms if f"{kind.__name__}{{" in form.name)
    inside = described.partition(f"{kind.__name__}{{")[2]
    for field in dataclasses.fields(kind):
        assert f"{field.name}: " in inside


def test_a_reply_too_large_for_the_wire_is_refused_where_it_is_made():
    with pytest.raises(LinkError, match="takes 4194353 bytes, more than 4194304"):
        wire.pack("step", SESSION, 1, BOOT, bytes(wire.LARGEST_ANSWER))


@pytest.mark.parametrize("body", [2**70, {1, 2}, np.int64(3)])
def test_a_value_no_message_can_carry_is_refused_where_it_is_packed(body):
    with pytest.raises(LinkError, match="holds what no message can carry"):
        wire.pack("step", SESSION, 1, BOOT, body)


@pytest.mark.parametrize("height, width", [(481, 64), (48, 641), (0, 64), (48, -1), (2**40, 2**40)])
def test_a_picture_of_any_other_size_is_refused_before_it_is_drawn(height, width):
    with pytest.raises(CommandRefused, match="1x1 to 480x640"):
        wire.ASKS["picture"].read({"camera": "front", "height": height, "width": width})


@pytest.mark.parametrize("body", [[2, 2, bytes(11)], [2, 2], [0, 2, b""], [2, 2.0, bytes(12)], [2, 2, "text"], None])
def test_a_picture_that_is_not_what_it_says_is_refused(body):
    with pytest.raises(LinkError):
        ANSWERS["picture"].read(body)


def test_frames_of_another_size_are_refused_where_they_are_written():
    seen = dataclasses.replace(an_observation(), frames={"front": Frame(np.zeros((5, 4, 3), np.uint8), 0.0)})
    with pytest.raises(LinkError, match=r"expected frames of .*'front': \(4, 4\).*got dict"):
        ANSWERS["step"].write(seen)


@pytest.mark.parametrize(
    "error, kind",
    [
        (CommandRefused("too far"), CommandRefused),
        (UserError("no stage nowhere"), UserError),
        (errors.PeerRestarted("gone"), errors.PeerRestarted),
        (type("OverHeated", (errors.TwinarmError,), {})("61 degrees"), errors.TwinarmError),
    ],
)
def test_an_error_is_of_the_same_class_at_the_other_end(error, kind):
    twin = wire.read_error(msgpack.unpackb(msgpack.packb(wire.write_error(error))))
    assert type(twin) is kind and str(twin) == str(error)


@pytest.mark.parametrize("code", ["SystemExit", "ValueError", "__doc__", "nothing"])
def test_an_error_of_unknown_kind_is_a_link_error(code):
    with pytest.raises(LinkError, match="unknown kind"):
        wire.read_error([code, "boo"])
