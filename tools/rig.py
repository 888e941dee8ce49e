"""`--robot twin`: an emulated arm of one's own, and the real driver and camera on it."""

import json
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from control.arm import Arm
from control.config import RobotConfig
from control.errors import TwinarmError
from control.remote import RemoteRobot
from control.types import ResetRequest, Truth
from hardware.arm import ServoArm
from hardware.camera import Camera
from tools.world import twin_calibration

SLACK_S = 0.008  # of the bus: the emulated chain shares the processor with everybody
LEAVE_S = 5.0


class TwinArm(ServoArm):
    """An arm whose truth is known, by a channel that is not the bus.

    Args:
        log: where the twin records what the arm does.
    Raises:
        TwinarmError: the twin did not start; the message is its own.
    """

    def __init__(self, config: RobotConfig, log: Path | None = None):
        self._twin, where = start_twin(config, *([] if log is None else ["--log", str(log)]))
        with ExitStack() as failed:
            failed.callback(end_twin, self._twin)
            self._oracle = failed.enter_context(closing(RemoteRobot(where["truth"])))
            camera = failed.enter_context(closing(Camera(where["camera"], config.camera_px)))
            calibration = twin_calibration(Arm.from_facts())
            super().__init__(config, where["port"], calibration, {"wrist_cam": camera}, self._start, SLACK_S)
            self._held = failed.pop_all()

    @property
    def twin_pid(self) -> int:
        """The process in which the servos, the camera and the cube are."""
        return self._twin.pid

    def truth(self) -> Truth | None:
        """What the twin's plant knows."""
        return self._oracle.truth()

    def close(self) -> None:
        """End driver and twin."""
        with self._held:
            super().close()

    def _start(self, request: ResetRequest) -> np.ndarray:
        return self._oracle.reset(request).target_rad


def start_twin(config: RobotConfig, *flags: str) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """A twin's process, and where its port, camera and truth are. It ends with its standard input.

    Raises:
        TwinarmError: it did not start; the message is its own.
    """
    changed = [f"robot.{name}={value}" for name, value in (("hz", config.hz), ("profile", config.profile))]
    changed += [f"robot.cube_m={config.cube_m}", f"robot.cube_kg={config.cube_kg}"]
    changed += [f"robot.{name}={value}" for name in ("model", "wrist_camera") if (value := getattr(config, name))]
    command = [sys.executable, "-m", "tools.cli", "twin", "--json", *flags]
    words = [word for change in changed for word in ("--set", change)]
    twin = subprocess.Popen([*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert twin.stdout
    said = twin.stdout.readline()
    if not said:
        raise TwinarmError("the twin did not start; its own words are above")
    return twin, json.loads(said)


def end_twin(twin: subprocess.Popen[bytes]) -> None:
    """Let it leave."""
    twin.terminate()
    try:
        twin.wait(LEAVE_S)
    except subprocess.TimeoutExpired:
        twin.kill()
        twin.wait()
    for pipe in (twin.stdin, twin.stdout):
        if pipe:
            pipe.close()


def only_child(pid: int) -> int:
    """The one process that this one started. Raises ValueError where there is none, or another; OSError too."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
