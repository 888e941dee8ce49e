"""How a servo behaves, as numbers: a profile of the shipped facts, or one that `twinarm sysid` fitted to an arm."""

from pathlib import Path

import msgspec

from control import arm, config
from control.config import require
from control.errors import ConfigError


class Actuator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position servo on a joint: kp (goal - angle) - kv speed, within `force_Nm`, less what the gears eat."""

    kp: float  # N m / rad
    kv: float  # N m s / rad
    force_Nm: float
    gripper_force_Nm: float
    damping: float  # N m s / rad, of the gears
    frictionloss: float  # N m
    armature: float  # kg m^2
    delay_s: float = 0.0  # from a reference to the motor
    lead_s: float = (
        0.0  # the goal is ahead by what its speed makes in so long: kv / kp where the error's rate is damped
    )
    backlash_rad: float = 0.0  # end to end

    def __post_init__(self) -> None:
        require(0.0 < self.kp < 1e5, f"kp must be above 0 and below 100000 N m/rad, got {self.kp}")
        small = self.kv, self.damping, self.frictionloss, self.armature, self.delay_s, self.lead_s, self.backlash_rad
        require(min(small) >= 0.0, f"no number of an actuator may be negative, got {min(small)}")
        slow_s = max(self.delay_s, self.lead_s)
        require(slow_s < 0.5, f"delay_s and lead_s must be below half a second, got {slow_s}")
        require(min(self.force_Nm, self.gripper_force_Nm) > 0.0, "force_Nm and gripper_force_Nm must be above 0")


def actuator(profile: str) -> Actuator:
    """The profile of that name in configs/so101.yaml, or in the YAML file at that path. Raises ConfigError."""
    shipped = arm.facts()["actuator_profiles"]
    if profile in shipped:
        return config.build(Actuator, shipped[profile], profile)
    if not Path(profile).is_file():
        raise ConfigError(f"no actuator profile {profile}; there are: {', '.join(shipped)}, or a file of twinarm sysid")
    return config.build(Actuator, config.read(profile), profile)


def leash_rad(kp: float) -> float:
    """How far a target may lie ahead of the measured pose: a servo of that stiffness, N m/rad, droops by part of it."""
    limits = arm.facts()["governor"]
    return float(limits["leash_rad"] + limits["leash_torque_Nm"] / kp)
