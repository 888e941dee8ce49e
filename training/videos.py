"""Pictures as H.264 and back: every second one stands alone, so that any can be had quickly."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from control.errors import DatasetError

SPACING = "2"  # of pictures that stand alone, as LeRobot has it
# Colour at half the resolution, which most videos have, would leave 31 dB of a picture of 64 pixels.
EXACT = {"codec": "libx264rgb", "pixels": "rgb24", "crf": "0"}
LOSSY = {"codec": "libx264", "pixels": "yuv420p", "crf": "18"}


class VideoWriter:
    """Writes pictures of one size (H, W) at one rate to an MP4 file; `close` completes it.

    Args:
        lossy: pictures that were stored lossily already, of even sides.
    """

    def __init__(self, path: Path, hz: float, size: tuple[int, int], lossy: bool = False):
        path.parent.mkdir(parents=True, exist_ok=True)
        form = LOSSY if lossy else EXACT
        self.path, self.pictures = path, 0
        self._container = av.open(str(path), "w")
        stream = self._container.add_stream(form["codec"], rate=Fraction(hz).limit_denominator(100))
        assert isinstance(stream, av.VideoStream)
        self._stream = stream
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = form["pixels"]
        self._stream.options = {"crf": form["crf"], "g": SPACING, "bf": "0", "preset": "veryfast"}

    def add(self, pictures: np.ndarray) -> None:
        """(N, H, W, 3) uint8."""
        for picture in pictures:
            self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        self.pictures += len(pictures)

    def close(self) -> None:
        self._container.mux(self._stream.encode())
        self._container.close()


def pictures_at(path: Path, stamps_s: Sequence[float], tolerance_s: float) -> list[np.ndarray]:
    """The pictures (H, W, 3) of a video that are shown at these ascending times.

    Raises:
        DatasetError: there is no picture within `tolerance_s` of one of them, or the file is no video.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert stream.time_base is not None
            container.seek(max(0, int((stamps_s[0] - tolerance_s) / stream.time_base)), stream=stream)
            return _nearest(path, container.decode(stream), stamps_s, tolerance_s)
    except (av.FFmpegError, IndexError) as error:
        raise DatasetError(f"{path} cannot be read as a video ({error})") from None


def _nearest(
    path: Path, frames: Iterable[av.VideoFrame], stamps_s: Sequence[float], tolerance_s: float
) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for frame in frames:
        if abs(float(frame.time or 0) - stamps_s[len(found)]) <= tolerance_s:
            found.append(frame.to_ndarray(format="rgb24"))
        if len(found) == len(stamps_s):
            return found
    raise DatasetError(f"{path} has no picture at {stamps_s[len(found)]:.3f} s; the dataset is not whole")
