"""Makes the lift known to Gymnasium: `gymnasium.make("tools.gym:twinarm/Lift-v0")`, or import this, and leave out the
part before the colon.
"""

from collections.abc import Sequence

import gymnasium

from control.interfaces import Robot
from tools.operators import open_operator
from tools.robots import FAST, fitting_config, open_robot
from training import settings
from training.environment import LiftEnv

ID = "twinarm/Lift-v0"


def lift(
    robot: str | Robot = "sim",
    config: str | None = None,
    set: Sequence[str] = (),
    render_mode: str | None = None,
    intervene: str | None = None,
) -> LiftEnv:
    """The lift, in front of a robot.

    Args:
        robot: what every command takes after --robot: sim, twin, an arm's .yaml, an endpoint; or a robot that is open.
        config: a configuration file; default: lift_fast.yaml, or the one that a served robot runs at.
        set: overrides of it, each as key=value.
        intervene: with what a person may take the arm: a device as in teleop. `sim` then runs in real time.
    Raises:
        UserError: there is no such robot, configuration or device.
    """
    named = robot if isinstance(robot, str) else ""
    settled = settings.load(fitting_config(named, config, FAST), set)
    realtime = intervene is not None
    opened = open_robot(robot, settled.robot, realtime) if isinstance(robot, str) else robot
    operator = open_operator(intervene, named, opened) if intervene else None
    return LiftEnv(opened, settled, render_mode, operator)


gymnasium.register(ID, entry_point="tools.gym:lift")
