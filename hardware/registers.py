"""The STS3215's registers, one row each. Negative numbers are sign and magnitude, never two's complement.

Sources: S, Feetech's STS3215 memory table V3.6, which also gives the sign bits; L, LeRobot's motors/feetech/tables.py,
which agrees on address and size; B, the sign bit as measured for LeRobot's pull request 4547 (the tables say 11).
Addresses below 40 are EEPROM and outlive power-off when `lock` is 0; the rest is lost.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

STEPS_PER_TURN = 4096
COUNTS_TURNS, ZERO_IS_FASTEST = 0x10, 0x08  # bits of `phase`, as LeRobot's users tell them (to confirm)


@dataclass(frozen=True)
class Register:
    """Where a number lives in the servo, and how it is written down there."""

    name: str
    address: int
    size: int  # bytes, little endian
    sign_bit: int | None  # None: never negative
    access: Literal["ro", "rw"]  # the servo ignores a write to "ro" without a word
    unit: str
    source: str

    @cached_property
    def largest(self) -> int:
        return (1 << (8 * self.size if self.sign_bit is None else self.sign_bit)) - 1

    @cached_property
    def lowest(self) -> int:
        return 0 if self.sign_bit is None else -self.largest

    def encode(self, value: int) -> bytes:
        """Raises ValueError for a value the register cannot hold."""
        if not self.lowest <= value <= self.largest:
            raise ValueError(f"{self.name} takes {self.lowest} to {self.largest} ({self.unit}), got {value}")
        # `largest` is all ones below the sign bit.
        return (value if value >= 0 else self.largest + 1 - value).to_bytes(self.size, "little")

    def decode(self, data: bytes) -> int:
        """Raises ValueError unless `data` has the register's size."""
        if len(data) != self.size:
            raise ValueError(f"{self.name} has {self.size} bytes, got {len(data)}")
        raw = int.from_bytes(data, "little")
        if raw <= self.largest or self.sign_bit is None:
            return raw
        return -(raw & self.largest) if raw >> self.sign_bit & 1 else raw & self.largest


# fmt: off
_ROWS = (
    # name                     address size sign  access  unit                               source
    ("firmware_major",               0, 1, None, "ro", "version",                            "S L"),
    ("firmware_minor",               1, 1, None, "ro", "version",                            "S L"),
    ("byte_order",                   2, 1, None, "ro", "0: little endian",                   "S"),
    ("model",                        3, 2, None, "ro", "777 is the STS3215",                 "S L"),
    ("id",                           5, 1, None, "rw", "id",                                 "S L"),
    ("baud_code",                    6, 1, None, "rw", "0: 1 Mbaud",                         "S L"),
    ("return_delay",                 7, 1, None, "rw", "2 us",                               "S L"),
    ("response_level",               8, 1, None, "rw", "0: only reads are answered",         "S L"),
    ("min_position",                 9, 2, None, "rw", "steps; equal to max: no limit",      "S L"),
    ("max_position",                11, 2, None, "rw", "steps; equal to min: no limit",      "S L"),
    ("max_temperature",             13, 1, None, "rw", "degrees Celsius",                    "S L"),
    ("max_voltage",                 14, 1, None, "rw", "0.1 V",                              "S L"),
    ("min_voltage",                 15, 1, None, "rw", "0.1 V",                              "S L"),
    ("max_torque",                  16, 2, None, "rw", "0.1 %, taken at power-up only",      "S L"),
    ("phase",                       18, 1, None, "rw", "bits",                               "S L"),
    ("unloading_condition",         19, 1, None, "rw", "bits as in status",                  "S L"),
    ("led_alarm_condition",         20, 1, None, "rw", "bits as in status",                  "S L"),
    ("p_gain",                      21, 1, None, "rw", "gain",                               "S L"),
    ("d_gain",                      22, 1, None, "rw", "gain",                               "S L"),
    ("i_gain",                      23, 1, None, "rw", "gain",                               "S L"),
    ("min_start_force",             24, 2, None, "rw", "0.1 %",                              "S L"),
    ("clockwise_dead_zone",         26, 1, None, "rw", "steps",                              "S L"),
    ("counterclockwise_dead_zone",  27, 1, None, "rw", "steps",                              "S L"),
    ("protection_current",          28, 2, None, "rw", "6.5 mA",                             "S L"),
    ("angular_resolution",          30, 1, None, "rw", "multiple",                           "S L"),
    ("homing_offset",               31, 2, 11,   "rw", "steps",                              "S L"),
    ("mode",                        33, 1, None, "rw", "0 position 1 speed 2 PWM 3 step",    "S L"),
    ("protective_torque",           34, 1, None, "rw", "1 %, the limit after an overload",   "S L"),
    ("protection_time",             35, 1, None, "rw", "10 ms",                              "S L"),
    ("overload_torque",             36, 1, None, "rw", "1 %, the load that counts as one",   "S L"),
    ("speed_p_gain",                37, 1, None, "rw", "gain",                               "S L"),
    ("over_current_time",           38, 1, None, "rw", "10 ms",                              "S L"),
    ("speed_i_gain",                39, 1, None, "rw", "gain",                               "S L"),
    ("torque_enable",               40, 1, None, "rw", "0 off 1 on 128 here is 2048",        "S L"),
    ("acceleration",                41, 1, None, "rw", "100 steps/s^2; 0: fastest",          "S L"),
    ("goal_position",               42, 2, 15,   "rw", "steps",                              "S L"),
    ("goal_time",                   44, 2, 10,   "rw", "0.1 % duty in PWM mode",             "S L B"),
    ("goal_speed",                  46, 2, 15,   "rw", "steps/s",                            "S L"),
    ("torque_limit",                48, 2, None, "rw", "0.1 %",                              "S L"),
    ("lock",                        55, 1, None, "rw", "0: EEPROM writes persist",           "S L"),
    ("present_position",            56, 2, 15,   "ro", "steps",                              "S L"),
    ("present_speed",               58, 2, 15,   "ro", "steps/s",                            "S L"),
    ("present_load",                60, 2, 10,   "ro", "0.1 % of PWM duty",                  "S L"),
    ("present_voltage",             62, 1, None, "ro", "0.1 V",                              "S L"),
    ("present_temperature",         63, 1, None, "ro", "degrees Celsius",                    "S L"),
    ("stored_write",                64, 1, None, "ro", "1: a REG_WRITE waits for ACTION",    "S"),
    ("status",                      65, 1, None, "ro", "bits, see packets.Fault",            "S L"),
    ("moving",                      66, 1, None, "ro", "0 or 1",                             "S L"),
    ("present_current",             69, 2, 15,   "ro", "6.5 mA",                             "S L"),
    ("goal_position_2",             71, 2, 15,   "ro", "steps; its sign bit is assumed",     "S L"),
    ("max_speed",                   84, 1, None, "rw", "50 steps/s",                         "S L"),
    ("max_acceleration",            85, 1, None, "rw", "as acceleration",                    "S L"),
)
# fmt: on

STS3215 = {row[0]: Register(*row) for row in _ROWS}
