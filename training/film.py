"""Films of episodes: H.264, the wrist camera, the front and the view from above side by side."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np

from control.episodes import Episode
from control.interfaces import Robot, Scenic
from control.loop import Step
from control.recorder import on_disk
from training.experience import pauses

HEIGHT = 360
VIEWS = (("wrist_cam", 360), ("front", 480), ("overhead", 480))  # widths at HEIGHT
WHITE, SHADE = (255, 255, 255), (40, 40, 40)
PAUSE_S = 0.6  # on the last picture of an episode


class Film:
    """Makes a film picture by picture; `close` writes the file. Until then it is in memory: where a full disk does not
    take what PyAV writes, it ends the process.

    Args:
        hz: pictures a second.
    """

    def __init__(self, path: Path, hz: float):
        self._part, self._path, self._hz = path.with_suffix(".part.mp4"), path, hz
        self._film = io.BytesIO()
        self._container = av.open(self._film, "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=Fraction(hz).limit_denominator(100))
        self._stream.pix_fmt, self._stream.options = "yuv420p", {"crf": "23", "preset": "veryfast"}
        self._last: np.ndarray | None = None
        self.caption = ""

    def add(self, picture: np.ndarray) -> None:
        """Add a picture (HEIGHT, W, 3), always of the same width, with the caption."""
        if self._last is None:
            self._stream.height, self._stream.width = picture.shape[:2]
        self._last = picture
        self._write()

    def linger(self) -> None:
        """Stay on the last picture for a moment."""
        for _ in range(round(PAUSE_S * self._hz)):
            self._write()

    def _write(self) -> None:
        assert self._last is not None
        picture = self._last.copy()
        for colour, (x, y) in ((SHADE, (13, HEIGHT - 13)), (WHITE, (12, HEIGHT - 14))):
            cv2.putText(picture, self.caption, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 1, cv2.LINE_AA)
        for packet in self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
            self._container.mux(packet)

    def close(self) -> None:
        """Write the file and give it its name. Raises DatasetError where the disk is full."""
        if self._last is not None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()
        if self._last is not None:
            with on_disk(self._path):
                self._part.write_bytes(self._film.getbuffer())
                self._part.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def views(robot: Robot, step: Step) -> np.ndarray:
    """What is to be seen after `step`, side by side: three sides if the robot has a scene, served or not, else what its
    own cameras show."""
    if isinstance(robot, Scenic) and robot.spec.scene_cameras:
        return np.hstack([robot.picture(name, HEIGHT, width) for name, width in VIEWS])
    return abreast([frame.rgb for frame in step.after.frames.values()])


def abreast(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) of any size side by side, each HEIGHT square."""
    return np.hstack([cv2.resize(picture, (HEIGHT, HEIGHT)) for picture in pictures])


def film_episode(path: Path, episode: Episode) -> None:
    """Film what an episode's cameras recorded; the caption tells the time, and where a person let the arm stand."""
    paused = pauses(episode)
    with Film(path, episode.info.hz) as film:
        for t in range(len(episode) + 1):
            film.caption = f"{episode.stamp_s[t]:.1f} s" + (" pause" if t < len(paused) and paused[t] else "")
            film.add(abreast([frames[t] for frames in episode.frames.values()]))
        film.caption += ": success" if episode.success else ": failure"
        film.linger()
