"""The flags of `twinarm teleop`."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Arguments:
    """Drive a robot: it glides home, then moves while you hold a key, the gamepad's dead-man or a leader arm, and
    stands as soon as you let go. docs/operate.md tells the keys."""

    robot: str = "sim"
    """sim (in real time), twin, real, an arm's .yaml, or the endpoint of a served robot."""

    device: str = "keyboard"
    """keyboard, gamepad, gamepad:/dev/input/js0, leader:leader.yaml or leader:/dev/ttyACM1."""

    speed: float = 0.1
    """Of the tool in m/s at full motion; a full action is the fastest there is."""

    seed: int = 0
    """Where the cube lies, in sim and on the twin."""

    config: str | None = None
    """Configuration of robot and spaces; default: what a served robot runs at, else lift_fast.yaml."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides of the configuration, each as key=value; spaces.actions=joints follows a leader joint by joint."""
