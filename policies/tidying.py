"""Episode after episode on an arm that nobody tidies up for: it puts the cube back itself, and asks a person last."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from control.arm import heading, within_reach
from control.errors import CommandRefused, UserError
from control.interfaces import Robot, Scenic
from control.modes import Word
from control.types import AS_FOUND, GRIPPER, Command, Health, Observation, ResetRequest, RobotSpec, Truth
from policies.finder import Finder
from policies.scripted import OPEN_RAD, SHUT_RAD, ScriptedGrasp, View, Waypoint
from policies.sighted import pressing, sways
from policies.spaces import Spaces

CARRY_M, THERE_M, DOWN_M = 0.08, 0.01, 0.003
LET_GO_RAD = 0.4  # a gripper opened further has let go of any cube
PATIENCE_STEPS = 200


def begins_by_itself(stage: str, wild: Sequence[str]) -> bool:
    """Whether an arm can begin like that by itself: at home, in the world as it is, however late it sees and obeys."""
    return stage in ("home", AS_FOUND) and set(wild) <= {"late"}


def put_back(low_m: float) -> tuple[Waypoint, ...]:
    """The way to set down what is held, with the tool as high as when it was gripped."""

    def height(view: View) -> float:
        return low_m if view.aside_m < THERE_M else CARRY_M

    def down(view: View) -> bool:
        return view.aside_m < 2 * THERE_M and view.height_m < low_m + DOWN_M

    return (
        Waypoint("leave", lambda v: v.gripper_rad > LET_GO_RAD, lambda v: CARRY_M, OPEN_RAD, upright=True),
        Waypoint("let go", lambda v: down(v) or not v.shutting, lambda v: low_m, OPEN_RAD, upright=True),
        Waypoint(
            "rise", lambda v: v.aside_m > 3 * THERE_M and v.height_m < CARRY_M / 2, height, SHUT_RAD, upright=True
        ),
        Waypoint("carry", lambda v: True, height, SHUT_RAD),
    )


class TidyingRobot:
    """A robot whose reset sets down what it holds, somewhere in the request's spawn box, goes home and looks.

    Args:
        ask: tells a person what to do and returns when it is done; called where no cube is in sight and in reach.
        lay: what a person must do whenever the arm holds nothing; empty for a finder that sees for itself.
    """

    def __init__(self, robot: Robot, spaces: Spaces, finder: Finder, ask: Callable[[str], None], lay: str = ""):
        self._robot, self._spaces, self._finder, self._ask = robot, spaces, finder, ask
        self._arm, self._lay = spaces.arm, lay
        self._gripped_m: float | None = None  # the tool's height when the fingers first pressed

    @property
    def spec(self) -> RobotSpec:
        return self._robot.spec

    def reset(self, request: ResetRequest) -> Observation:
        """Raises UserError for what the arm cannot prepare: another stage than home, or wild in more than lateness."""
        if not begins_by_itself(request.stage, request.wild):
            wild = f", wild in {', '.join(request.wild)}" if request.wild else ""
            raise UserError(
                "an arm that tidies up itself starts at home, as the world is; it was asked for stage "
                f"{request.stage}{wild}"
            )
        if not self._put_back(request) and self._lay:
            self._ask(self._lay)
        asked = replace(request, stage=AS_FOUND)
        seen = self._robot.reset(asked)
        while not self._found(seen):
            self._ask("there is no cube in sight and in reach; put it in front of the arm")
            seen = self._robot.reset(asked)
        return seen if self._sees(seen) else self._robot.reset(asked)

    def observe(self) -> Observation:
        return self._robot.observe()

    def step(self, command: Command) -> Observation:
        return self._felt(self._robot.step(command))

    def halt(self) -> None:
        self._robot.halt()

    def say(self, word: Word) -> None:
        self._robot.say(word)

    def health(self) -> Health:
        return self._robot.health()

    def truth(self) -> Truth | None:
        return self._robot.truth()

    def picture(self, camera: str, height: int, width: int) -> np.ndarray:
        """Raises CommandRefused where there is no scene to draw."""
        if not isinstance(self._robot, Scenic):
            raise CommandRefused("this robot has no scene to draw")
        return self._robot.picture(camera, height, width)

    def close(self) -> None:
        self._robot.close()

    def _felt(self, seen: Observation) -> Observation:
        if not pressing(seen):
            self._gripped_m = None
        elif self._gripped_m is None:
            self._gripped_m = float(self._arm.tool(seen.joints_rad)[0][2])
        return seen

    def _put_back(self, request: ResetRequest) -> bool:
        """Whether there was something to put back, and it was let go of."""
        seen = self._felt(self._robot.observe())
        if self._gripped_m is None:
            return False
        x, y, _ = request.spawn.draw(np.random.default_rng(request.seed))  # where a simulator would lay it

        def there() -> tuple[np.ndarray, float, np.ndarray]:
            tool, rotation = self._arm.tool(seen.joints_rad)
            return np.array([x, y, tool[2]]), heading(rotation), tool

        hand = ScriptedGrasp(self._spaces, self._arm, there, put_back(self._gripped_m))
        for _ in range(PATIENCE_STEPS):
            seen = self.step(hand.act(seen))
            if seen.joints_rad[GRIPPER] > LET_GO_RAD and self._arm.tool(seen.joints_rad)[0][2] > CARRY_M / 2:
                return True
        return False

    def _found(self, seen: Observation) -> bool:
        """Whether the cube is in sight from home, or from a little to either side."""
        if self._sees(seen):
            return True
        for action in sways(self._spaces):
            seen = self._robot.step(self._spaces.command(action, seen))
            if self._sees(seen):
                return True
        return False

    def _sees(self, seen: Observation) -> bool:
        sighting = self._finder.find(seen)
        return sighting is not None and within_reach(*sighting.cube_m[:2])
