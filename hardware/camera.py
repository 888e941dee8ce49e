"""A camera's newest picture, stamped where it was grabbed: V4L2 devices, MJPEG addresses and film files alike.

A thread reads without pause, for a driver's queue of old pictures would else be what one sees. What is wrong with the
pictures is noticed here: too old, frozen, dark or blinding, of another size. A camera that is lost is opened again.
"""

import os
import threading
import time
import zlib

import cv2
import numpy as np

from control.errors import CameraError
from control.pictures import policy_picture
from control.types import Frame
from hardware.port import others, permitting

OLDEST_S = 0.2
FROZEN_S, BLIND_S = 0.25, 0.5
FILM_HZ = 30.0  # of a film that does not say
DARK, BRIGHT = 4.0, 251.0  # mean brightness
FIRST_S = 5.0  # to wait for the first picture
RETRY_S = (0.5, 5.0)  # the first pause before opening it again, and the longest
# Without these FFmpeg reads ahead, and every picture is some pictures old.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # a camera that goes is told of here, in this house's words
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "fflags;nobuffer|flags;low_delay|probesize;32|analyzeduration;0")


class Camera:
    """Opens it, and shows its newest picture until closed.

    Args:
        source: a device such as /dev/v4l/by-id/…, an http:// address, or a file.
        px: side of the square picture that a policy gets.
        size: (H, W) that the sensor must have; None takes what comes first.
    Raises:
        CameraError: it cannot be opened, or shows nothing.
    """

    def __init__(self, source: str, px: int, size: tuple[int, int] | None = None):
        self.source, self.reopened = source, 0
        self._px, self._size = px, size
        self._closing, self._first = threading.Event(), threading.Event()
        self._frame: Frame | None = None
        self._trouble = ""
        self._print, self._changed_s, self._clear_s = 0, 0.0, 0.0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if not self._first.wait(FIRST_S):
            self.close()
            raise CameraError(f"{source}: {self._trouble or f'no picture within {FIRST_S:g} s'}")

    def newest(self) -> Frame:
        """The newest picture (px, px, 3). Raises CameraError where it may not be acted upon, saying why."""
        frame, now_s = self._frame, time.monotonic()
        assert frame is not None
        if self._trouble:
            raise CameraError(f"{self.source}: {self._trouble}")
        if now_s - frame.stamp_s > OLDEST_S:
            raise CameraError(f"{self.source}: its newest picture is {now_s - frame.stamp_s:.2f} s old")
        if now_s - self._clear_s > BLIND_S:
            raise CameraError(f"{self.source}: it has seen nothing but dark or light for {now_s - self._clear_s:.2f} s")
        if now_s - self._changed_s > FROZEN_S:
            raise CameraError(f"{self.source}: its picture has been frozen for {now_s - self._changed_s:.2f} s")
        return frame

    def close(self) -> None:
        self._closing.set()
        self._thread.join(FIRST_S)

    def _read(self) -> None:
        pause_s = RETRY_S[0]
        while not self._closing.is_set():
            capture = cv2.VideoCapture(self.source)
            try:
                if capture.isOpened():
                    pause_s = RETRY_S[0]
                    self._read_from(capture)
                self._trouble = self._trouble or _shut(self.source)
            finally:
                capture.release()
            self._closing.wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_S[1])
            self.reopened += 1

    def _read_from(self, capture: cv2.VideoCapture) -> None:
        """Until it ends; a film in its own time."""
        film = os.path.isfile(self.source)
        pause_s = 1.0 / (capture.get(cv2.CAP_PROP_FPS) or FILM_HZ) if film else 0.0
        while not self._closing.is_set():
            if not capture.grab():
                self._trouble = "it gives no more pictures"
                return
            stamp_s = time.monotonic()
            ok, bgr = capture.retrieve()
            if ok:
                self._take(bgr, stamp_s)
            if film:
                self._closing.wait(pause_s)

    def _take(self, bgr: np.ndarray, stamp_s: float) -> None:
        self._size = self._size or bgr.shape[:2]
        if bgr.shape[:2] != self._size:
            self._trouble = f"its pictures are {bgr.shape[:2]}, they must be {self._size}; the arm's file says its size"
            return
        rgb = policy_picture(bgr, self._px)[..., ::-1].copy()
        if (told := zlib.crc32(rgb.tobytes())) != self._print or self._frame is None:
            self._print, self._changed_s = told, stamp_s
        if DARK < rgb.mean() < BRIGHT or self._frame is None:
            self._clear_s = stamp_s
        self._frame, self._trouble = Frame(rgb, stamp_s), ""
        self._first.set()


def _shut(source: str) -> str:
    """Why it cannot be opened, as far as one may know, and what to do."""
    if not os.path.exists(source):
        lacking = "there is no such camera" if source.startswith("/") else "it cannot be opened"
        return f"{lacking}; twinarm find lists those there are"
    if not os.access(source, os.R_OK if os.path.isfile(source) else os.R_OK | os.W_OK):
        return f"not permitted; {permitting(source)}"
    holders = others(source)
    return f"in use by {holders}; stop that first" if holders else "it shows no pictures; twinarm find lists cameras"
