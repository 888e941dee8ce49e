"""A USB camera that sees a simulated scene: it films by the clock, late as such cameras are, and is served as MJPEG."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import cv2
import numpy as np

FPS = 30.0
LAG_S = 0.035  # from the middle of the exposure to the picture's being ready to send
QUALITY = 90
NOISE, NOISY_PX = 2.0, 64  # of a sensor, in levels: one that shows twice the same picture is frozen
BOUNDARY = "frame"


class Webcam:
    """Films while somebody watches, as such cameras do, until closed; a first picture it takes at once.

    Args:
        look: the scene now, (H, W, 3) uint8; called in a thread of its own, always the same.
        host, port: where it is served; port 0 means any.
    """

    def __init__(self, look: Callable[[], np.ndarray], host: str = "127.0.0.1", port: int = 0, fps: float = FPS):
        self._look, self.fps = look, fps
        self._fresh, self._closing = threading.Condition(), threading.Event()
        self._shots: deque[tuple[int, bytes, float]] = deque(maxlen=4)
        self._watching = 0
        self.frozen = self.dark = False  # what goes wrong with such cameras
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}/wrist.mjpg"
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._film, self._server.serve_forever)
        ]
        for thread in self._threads:
            thread.start()

    def next(self, after: int) -> tuple[int, bytes, float]:
        """The newest picture once it is newer than number `after`: its number, JPEG and the moment of its exposure."""
        while not self._closing.is_set():
            with self._fresh:
                now_s = time.monotonic()
                ready = [shot for shot in self._shots if shot[0] > after and shot[2] + LAG_S <= now_s]
                if ready:
                    return ready[-1]
                coming_s = min((shot[2] for shot in self._shots if shot[0] > after), default=now_s) + LAG_S
                self._fresh.wait(max(0.001, coming_s - now_s))
        raise ConnectionAbortedError("the camera was closed")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody does."""
        with self._fresh:
            self._watching += 1
            self._fresh.notify_all()
        try:
            yield
        finally:
            with self._fresh:
                self._watching -= 1

    def close(self) -> None:
        self._closing.set()
        with self._fresh:
            self._fresh.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._threads[0].join()

    def _film(self) -> None:
        next_s, jpeg, grain = time.monotonic(), b"", Grain()
        for number in count(1):
            if self._closing.wait(max(0.0, next_s - time.monotonic())):
                return
            stamp_s = time.monotonic()
            if not (self.frozen and jpeg):
                jpeg = self._developed(grain)
            with self._fresh:
                self._shots.append((number, jpeg, stamp_s))
                self._fresh.notify_all()
                while not self._watching and not self._closing.is_set():
                    self._shots.clear()
                    self._fresh.wait()
            next_s = max(next_s + 1.0 / self.fps, time.monotonic())

    def _developed(self, grain: "Grain") -> bytes:
        rgb = self._look()
        shown = grain(np.zeros_like(rgb) if self.dark else rgb)
        return cv2.imencode(".jpg", shown[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1].tobytes()


class Grain:
    """A sensor's noise, from a sheet of it that is laid elsewhere on each picture."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._sheet = np.zeros((0, 0, 3), np.int16)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        if self._sheet.shape[0] < height + NOISY_PX:
            size = (height + NOISY_PX, width + NOISY_PX, 3)
            self._sheet = np.rint(NOISE * self._rng.standard_normal(size)).astype(np.int16)
        top, left = self._rng.integers(0, NOISY_PX, 2)
        laid = self._sheet[top : top + height, left : left + width]
        return cv2.add(rgb, laid, dtype=cv2.CV_8U)


def _handler(webcam: Webcam) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            number = 0
            with suppress(OSError), webcam.watched():  # until the client leaves
                while True:
                    number, jpeg, stamp_s = webcam.next(number)
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
                    self.wfile.write(f"{head}X-Timestamp: {stamp_s:.6f}\r\n\r\n".encode() + jpeg + b"\r\n")

        def log_message(self, *_: object) -> None:
            pass

    return Handler
