"""Episodes read back from their files, whole or as far as a crash let them be written."""

import io
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import cv2
import msgspec
import numpy as np
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader, breakup_chunk

from control.episodes import OBSERVED, TRUTH, DatasetInfo, Episode, Provenance, labelled
from control.errors import DatasetError
from control.messages import Action, Result, State, plain, to_metadata
from control.recorder import on_disk, open_writer, sync
from control.types import Verdict, Who

T = TypeVar("T")
DAMAGE = (McapError, struct.error, ValueError, OverflowError, msgspec.MsgspecError, KeyError)


class Picture(msgspec.Struct, frozen=True):
    """What is read of a CompressedImage."""

    data: bytes


STATE, ACTION = msgspec.json.Decoder(State), msgspec.json.Decoder(Action)
VERDICT, PICTURE = msgspec.json.Decoder(Verdict), msgspec.json.Decoder(Picture)


class Contents:
    """The records of one file as far as they can be read; `damage` says why reading stopped early, if it did."""

    def __init__(self, path: Path) -> None:
        self.path, self.damage = path, ""
        self.records: list[McapRecord] = []
        try:
            self.records.extend(records(path.read_bytes()))
        except DAMAGE as error:
            self.damage = str(error) or type(error).__name__
        self.metadata = {each.name: each.metadata for each in self.records if isinstance(each, Metadata)}
        topics: dict[int, str] = {}
        for each in self.records:
            if isinstance(each, Channel):
                topics.setdefault(each.id, each.topic)  # the summary repeats them, and no checksum covers it
        self.messages: dict[str, list[bytes]] = defaultdict(list)
        for each in self.records:
            if isinstance(each, Message):
                self.messages[topics.get(each.channel_id, "")].append(each.data)

    @property
    def whole(self) -> bool:
        return not self.damage and "result" in self.metadata

    def steps(self) -> int:
        """Steps of which everything was written; -1 where not even the first observation is there."""
        observed = ["/state", *(topic for topic in self.messages if topic.startswith(("/camera/", "/truth")))]
        ended = min(len(self.messages[topic]) for topic in observed) - 1
        return min(ended, len(self.messages["/action"]), len(self.messages["/verdict"]))

    def end(self, verdict: Verdict) -> None:
        """Put this in the place of the last one."""
        verdicts = {each.id for each in self.records if isinstance(each, Channel) and each.topic == "/verdict"}
        last = [each for each in self.records if isinstance(each, Message) and each.channel_id in verdicts][-1]
        last.data = msgspec.json.encode(verdict, enc_hook=plain)

    def told(self, name: str, kind: type[T]) -> T:
        """The metadata record of that name. Raises DatasetError where it is missing or of another form."""
        return from_metadata(self.path, self.metadata.get(name, {}), kind)


def records(data: bytes) -> Iterator[McapRecord]:
    """Every record of an MCAP file in order, chunks opened. Raises one of DAMAGE where the bytes stop making sense."""
    reader = StreamReader(io.BytesIO(data), emit_chunks=True, validate_crcs=True, record_size_limit=len(data))
    for record in reader.records:
        if not isinstance(record, Chunk):
            yield record
        elif record.compression:
            raise ValueError(f"its chunks are compressed with {record.compression}; a recorder writes them plain")
        else:
            yield from breakup_chunk(record, validate_crc=True)


def from_metadata(path: Path, metadata: dict[str, str], kind: type[T]) -> T:
    try:
        return msgspec.convert({name: msgspec.json.decode(text) for name, text in metadata.items()}, kind)
    except msgspec.MsgspecError as error:
        raise DatasetError(f"{path} does not say what it is ({kind.__name__}: {error})") from None


def load(path: Path) -> Episode:
    """The episode in a finished file. Raises DatasetError where the file is damaged or unfinished."""
    contents = Contents(path)
    if not contents.whole:
        raise DatasetError(f"{path} is damaged ({contents.damage or 'unfinished'}); delete it and record it again")
    try:
        return assemble(contents)
    except (*DAMAGE, cv2.error) as error:
        raise DatasetError(f"{path} is damaged ({error}); delete it and record it again") from None


