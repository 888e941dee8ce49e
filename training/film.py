"""Films of episodes: H.264, the wrist camera, the front and the view from above side by side."""

from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np

from control.interfaces import Robot, Scenic
from control.loop import Step

HEIGHT = 360
VIEWS = (("wrist_cam", 360), ("front", 480), ("overhead", 480))  # widths at HEIGHT
WHITE, SHADE = (255, 255, 255), (40, 40, 40)
PAUSE_S = 0.6  # on the last picture of an episode


class Film:
    """Writes a film while an evaluation runs; `close` completes the file.

    Args:
        robot: drawn from three sides if it has a scene, served or not; else only its own cameras are shown.
    """

    def __init__(self, path: Path, robot: Robot):
        self._robot, self._part, self._path = robot, path.with_suffix(".part.mp4"), path
        self._container = av.open(str(self._part), "w")
        self._stream = self._container.add_stream("libx264", rate=Fraction(robot.spec.hz).limit_denominator(100))
        self._stream.pix_fmt, self._stream.options = "yuv420p", {"crf": "23", "preset": "veryfast"}
        self._last: np.ndarray | None = None
        self.caption = ""

    def shoot(self, step: Step) -> None:
        """Add the picture after `step`, with the caption."""
        if isinstance(self._robot, Scenic) and self._robot.spec.scene_cameras:
            views = [self._robot.picture(name, HEIGHT, width) for name, width in VIEWS]
        else:
            views = [cv2.resize(frame.rgb, (HEIGHT, HEIGHT)) for frame in step.after.frames.values()]
        picture = np.ascontiguousarray(np.hstack(views))
        if self._last is None:
            self._stream.height, self._stream.width = picture.shape[:2]
        self._last = picture
        self._write()

    def linger(self) -> None:
        """Stay on the last picture for a moment."""
        for _ in range(round(PAUSE_S * self._robot.spec.hz)):
            self._write()

    def _write(self) -> None:
        assert self._last is not None
        picture = self._last.copy()
        for colour, (x, y) in ((SHADE, (13, HEIGHT - 13)), (WHITE, (12, HEIGHT - 14))):
            cv2.putText(picture, self.caption, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 1, cv2.LINE_AA)
        for packet in self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
            self._container.mux(packet)

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._last is not None:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()
        if self._last is not None:
            self._part.replace(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
