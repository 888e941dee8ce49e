"""What the page shows: a thread looks at a served robot, without driving it, and keeps what it saw ready to be sent."""

import base64
import threading
import time
from typing import Any

import msgspec
import numpy as np

from control.endpoints import WATCHING, beside
from control.errors import TwinarmError
from control.pictures import squeezed
from control.remote import RemoteRobot
from control.types import Health, Observation, RobotSpec, Status
from sim.figure import Figure
from tools.seat import Seat

LOOK_S = 0.04
PATIENCE_S = 2.0
QUALITY = 85
encode = msgspec.json.encode


class Sights:
    """Looks at the robot at `endpoint` while somebody is there to be shown it.

    Args:
        seat: knows what only whoever drives is told.
    """

    def __init__(self, endpoint: str, seat: Seat, figure: Figure):
        self._endpoint, self._seat, self._figure = beside(endpoint, WATCHING), seat, figure
        self._fresh = threading.Condition()
        self.viewers: set[str] = set()  # the pages that are shown it
        self.number, self.words, self.pictures = 0, b"null", tuple[tuple[float, bytes], ...]()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; where the robot does not answer, that is what is shown."""
        while not stop.wait(LOOK_S):
            if not self.viewers:
                continue
            try:
                self._look(stop)
            except TwinarmError as error:
                self._show(encode({"trouble": self._seat.doing or str(error)}), self.pictures)

    def next(self, after: int, wait_s: float) -> int:
        """The number of the newest sight, once it is another than `after` or the time is up."""
        with self._fresh:
            self._fresh.wait_for(lambda: self.number != after, wait_s)
            return self.number

    def _look(self, stop: threading.Event) -> None:
        robot = RemoteRobot(self._endpoint, PATIENCE_S)
        try:
            while self.viewers and not stop.wait(LOOK_S):
                seen, health = robot.observe(), robot.health()
                asked_s = time.perf_counter()
                status = robot.status()
                wire_ms = 1e3 * (time.perf_counter() - asked_s)
                self._show(self._worded(seen, health, status, wire_ms), self._pictured(seen))
        finally:
            robot.close()

    def _show(self, words: bytes, pictures: tuple[tuple[float, bytes], ...]) -> None:
        with self._fresh:
            self.words, self.pictures, self.number = words, pictures, self.number + 1
            self._fresh.notify_all()

    def _worded(self, seen: Observation, health: Health, status: Status, wire_ms: float) -> bytes:
        truth = self._seat.truth
        poses = self._figure.poses(seen.joints_rad, truth)
        told = {
            "health": health_words(health),
            "driver": status.driver,
            "since": status.since,
            "age_ms": 1e3 * status.age_s,
            # A picture may be newer than the joints beside it.
            "ages_ms": [1e3 * max(0.0, seen.stamp_s - frame.stamp_s) for frame in seen.frames.values()],
            "spent_ms": {**self._seat.spent_ms, "wire": wire_ms},
            "joints_rad": plain(seen.joints_rad),
            "target_rad": plain(seen.target_rad),
            "load": plain(seen.load),
            "limited": seen.limited,
            "poses": plain(poses.ravel(), 5),
            "cube": truth is not None,
        }
        return encode(told)

    def _pictured(self, seen: Observation) -> tuple[tuple[float, bytes], ...]:
        """The stamp and JPEG of every camera; a picture that was seen before is not packed again."""
        before = dict(self.pictures)
        return tuple((f.stamp_s, before.get(f.stamp_s) or squeezed(f.rgb, QUALITY)) for f in seen.frames.values())


def health_words(health: Health) -> dict[str, Any]:
    """For JSON, in which nan is null."""
    return {
        "state": health.state,
        "volts": round(health.volts, 2),
        "celsius": plain(health.temperature_c, 1),
        "errors": health.errors,
        "bus_success": health.bus_success,
        "late": health.late_ticks,
        "worst_late_ms": 1e3 * health.worst_late_s,
    }


def plain(values: np.ndarray, digits: int = 4) -> list[float]:
    return [round(value, digits) for value in values.tolist()]


def scene(name: str, spec: RobotSpec, figure: Figure) -> bytes:
    """What a page is told once: the robot, and the shapes that it draws."""
    surfaces = [
        {"body": s.body, "rgb": s.rgb, "corners": base64.b64encode(s.corners.tobytes()).decode()}
        for s in figure.surfaces
    ]
    robot = {
        "name": name,
        "hz": spec.hz,
        "joints": spec.joints,
        "lower_rad": plain(spec.lower_rad),
        "upper_rad": plain(spec.upper_rad),
        "cameras": list(spec.cameras),
        "profile": spec.profile,
        "calibration": spec.calibration,
    }
    return encode({"robot": robot, "surfaces": surfaces, "cube": figure.cube})