def assemble(contents: Contents) -> Episode:
    info, result = contents.told("dataset", DatasetInfo), contents.told("result", Result)
    steps, messages = result.steps, contents.messages
    if steps != contents.steps():
        raise ValueError(f"it says {steps} steps and holds {contents.steps()}")
    states = [STATE.decode(data) for data in messages["/state"][: steps + 1]]
    actions = [ACTION.decode(data) for data in messages["/action"][:steps]]
    verdicts = [VERDICT.decode(data) for data in messages["/verdict"][:steps]]
    pictures = {name: messages[f"/camera/{name}"][: steps + 1] for name in info.cameras}
    return Episode(
        info=info,
        provenance=contents.told("provenance", Provenance),
        success=result.success,
        complete=result.complete,
        frames={name: decode_images(data, info.cameras[name]) for name, data in pictures.items()},
        frame_stamp_s={name: np.array([state.frame_stamp_s[name] for state in states]) for name in pictures},
        **{name: np.array([getattr(state, name) for state in states]) for name in OBSERVED},
        answers=np.array([action.answers for action in actions], np.int64),
        requested_rad=table([action.requested_rad for action in actions], len(info.joints)),
        action=table([action.action for action in actions]),
        label=table([action.label for action in actions]),
        by_person=np.array([action.who == Who.PERSON for action in actions], bool),
        reward=np.array([verdict.reward for verdict in verdicts], np.float64),
        discount=np.array([verdict.discount for verdict in verdicts], np.float64),
        step_success=np.array([verdict.success for verdict in verdicts], bool),
        terms=tuple(verdict.terms for verdict in verdicts),
        truth=decode_truth(messages["/truth"][: steps + 1]),
    )


def table(rows: list[list[float]], width: int = 0) -> np.ndarray:
    """(T, width) float64, also where T is 0."""
    return np.array(rows, np.float64).reshape(len(rows), len(rows[0]) if rows else width)


def decode_images(messages: list[bytes], size: tuple[int, int]) -> np.ndarray:
    """(T+1, H, W, 3) uint8, RGB."""
    stack = np.empty((len(messages), *size, 3), np.uint8)
    for row, message in zip(stack, messages, strict=True):
        data = np.frombuffer(PICTURE.decode(message).data, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        if picture is None or picture.shape != row.shape:
            raise ValueError(f"a picture is not {row.shape}")
        row[...] = picture
    return stack


def decode_truth(messages: list[bytes]) -> dict[str, np.ndarray] | None:
    rows = [msgspec.json.decode(message, type=dict[str, list[Any]]) for message in messages]
    return {name: np.array([row[name] for row in rows]) for name in TRUTH} if rows else None


def outcome(path: Path) -> Result:
    """How a finished episode ended, read from the file's index alone. Raises DatasetError where it is damaged."""
    return indexed(path, "result", Result)


def provenance(path: Path) -> Provenance:
    """Where a finished episode comes from, read as `outcome` is."""
    return indexed(path, "provenance", Provenance)


def indexed(path: Path, name: str, kind: type[T]) -> T:
    try:
        with open(path, "rb") as file:
            told = {each.name: each.metadata for each in make_reader(file).iter_metadata()}
    except DAMAGE as error:
        raise DatasetError(f"{path} is damaged ({error}); delete it and record it again") from None
    return from_metadata(path, told.get(name, {}), kind)


def relabel(path: Path, success: bool) -> None:
    """Write a finished file anew with another word on its end, all else byte by byte. A crash leaves either.

    Raises:
        DatasetError: the file is damaged, or the disk is full.
    """
    contents = Contents(path)
    if not contents.whole:
        raise DatasetError(f"{path} is damaged ({contents.damage or 'unfinished'}); delete it and record it again")
    result = msgspec.structs.replace(contents.told("result", Result), success=success)
    contents.end(labelled(success))
    rewrite(contents, result, path)


def salvage(part: Path, target: Path) -> int:
    """Copy what can be read of an unfinished file to `target`, marked incomplete.

    Returns:
        The steps saved; where there are none, no file is written.
    """
    contents = Contents(part)
    steps = contents.steps()
    if steps < 1:
        return 0
    stamps = [STATE.decode(data).stamp_s for data in contents.messages["/state"][: steps + 1]]
    result = Result(success=False, steps=steps, time_s=stamps[-1] - stamps[0], complete=False)
    rewrite(contents, result, target)
    return steps


def rewrite(contents: Contents, result: Result, target: Path) -> None:
    """Put it all into a file of that name, which ends with `result`."""
    new = target.with_name(f"{target.name}.new")
    try:
        with on_disk(new), open(new, "wb") as file:
            copy(contents, result, open_writer(file))
            sync(file)
    except DatasetError:
        new.unlink(missing_ok=True)  # or a full disk would be fuller still
        raise
    new.replace(target)


def copy(contents: Contents, result: Result, writer: Any) -> None:
    """Every message that was read, bytes unchanged, into a file that ends properly."""
    for name, metadata in contents.metadata.items():
        if name != "result":
            writer.add_metadata(name, metadata)
    known = set[tuple[type, int]]()  # a finished file tells them again at its end
    for each in contents.records:
        if isinstance(each, Schema | Channel):
            if (type(each), each.id) in known:
                continue
            known.add((type(each), each.id))
        match each:
            case Schema():
                writer.register_schema(each.name, each.encoding, each.data)
            case Channel():
                writer.register_channel(each.topic, each.message_encoding, each.schema_id)
            case Message():
                writer.add_message(each.channel_id, each.log_time, each.data, each.publish_time, each.sequence)
    writer.flush()
    writer.add_metadata("result", to_metadata(result))
    writer.finish()
