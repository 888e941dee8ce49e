"""One episode streamed into an MCAP file that Foxglove opens: JSON messages with schemas, pictures as CompressedImage.

    metadata dataset, provenance      what the episode is, written first
    /state, /truth, /camera/<name>    one message per observation, at its stamp
    /action                           at the stamp of the observation it was chosen from
    /verdict                          at the stamp of the observation that ended the step
    metadata result                   success, steps, time_s, complete: written last

Stamps and seqs count from the episode's first observation, so whoever records it, and after which others, the file says
the same. While it grows the file is called `<name>.<pid>.part`. Floats are written so that they read back bit by bit.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import msgspec
from mcap.writer import CompressionType, Writer

from control.episodes import DatasetInfo, Provenance
from control.errors import DatasetError
from control.messages import Action, Result, encode_image, json_schema, nanoseconds, plain, since, to_metadata, to_state
from control.types import Command, Observation, Truth, Verdict

CHUNK_S = 1.0  # of the robot's clock: what a crash can cost
SYNC_S = 1.0  # of this machine's clock: what a power cut can cost


class Recorder:
    """Writes one episode: `start`, `add` for each step, `finish`. Closed unfinished, it leaves the `.part`."""

    def __init__(self, path: Path, info: DatasetInfo, provenance: Provenance) -> None:
        """Raises DatasetError where the file cannot be written, here and in every method."""
        self.path, self.info, self.steps = path, info, 0
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self._channels: dict[str, int] = {}
        self._synced_s = time.monotonic()
        with on_disk(self._part):
            self._file = open(self._part, "wb")  # noqa: SIM115  (closed by `finish` or `close`)
            self._writer = open_writer(self._file)
            self._writer.add_metadata("dataset", to_metadata(info))
            self._writer.add_metadata("provenance", to_metadata(provenance))

    def start(self, observation: Observation, truth: Truth | None = None) -> None:
        """The observation after the reset."""
        self._first, self._chunk_s = observation, 0.0
        self._observe(observation, truth)

    def add(self, command: Command, observation: Observation, verdict: Verdict, truth: Truth | None = None) -> None:
        """One step: the command, then the observation (and truth) it led to, and the word on it."""
        executed, meant = list(command.action), list(command.label or command.action)
        action = Action(command.answers - self._first.seq, command.target_rad.tolist(), executed, meant, command.who)
        refuse_nan(executed, meant, [verdict.reward, verdict.discount, *verdict.terms.values()])
        stamp_s = since(self._first, observation.stamp_s)
        with on_disk(self._part):
            self._put("/action", "twinarm.Action", action, self._last_s)
            self._put("/verdict", "twinarm.Verdict", verdict, stamp_s)
            self._observe(observation, truth)
            self.steps += 1
            if stamp_s - self._chunk_s >= CHUNK_S:
                self._chunk_s = stamp_s
                self._flush()

    def finish(self, success: bool) -> Result:
        """Complete the file and give it its name; from here on neither a crash nor a power cut loses it."""
        result = Result(success, self.steps, self._last_s, complete=True)
        with on_disk(self._part):
            self._writer.flush()
            self._writer.add_metadata("result", to_metadata(result))
            self._writer.finish()
            sync(self._file)
            self._file.close()
            os.replace(self._part, self.path)
            incomplete(self.path).unlink(missing_ok=True)
            sync_folder(self.path.parent)
        return result

    def close(self) -> None:
        """Leave the steps so far in the `.part`, unless the episode was finished."""
        if self._file.closed:
            return
        with suppress(OSError), self._file:  # a full disk was announced by the write that met it
            self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _observe(self, observation: Observation, truth: Truth | None) -> None:
        if sizes(observation) != self.info.cameras:
            raise ValueError(f"the dataset's cameras are {self.info.cameras}, the observation's {sizes(observation)}")
        state = to_state(observation, self._first)
        self._last_s = state.stamp_s
        self._put("/state", "twinarm.State", state, state.stamp_s)
        if truth is not None:
            self._put("/truth", "twinarm.Truth", truth, state.stamp_s)
        for name, frame in observation.frames.items():
            image = encode_image(frame.rgb, state.frame_stamp_s[name], name, name in self.info.jpeg)
            self._put(f"/camera/{name}", "foxglove.CompressedImage", image, state.stamp_s)

    def _put(self, topic: str, schema: str, message: Any, stamp_s: float) -> None:
        if topic not in self._channels:
            self._channels[topic] = self._register(topic, schema, message)
        data = msgspec.json.encode(message, enc_hook=plain)
        self._writer.add_message(self._channels[topic], nanoseconds(stamp_s), data, nanoseconds(stamp_s), self.steps)

    def _register(self, topic: str, schema: str, message: Any) -> int:
        example = msgspec.to_builtins(message, builtin_types=(bytes,), enc_hook=plain)
        schema_id = self._writer.register_schema(schema, "jsonschema", msgspec.json.encode(json_schema(example)))
        return self._writer.register_channel(topic, "json", schema_id)

    def _flush(self) -> None:
        self._writer.flush()
        if time.monotonic() - self._synced_s >= SYNC_S:
            sync(self._file)
            self._synced_s = time.monotonic()


def incomplete(path: Path) -> Path:
    """Where the readable part of a recording of `path` is kept that a crash cut short."""
    return path.with_suffix(".incomplete.mcap")


def open_writer(file: Any) -> Writer:
    """An MCAP writer on a binary file, started. Pictures are compressed already, and plain chunks cannot be bombs."""
    writer = Writer(file, compression=CompressionType.NONE, enable_data_crcs=True)
    writer.start(library="twinarm")
    return writer


def sizes(observation: Observation) -> dict[str, tuple[int, ...]]:
    return {name: frame.rgb.shape[:2] for name, frame in observation.frames.items()}


def refuse_nan(*groups: list[float]) -> None:
    if not all(math.isfinite(number) for group in groups for number in group):
        raise ValueError(f"actions and rewards must be finite, got {groups}")


def sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """A full or read-only disk becomes one line that names the file."""
    try:
        yield
    except OSError as error:
        kept = "finished episodes are safe; make room, or name another place"
        raise DatasetError(f"cannot write {path}: {error.strerror}; {kept}") from None
