"""A person takes over from a policy and gives back, and no hand-over moves the arm farther than a step may."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from control.arm import Arm
from control.config import RobotConfig
from control.loop import Step, play
from control.modes import Mode, Word
from control.operating import Intent, Order
from control.types import JOINTS, Command, Observation, ResetRequest, Verdict, Who
from policies.intervention import Shared
from policies.repeat import Repeat
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot

ARM = Arm.from_facts()
STEPS, TAKEN, GIVEN = 24, 8, 16
UP, ASIDE = (0, 0, 1, 0, 0), (0, 1, 0, 0, 0)


@dataclass
class Rehearsed:
    """An operator who does at each step what was rehearsed for it."""

    wants: Callable[[int], Intent | None] = lambda step: None
    says: dict[int, tuple[Order, ...]] = field(default_factory=dict)
    step: int = -1

    def intent(self) -> Intent | None:
        self.step += 1
        return self.wants(self.step)

    def orders(self) -> tuple[Order, ...]:
        return self.says.get(self.step, ())

    def close(self) -> None:
        pass


@dataclass
class Rushing:
    """A policy at full speed, to and fro; it counts how often it was begun anew."""

    spaces: Spaces
    resets: int = 0
    acts: int = 0

    def reset(self) -> None:
        self.resets += 1

    def act(self, observation: Observation) -> Command:
        self.acts += 1
        way = 1.0 if self.acts % 8 < 4 else -1.0
        return self.spaces.command(np.full(self.spaces.action_size, way), observation)


class Indifferent:
    def reset(self, observation, truth) -> None:
        pass

    def judge(self, observation, command, truth) -> Verdict:
        return Verdict(0.0, 1.0, False, {})


@pytest.fixture(scope="module")
def robot():
    robot = SimRobot(RobotConfig(hz=10, camera_px=32))
    yield robot
    robot.close()


def driven(robot, operator, actions="tool", repeat=1, steps=STEPS) -> tuple[list[Step], Rushing]:
    spaces = Spaces(SpacesConfig(actions=actions, camera_px=32, action_repeat=repeat), ARM)
    policy = Rushing(spaces)
    shared = Shared(Repeat(policy, spaces), operator, robot, spaces)
    return list(play(robot, shared, Indifferent(), ResetRequest(seed=1), steps)), policy


def holding(motion: tuple[float, ...]) -> Callable[[int], Intent | None]:
    """The dead-man held from TAKEN until GIVEN."""
    return lambda step: Intent(motion) if TAKEN <= step < GIVEN else None


def leading(offset: float) -> Callable[[int], Intent | None]:
    """A leader arm that lies `offset` rad beside the arm and begins to move before TAKEN."""
    rest = np.array([0.1, -1.2, 1.0, 1.2, 0.3, 0.5]) + offset
    return lambda step: Intent(joints_rad=rest + 0.06 * max(0, step - TAKEN + 1))


def whose(steps: list[Step]) -> str:
    return "".join(step.command.who[1] for step in steps)  # o: policy, e: person


TAKING = {
    "by an order, and stands": Rehearsed(says={TAKEN: (Order.TAKE,), GIVEN: (Order.GIVE,)}),
    "by the dead-man": Rehearsed(holding(ASIDE), {GIVEN: (Order.GIVE,)}),
    "by the dead-man at full speed": Rehearsed(holding((1, -1, 1, -1, 1)), {GIVEN: (Order.GIVE,)}),
    "by a leader that moves": Rehearsed(leading(0.0), {GIVEN: (Order.GIVE,)}),
    "by a leader that lies elsewhere": Rehearsed(leading(1.0), {GIVEN: (Order.GIVE,)}),
}


@pytest.mark.parametrize("actions", ["tool", "joints"])
@pytest.mark.parametrize("operator", TAKING.values(), ids=TAKING.keys())
def test_no_hand_over_is_a_jump(robot, operator, actions):
    operator.step = -1
    steps, _ = driven(robot, operator, actions)
    period_rad = robot.spec.speed_rad_s / robot.spec.hz
    leaps = np.array([np.abs(step.after.target_rad - step.before.target_rad) / period_rad for step in steps])
    assert whose(steps)[:GIVEN] == "o" * TAKEN + "e" * (GIVEN - TAKEN)
    assert leaps[TAKEN].max() <= 1.0 + 1e-9 and leaps[GIVEN].max() <= 1.0 + 1e-9
    assert leaps.max() <= 1.0 + 1e-9


def test_a_leader_that_lies_elsewhere_is_followed_from_where_the_arm_is_and_caught_up_with_as_it_moves(robot):
    steps, _ = driven(robot, Rehearsed(leading(1.0)), "joints", steps=40)
    begun, far = steps[TAKEN].before.target_rad, leading(1.0)(TAKEN).joints_rad
    first = np.abs(steps[TAKEN].after.target_rad - begun)
    assert np.abs(far - begun).max() > 0.5 and first.max() < 0.13  # of its own 0.06 and as much to catch up
    lift = JOINTS.index("shoulder_lift")
    leader = [leading(1.0)(step).joints_rad[lift] for step in range(40)]
    behind = [abs(leader[t] - step.after.target_rad[lift]) for t, step in enumerate(steps)]
    assert behind[25] < behind[TAKEN] - 0.5


def test_letting_go_halts_the_arm_until_it_is_given_back(robot):
    wants = {8, 9, 10}
    operator = Rehearsed(lambda step: Intent(UP) if step in wants else None, {18: (Order.GIVE,)})
    begun = driven(robot, Rehearsed())[1].resets
    steps, policy = driven(robot, operator)
    assert whose(steps) == "o" * 8 + "e" * 10 + "o" * 6
    for step in steps[12:18]:
        np.testing.assert_array_equal(step.after.target_rad, step.before.target_rad)
        assert step.command.action == (0.0,) * 5
    assert (steps[18].after.target_rad != steps[18].before.target_rad).any()
    assert policy.acts == 14
    assert policy.resets == begun + 1  # it begins anew: what it saw last is from before


def test_what_is_still_held_when_the_arm_was_given_back_takes_nothing_until_it_is_let_go(robot):
    held = {*range(4, 14), *range(16, 18)}
    operator = Rehearsed(lambda step: Intent(UP) if step in held else None, {10: (Order.GIVE,)})
    steps, _ = driven(robot, operator)
    assert whose(steps) == "o" * 4 + "e" * 6 + "o" * 6 + "e" * 8


def test_a_leader_that_lies_still_takes_nothing_wherever_it_lies(robot):
    still = np.full(6, 0.3)
    steps, _ = driven(robot, Rehearsed(lambda step: Intent(joints_rad=still)))
    assert whose(steps) == "o" * STEPS


def test_a_decision_of_several_steps_belongs_to_one_of_them(robot):
    operator = Rehearsed(lambda step: Intent(ASIDE) if 4 <= step < 11 else None, {13: (Order.GIVE,)})
    steps, _ = driven(robot, operator, repeat=3)
    assert whose(steps) == "o" * 6 + "e" * 9 + "o" * 9
    for start in range(0, STEPS, 3):
        assert len({step.command.action for step in steps[start : start + 3]}) == 1


def test_a_stop_stops_the_robot_and_other_orders_are_left_to_others(robot):
    operator = Rehearsed(says={2: (Order.SUCCESS, Order.KEEP)})
    spaces = Spaces(SpacesConfig(camera_px=32), ARM)
    shared = Shared(Rushing(spaces), operator, robot, spaces)
    seen = robot.reset(ResetRequest(seed=1))
    for _ in range(3):
        seen = robot.step(shared.act(seen))
    assert shared.asked == [Order.SUCCESS, Order.KEEP] and shared.who is Who.POLICY
    operator.says[3] = (Order.STOP,)
    shared.act(seen)
    assert robot.health().state == Mode.STOPPED
    robot.say(Word.CLEAR)


def test_a_leader_that_is_taken_up_again_goes_on_from_where_the_arm_stands(robot):
    laid_down = {12, 13}
    operator = Rehearsed(lambda step: None if step in laid_down else leading(0.0)(step))
    steps, _ = driven(robot, operator, "joints")
    taken_up = steps[14]
    assert whose(steps)[TAKEN:] == "e" * (STEPS - TAKEN)
    np.testing.assert_array_equal(steps[13].after.target_rad, steps[13].before.target_rad)
    assert np.abs(taken_up.after.target_rad - taken_up.before.target_rad).max() < 0.02
