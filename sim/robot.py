"""SimRobot: the MuJoCo lift scene behind the Robot interface."""

import threading
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Self

import mujoco
import numpy as np

from control import arm as kinematics
from control import safety
from control.actuators import actuator, leash_rad
from control.arm import Arm, within
from control.config import RobotConfig
from control.errors import CommandRefused, UserError
from control.governor import TICK_S, Governor
from control.modes import CLEARING, LATEST_S, Commanded, Event, Mode, State, Tick, Word
from control.pacing import Pacer
from control.types import JOINTS, Command, Frame, Health, Observation, PictureRequest, ResetRequest, Truth
from sim.cameras import Eye
from sim.scene import lift_scene, robot_spec
from sim.stages import Stager
from sim.wardrobe import Transmission, Wardrobe
from sim.wild import STREAM, TAME, Draw, draw, ranges
from sim.witness import Witness
from sim.wrist import WRIST, WristCamera

ONE = np.ones(len(JOINTS))
Moment = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Joints as measured (J,), radians; the cube's centre (3,), metres; its turn (4,), a quaternion w x y z."""
STILL_S = 3.0  # after which an arm that holds its target, and a cube it let go, have come to rest


class SimRobot:
    """The simulated arm. Time passes only in `step` and `reset`, unless it is `realtime`.

    Args:
        config: rates, pictures, actuator profile, cube, and a model of the user's own if any.
        realtime: let time pass by the clock, commanded or not, as it does for an arm: `step` ends when its period does,
            and a period without a command counts as late and is seen in the next observation; when the last command's
            time is up the arm holds. After STILL_S nothing moves any more: beyond, only seq and stamp go on.
    Raises:
        ConfigError: the model or profile cannot be used.
        GraphicsError: there is no headless OpenGL.
    """

    def __init__(self, config: RobotConfig, realtime: bool = False):
        facts = kinematics.facts()
        self.config = config
        self.model = lift_scene(config, facts)
        self.data = mujoco.MjData(self.model)
        self.arm = Arm(kinematics.kinematic_spec(facts).compile() if config.model is None else self.model)
        self.spec = robot_spec(config, self.arm, facts)
        self._actuator = actuator(config.profile)
        self.governor = Governor(self.spec, self.arm, ONE * leash_rad(self._actuator.kp))
        self._plant = Arm(self.model)
        self._ctrl, self.force_Nm = self.data.ctrl, self.model.actuator_forcerange[:, 1]  # one servo a joint, in order
        self._substeps = round(TICK_S / self.model.opt.timestep)
        self._witness = Witness(self.model, self._plant)
        self._stager = Stager(self, np.array(facts["home_rad"]))
        self._camera = WristCamera(self.model, config)
        self._fine_eye: Eye | None = None
        self._wardrobe = Wardrobe(self.model, self.data)
        self.wear(TAME, 0)
        self._pacer = Pacer(config.hz) if realtime else None
        self._busy = threading.RLock()  # a stop may be said by another thread than the one that drives
        self._seq, self._ticks = 0, 0
        self._state = State(Mode.HOLD)
        self._start(np.array(facts["home_rad"]))

    def reset(self, request: ResetRequest) -> Observation:
        """Start an episode; seq and clock go on.

        Raises:
            UserError: an unknown stage, a wild factor that is none, a cube out of reach, or a stop not yet cleared.
        """
        with self._busy:
            if self._state.mode is Mode.STOPPED:
                raise UserError(f"the arm is {self._state.mode}: {'; '.join(self._state.causes)}; {CLEARING}")
            drawn = draw(ranges(), request.seed, request.wild) if request.wild else TAME
            cube_m = drawn.cube.size_m if drawn.cube else self.config.cube_m
            begin = self._stager.start(request, cube_m)
            if drawn is not self._draw:
                self.wear(drawn, request.seed)
            self._stager.prepare(request.stage, begin)
            self._state = State(Mode.HOLD)
            self._seq += 1
            if self._pacer:
                self._pacer.start()
            return self._seen()

    def observe(self) -> Observation:
        self._catch_up()
        return self._seen()

    def _seen(self) -> Observation:
        with self._busy:
            return Observation(
                seq=self._seq,
                stamp_s=self._ticks * TICK_S,
                joints_rad=self.joints_rad(),
                speed_rad_s=self.data.qvel[self._plant.dofs],
                load=within(self.data.actuator_force / self.force_Nm, -ONE, ONE),
                target_rad=self.governor.target_rad,
                limited=self.governor.limited,
                frames=MappingProxyType({WRIST: self._camera.frame(self.data, self._ticks * TICK_S)}),
            )

    def step(self, command: Command) -> Observation:
        """Raises CommandRefused while it is stopped, or for a target that is not finite."""
        with self._busy:
            self._catch_up()
            if (now := self._state).mode is Mode.STOPPED:
                raise CommandRefused(f"the arm is {now.mode}: {'; '.join(now.causes)}; nothing was moved")
            if self._hear(self._timely(command)) is Mode.ACTIVE:
                self.governor.accept(command.target_rad, self.joints_rad())
            self._pass_period()
            self._seq += 1
        if self._pacer:
            self._pacer.tick()
        return self._seen()

    def halt(self) -> None:
        """Hold the reference in force at this instant."""
        self.say(Word.HALT)

    def say(self, word: Word) -> None:
        """A person's word: stop, clear or halt. Raises CommandRefused for one that means nothing in a simulator."""
        if word not in (Word.STOP, Word.CLEAR, Word.HALT):
            raise CommandRefused(f"a simulated arm does not {word}")
        with self._busy:
            self._catch_up()
            self._hear(word)

    def health(self) -> Health:
        self._catch_up()
        late, worst = (self._pacer.late, self._pacer.worst_late_s) if self._pacer else (0, 0.0)
        unknown, counts = np.full(len(JOINTS), np.nan), {"ticks": self._ticks, "pictures": self._camera.pictures}
        return Health(self._state.mode, float("nan"), unknown, self._state.causes, 1.0, late, worst, counts)

    def truth(self) -> Truth:
        return self._witness.truth(self.data)

    def picture(self, camera: str, height: int, width: int) -> np.ndarray:
        """What a camera of the scene sees, drawn for people: (height, width, 3) uint8.

        Raises:
            CommandRefused: there is no such camera, or the picture would be larger than 480x640.
        """
        PictureRequest(camera, height, width)
        if camera not in self.spec.scene_cameras:
            raise CommandRefused(f"no camera {camera} in the scene; there are {', '.join(self.spec.scene_cameras)}")
        self._fine_eye = self._fine_eye or Eye(self.model, fine=True)
        return self._fine_eye.look(self.data, camera, height, width)

    def close(self) -> None:
        self._camera.close()
        if self._fine_eye:
            self._fine_eye.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the stager uses to prepare an episode.

    def joints_rad(self) -> np.ndarray:
        """Measured joints (J,), radians."""
        return self.data.qpos[self._plant.qpos] + self._gears.zero_rad

    def govern(self, target_rad: np.ndarray) -> None:
        """Let one control period pass under the governor with this target (J,)."""
        self.governor.accept(target_rad, self.joints_rad())
        self._pass_period()

    def _catch_up(self) -> None:
        """Let the periods pass that the clock has ended and no command came for."""
        with self._busy:
            missed = self._pacer.missed() if self._pacer else 0
            moving = min(missed, round(STILL_S * self.config.hz))
            for _ in range(moving):
                self._pass_period()
                self._hear(Tick())
            self._seq += missed
            self._ticks += (missed - moving) * self.governor.ticks_per_command
            self._hear(Tick())

    def _timely(self, command: Command) -> Event:
        """What the command is by now: by the clock, one that answers what was long ago is late."""
        oldest = max(1, round(LATEST_S * self.config.hz))
        late = self._pacer is not None and not 0 <= self._seq - command.answers <= oldest
        return Word.LATE if late else Commanded(command.ttl_s)

    def _hear(self, event: Event) -> Mode:
        """Let the safety machine take it in, and hold where it says so."""
        before = self._state.mode
        self._state, _ = safety.step(self._state, event, self._ticks * TICK_S)
        if self._state.mode is not Mode.ACTIVE and (before is Mode.ACTIVE or event is Word.HALT):
            self.governor.stop()
        return self._state.mode

    def _pass_period(self) -> None:
        model, data, governor = self.model, self.data, self.governor
        for _ in range(governor.ticks_per_command):
            self._ctrl[:] = self._gears.pass_on(governor.tick())
            mujoco.mj_step(model, data, self._substeps)
            self._camera.past.see(data.qpos)
        self._ticks += governor.ticks_per_command
        mujoco.mj_fwdPosition(model, data)  # poses and contacts of the new state

    def wear(self, draw: Draw, seed: int) -> None:
        """Become another arm in another room; the next `place` puts it and its cube there."""
        self._draw = draw
        self._wardrobe.put_on(draw)
        commands, pictures = draw.ticks_late(self.governor.ticks_per_command)
        self._gears = Transmission.of(draw, self._actuator, commands)
        self._camera.wear(draw, pictures, np.random.default_rng([seed, STREAM, 1]))
        self.governor.leash_rad = ONE * leash_rad(draw.servo.kp if draw.servo else self._actuator.kp)

    def place(self, joints_rad: np.ndarray, cube_m: np.ndarray, cube_yaw_rad: float) -> None:
        """Put the arm at rest where it measures `joints_rad` (J,), the cube's centre at `cube_m` (3,)."""
        mujoco.mj_resetData(self.model, self.data)
        quat = np.cos(cube_yaw_rad / 2), 0.0, 0.0, np.sin(cube_yaw_rad / 2)
        self._witness.put_cube(self.data, cube_m, np.array(quat))
        self._start(joints_rad)

    def watched(self, moments: Iterable[Moment], times_s: np.ndarray) -> Iterator[Frame]:
        """What the camera shows at each of these moments, as late as what is worn, where everything had stood as at the
        first. Their times (n,) are rounded to ticks. For pictures alone: the robot's own time does not pass."""
        ticks = [None, *np.diff(np.round(times_s / TICK_S)).astype(int).tolist()]
        for (joints_rad, cube_m, cube_quat), passed, now_s in zip(moments, ticks, times_s.tolist(), strict=True):
            self.data.qpos[self._plant.qpos] = joints_rad - self._gears.zero_rad
            self._witness.put_cube(self.data, cube_m, cube_quat)
            mujoco.mj_fwdPosition(self.model, self.data)
            if passed is None:
                self._camera.past.begin(self.data.qpos)
            else:
                self._camera.past.see_pass(self.data.qpos, passed)
            yield self._camera.frame(self.data, now_s)

    def _start(self, joints_rad: np.ndarray) -> None:
        self.data.qpos[self._plant.qpos] = joints_rad - self._gears.zero_rad
        self.governor.start(joints_rad)
        self._ctrl[:] = self._gears.start(self.governor.target_rad)
        mujoco.mj_forward(self.model, self.data)
        self._camera.past.begin(self.data.qpos)
