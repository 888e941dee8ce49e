"""The wrist camera of a simulated arm: what the robot gets to see, as late and as odd as a draw has it."""

from collections import deque

import mujoco
import numpy as np

from control.config import RobotConfig
from control.governor import TICK_S
from control.pictures import policy_picture
from control.types import Frame
from sim.cameras import Eye
from sim.scene import SENSOR_HW
from sim.wardrobe import developed
from sim.wild import Draw

WRIST = "wrist_cam"


class Past:
    """Where everything was some ticks of 10 ms ago; until so many have passed since `begin`, where it was then."""

    def __init__(self, model: mujoco.MjModel, ticks: int):
        self._model, self._data = model, mujoco.MjData(model)
        self.reach(ticks)

    def reach(self, ticks: int) -> None:
        """Forget all, and look so many ticks back from the next `begin` on."""
        self._poses: deque[np.ndarray] = deque(maxlen=1 + ticks)

    def begin(self, qpos: np.ndarray) -> None:
        """It has stood at this pose of the model (nq,) for long."""
        self._poses.extend([qpos.copy()] * (self._poses.maxlen or 1))

    def see(self, qpos: np.ndarray) -> None:
        """A tick later it is at this pose (nq,)."""
        self._poses.append(qpos.copy())

    def see_pass(self, qpos: np.ndarray, ticks: int) -> None:
        """So many ticks later it is at this pose (nq,), come to in a straight line."""
        before = self._poses[-1]
        self._poses.extend(before + share * (qpos - before) for share in np.arange(1, ticks + 1) / ticks)

    @property
    def age_s(self) -> float:
        """How long ago `then` was."""
        return (len(self._poses) - 1) * TICK_S

    def then(self) -> mujoco.MjData:
        """The model as it was; the next call changes it."""
        self._data.qpos[:] = self._poses[0]
        mujoco.mj_fwdPosition(self._model, self._data)
        return self._data


class WristCamera:
    """Shows what was to be seen a while ago. Its `past` must have begun since the last `wear`.

    Args:
        config: picture size, and whether pictures are drawn at the sensor's size first.
    """

    def __init__(self, model: mujoco.MjModel, config: RobotConfig):
        self._px, self._exact = config.camera_px, config.render == "exact"
        self._eye = Eye(model, SENSOR_HW if self._exact else (self._px, self._px))
        self.past, self.pictures = Past(model, 0), 0

    def wear(self, draw: Draw, late: int, rng: np.random.Generator) -> None:
        """Become the camera of another room, whose pictures come `late` ticks late; `rng` is of the noise in each."""
        self._eye.cast_shadows(bool(draw.light and draw.light.shadows))
        self._picture, self._rng = draw.picture, rng
        self.past.reach(late)

    def frame(self, now: mujoco.MjData, now_s: float) -> Frame:
        """The policy's picture at `now_s` seconds, all being as in `now`; of how it was before, if it comes late."""
        age_s = self.past.age_s
        data = self.past.then() if age_s else now
        self.pictures += 1
        if self._exact:
            rgb = policy_picture(self._eye.look(data, WRIST, *SENSOR_HW), self._px)
        else:
            rgb = self._eye.look(data, WRIST, self._px, self._px)
        if self._picture is not None:
            rgb = developed(rgb, self._picture, self._rng)
        return Frame(rgb, now_s - age_s)

    def close(self) -> None:
        self._eye.close()
