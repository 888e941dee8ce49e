"""How one value travels: a Form turns it into plain msgpack values and back, and has a name for the schema.

Reading refuses anything but the exact form, with a LinkError that names the field. Nothing here knows a message.
"""

import math
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from control.errors import LinkError
from control.pictures import squeezed, unsqueezed
from control.types import Frame

LONGEST_TEXT = 1024
Turn = Callable[[Any], Any]


@dataclass(frozen=True)
class Form:
    """One kind of value: its name, value -> plain, plain -> value."""

    name: str
    write: Turn
    read: Turn


def _expect(ok: bool, wanted: str, value: object) -> None:
    if not ok:
        raise LinkError(f"expected {wanted}, got {type(value).__name__} {repr(value)[:60]}")


def scalar(name: str, kind: type[Any], write: Turn, low: float = -math.inf, high: float = math.inf) -> Form:
    """A value of exactly `kind`, between low and high; nan lies between no two numbers."""

    def read(value: Any) -> Any:
        if type(value) is kind and low <= value <= high:
            return value
        raise LinkError(f"expected {name}, got {type(value).__name__} {repr(value)[:60]}")

    return Form(name, write, read)


def _read_reading(value: Any) -> Any:
    _expect(type(value) is float, "a float", value)
    return value


def _read_text(value: Any) -> Any:
    _expect(type(value) is str, "text", value)
    return value


def _read_nothing(value: Any) -> None:
    _expect(value is None, "nothing", value)


NOTHING = Form("nothing", _read_nothing, _read_nothing)
INTEGER = scalar("an integer", int, operator.index)
SIZE = scalar("a size", int, operator.index, 1, 8192)
FLAG = scalar("a flag", bool, bool)
NUMBER = scalar("a finite float", float, float, -sys.float_info.max, sys.float_info.max)
READING = Form("a float", float, _read_reading)  # nan where there is no sensor
TEXT = Form("text", lambda value: str(value)[:LONGEST_TEXT], _read_text)


def _read_setting(value: Any) -> Any:
    kind = type(value)
    _expect(kind in (str, int, bool, type(None)) or (kind is float and math.isfinite(value)), "a setting", value)
    return value


SETTING = Form("text, a number, a flag or nothing", lambda value: value, _read_setting)


def vector(length: int) -> Form:
    """A float64 array of shape (length,); the type that it becomes part of checks that it is finite."""
    name = f"float64[{length}]"

    def read(value: Any) -> np.ndarray:
        _expect(type(value) is bytes and len(value) == 8 * length, name, value)
        return np.ndarray(length, np.float64, value)

    return Form(name, np.ndarray.tobytes, read)


def row(item: Form, length: int | None = None) -> Form:
    """A tuple of `item`: `length` of them, or any number."""
    name = f"[{item.name} x {length or 'any'}]"

    def read(value: Any) -> tuple[Any, ...]:
        _expect(type(value) is list and (length is None or len(value) == length), name, value)
        return tuple(map(item.read, value))

    return Form(name, lambda value: list(map(item.write, value)), read)


def table(item: Form) -> Form:
    """A mapping from text to `item`."""
    name = f"{{text: {item.name}}}"

    def read(value: Any) -> dict[str, Any]:
        _expect(type(value) is dict, name, value)
        return {_read_text(key): item.read(each) for key, each in value.items()}

    return Form(name, lambda value: {TEXT.write(key): item.write(each) for key, each in value.items()}, read)


def record(kind: type, **fields: Form) -> Form:
    """A class with these fields; reading refuses unknown and missing keys, and what the class itself refuses."""
    writers = [(name, form.write) for name, form in fields.items()]
    readers = [(name, form.read) for name, form in fields.items()]
    wanted = f"a map of {', '.join(fields)}"

    def write(value: Any) -> dict[str, Any]:
        return {name: put(getattr(value, name)) for name, put in writers}

    def read(body: Any) -> Any:
        _expect(type(body) is dict and body.keys() == fields.keys(), wanted, body)
        values, name = {}, kind.__name__
        try:
            for name, take in readers:
                values[name] = take(body[name])
            return kind(**values)
        except (ValueError, LinkError) as error:
            raise LinkError(f"{name}: {error}") from None

    described = ", ".join(f"{name}: {form.name}" for name, form in fields.items())
    return Form(f"{kind.__name__}{{{described}}}", write, read)


def choice(members: tuple[StrEnum, ...]) -> Form:
    """One of these members, as text."""
    known = {str(member): member for member in members}
    name = f"one of {', '.join(known)}"

    def read(value: Any) -> Any:
        _expect(type(value) is str and value in known, name, value)
        return known[value]

    return Form(name, str, read)


def maybe(form: Form) -> Form:
    """What `form` carries, or None."""
    return Form(
        f"{form.name} or nothing",
        lambda value: None if value is None else form.write(value),
        lambda value: None if value is None else form.read(value),
    )


def frames(sizes: Mapping[str, tuple[int, int]], jpeg: bool = False) -> Form:
    """One Frame for each camera in `sizes`, uint8 (H, W, 3) of the (H, W) given there; as it is, or as JPEG."""
    wanted = f"frames of {dict(sizes)}"
    pictures = [(name, _squeezed(*size) if jpeg else _picture(*size)) for name, size in sizes.items()]

    def write(value: Mapping[str, Frame]) -> dict[str, Any]:
        _expect({name: frame.rgb.shape[:2] for name, frame in value.items()} == sizes, wanted, value)
        if jpeg:
            return {name: [squeezed(frame.rgb), float(frame.stamp_s)] for name, frame in value.items()}
        return {name: [np.ascontiguousarray(frame.rgb).data, float(frame.stamp_s)] for name, frame in value.items()}

    def read(value: Any) -> dict[str, Frame]:
        _expect(type(value) is dict and value.keys() == sizes.keys(), wanted, value)
        return {name: read_one(value[name]) for name, read_one in pictures}

    return Form("{camera: [uint8[H, W, 3] or its JPEG, a finite float]}", write, read)


def _read_picture(value: Any) -> np.ndarray:
    _expect(type(value) is list and len(value) == 3, "[height, width, pixels]", value)
    shape = SIZE.read(value[0]), SIZE.read(value[1]), 3
    _expect(type(value[2]) is bytes and len(value[2]) == math.prod(shape), f"uint8{list(shape)}", value[2])
    return np.ndarray(shape, np.uint8, value[2])


PICTURE = Form(
    "[height, width, uint8[height, width, 3]]",
    lambda rgb: [*rgb.shape[:2], np.ascontiguousarray(rgb).data],
    _read_picture,
)


def _picture(height: int, width: int) -> Callable[[Any], Frame]:
    shape = height, width, 3
    wanted, nbytes = f"[uint8{list(shape)}, stamp]", math.prod(shape)

    def read(value: Any) -> Frame:
        _expect(type(value) is list and len(value) == 2, wanted, value)
        pixels, stamp_s = value
        _expect(type(pixels) is bytes and len(pixels) == nbytes, wanted, pixels)
        return Frame(np.ndarray(shape, np.uint8, pixels), NUMBER.read(stamp_s))

    return read


def _squeezed(height: int, width: int) -> Callable[[Any], Frame]:
    wanted = f"[a JPEG of {height}x{width}, stamp]"

    def read(value: Any) -> Frame:
        _expect(type(value) is list and len(value) == 2 and type(value[0]) is bytes, wanted, value)
        return Frame(unsqueezed(value[0], height, width), NUMBER.read(value[1]))

    return read
