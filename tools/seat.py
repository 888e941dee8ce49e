"""The driver's seat: the one thread that drives a served robot, and asks it what is told at no other endpoint."""

import threading
import time
from collections.abc import Callable

from control.arm import Arm
from control.deadman import DeadMan
from control.endpoints import STOPPING, beside
from control.errors import CameraError, TwinarmError
from control.loop import Step, Watch
from control.modes import Mode, Word
from control.operating import Order
from control.remote import RemoteRobot
from control.types import AS_FOUND, Observation, ResetRequest, Truth
from policies.spaces import Spaces, SpacesConfig
from policies.teleop import Teleoperated
from tools.page_operator import PageOperator

PATIENCE_S = 30.0  # with a robot that comes home
IDLE_S, AGAIN_S = 0.05, 0.5  # between looks for orders; before what failed is tried again
TRUTH_S = (0.5, 0.1)  # between looks at it, while others drive and while we do
RECORDING = (Order.SUCCESS, Order.FAILURE, Order.KEEP, Order.REDO, Order.DISCARD)

Record = Callable[[RemoteRobot, DeadMan, Watch], str]
"""Gets what is told every step; returns what became of it, in a line."""


class Seat:
    """Drives the robot at `endpoint` as the page wants that took it. Opening it moves nothing.

    Args:
        notice: gets what a person should know, in one line.
        record: drives the robot in this one's stead, and records it, until all is recorded or somebody has enough.
    Raises:
        LinkTimeout, UserError: there is no robot.
    """

    def __init__(
        self,
        endpoint: str,
        operator: PageOperator,
        arm: Arm,
        notice: Callable[[str], object],
        record: Record | None = None,
    ):
        self._endpoint, self._operator, self._notice, self._record = endpoint, operator, notice, record
        self._spaces = Spaces(SpacesConfig(), arm)
        self._button = RemoteRobot(beside(endpoint, STOPPING))
        self._robot = RemoteRobot(endpoint, PATIENCE_S)
        self.spec = self._robot.spec
        self._dead_man = DeadMan(operator, self._brake)
        self._policy: Teleoperated | None = None  # while this drives
        self._seen: Observation | None = None
        self._looked_s = 0.0
        # What others may read at any time: of the last tick by stage, and where the cube is if anybody knows.
        self.spent_ms: dict[str, float] = {}
        self.doing = ""  # what the arm does by itself, in which nobody can look at it
        self.truth: Truth | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            try:
                self._turn(stop)
            except CameraError as error:  # it may come back; the arm holds until it does
                self._notice(str(error))
                self._operator.lapse()
                self._seen = None
                stop.wait(AGAIN_S)
            except TwinarmError as error:
                self._notice(str(error))
                self._operator.unseat()
                self._policy = None
                stop.wait(AGAIN_S)
        self._dead_man.close()
        for robot in (self._robot, self._button):
            robot.close()

    def _brake(self, word: Word) -> None:
        """Called between ticks, by the dead-man. A simulator has done a tick's work when the tick begins."""
        if word is Word.HALT and self.spec.plant:
            return
        try:
            self._button.say(word)
        except TwinarmError as error:
            self._notice(f"{word} was not heard: {error}")

    def _turn(self, stop: threading.Event) -> None:
        for order in self._dead_man.orders():
            self._obey(order)
        if self._policy and not self._operator.driver:
            self._give()
        if self._policy:
            self._seen = self._tick(self._policy, self._seen or self._robot.observe())
        else:
            stop.wait(IDLE_S)
        if time.monotonic() - self._looked_s > TRUTH_S[self._policy is not None]:
            self.truth, self._looked_s = self._robot.truth(), time.monotonic()

    def _obey(self, order: Order) -> None:
        if order in (Order.TAKE, Order.HOME) and not self._operator.driver:
            return  # whoever asked has left, or stopped the arm, before the robot could be asked
        if order is Order.TAKE:
            self._take()
        elif order is Order.CLEAR:
            self._robot.say(Word.CLEAR)
        elif order is Order.HOME:
            self._seen = self._at_home()
        elif order is Order.FRAME and self._policy and self._seen:
            self._policy.face(self._seen)
        elif order in RECORDING:
            self._notice("nothing is recorded here; twinarm view --record FOLDER does that")

    def _tick(self, policy: Teleoperated, seen: Observation) -> Observation:
        """One control period."""
        began_s = time.perf_counter()
        command = policy.act(seen)
        acted_s = time.perf_counter()
        after = self._robot.step(command)
        self.spent_ms = {"operator": 1e3 * (acted_s - began_s), "step": 1e3 * (time.perf_counter() - acted_s)}
        return after

    def _take(self) -> None:
        """Drive from now on: from where the arm stands, or from home where it must be armed first."""
        if self._record:
            self.doing = "the arm goes to where an episode starts"
            try:
                self._notice(self._record(self._robot, self._dead_man, self._witness))
            finally:
                self.doing = ""
                self._operator.unseat()
            return
        if self._robot.health().state == Mode.READY:
            self._seen = self._at_home()
        else:
            self._seen = self._robot.observe()
        self._policy = Teleoperated(self._dead_man, self._robot, self._spaces)

    def _witness(self, step: Step) -> None:
        self.truth = step.truth

    def _at_home(self) -> Observation:
        self._dead_man.stand()
        self.doing = "the arm glides home"
        try:
            return self._robot.reset(ResetRequest(AS_FOUND))
        finally:
            self.doing = ""

    def _give(self) -> None:
        """Let others drive; the arm holds."""
        self._policy, self.spent_ms = None, {}
        driven, self._robot = self._robot, RemoteRobot(self._endpoint, PATIENCE_S)
        driven.close()
