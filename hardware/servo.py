"""An STS3215 as its registers behave, without a motor: what a write does, what outlives the supply.

Sources: S, Feetech's memory table V3.6; R, a re-implementation of the factory firmware 3.10, tested against it. What
rests on R alone is marked "to confirm" and is what `twinarm probe` asks of a real servo.
"""

from collections.abc import Mapping

from hardware.packets import Fault
from hardware.registers import COUNTS_TURNS, STEPS_PER_TURN, STS3215

SIZE = 87
EEPROM = 40  # registers below it
MIDDLE = STEPS_PER_TURN // 2
RECENTRE = 128  # written to torque_enable: here is the middle
POSITION_MODE, SPEED_MODE, PWM_MODE = 0, 1, 2
# fmt: off
FACTORY = {
    "firmware_major": 3, "firmware_minor": 10, "model": 777, "id": 1, "response_level": 1, "max_position": 4095,
    "max_temperature": 70, "max_voltage": 140, "min_voltage": 40, "max_torque": 1000, "phase": 12,
    "unloading_condition": 44, "led_alarm_condition": 47, "p_gain": 32, "d_gain": 32, "min_start_force": 16,
    "clockwise_dead_zone": 1, "counterclockwise_dead_zone": 1, "protection_current": 500, "angular_resolution": 1,
    "protective_torque": 20, "protection_time": 200, "overload_torque": 80, "speed_p_gain": 10,
    "over_current_time": 200, "speed_i_gain": 200,
}
# fmt: on
AT_POWER_UP = {"lock": 1, "max_speed": 68, "max_acceleration": 254}  # of the rest, 0
READ_ONLY = frozenset(
    address for row in STS3215.values() if row.access == "ro" for address in range(row.address, row.address + row.size)
)


class Servo:
    """One servo's memory, and what the firmware does when it is written to.

    Args:
        eeprom: what differs from the factory's settings, by register.
    """

    def __init__(self, eeprom: Mapping[str, int] | None = None):
        self._memory = bytearray(SIZE)
        for name, value in {**FACTORY, **(eeprom or {})}.items():
            self[name] = value
        self._persistent = bytes(self._memory[:EEPROM])
        self._stored = b""
        self.encoder = MIDDLE  # the magnet's angle, steps
        self.writes = 0  # grows when a setting may have changed
        self.power_up()

    def power_up(self) -> None:
        """Come to life: what was not persisted is lost, torque is off."""
        self._memory[:] = self._persistent.ljust(SIZE, b"\0")
        self.writes += 1
        for name, value in AT_POWER_UP.items():
            self[name] = value
        self["torque_limit"] = self["max_torque"]
        self.sense(self.encoder)

    def __getitem__(self, name: str) -> int:
        row = STS3215[name]
        return row.decode(bytes(self._memory[row.address : row.address + row.size]))

    def __setitem__(self, name: str, value: int) -> None:
        """As the firmware itself writes: no rule applies."""
        row = STS3215[name]
        self._memory[row.address : row.address + row.size] = row.encode(value)

    @property
    def faults(self) -> Fault:
        return Fault(self["status"])

    def read(self, address: int, size: int) -> bytes:
        """What a READ answers; beyond the table there is nothing (R, to confirm)."""
        return bytes(self._memory[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        """What a WRITE does: read-only bytes and those beyond the table stay as they are, the rest has its effects."""
        self.writes += 1
        before = {name: self[name] for name in ("torque_enable", "mode", "homing_offset")}
        touched = range(address, min(address + len(data), SIZE))
        for at, byte in zip(touched, data, strict=False):
            if at not in READ_ONLY:
                self._memory[at] = byte
        if not self["lock"]:
            kept = bytearray(self._persistent)
            kept[address:EEPROM] = (
                self._memory[address : min(address + len(data), EEPROM)] + kept[address + len(data) :]
            )
            self._persistent = bytes(kept)
        self._take_effect({row.name for row in STS3215.values() if row.address in touched}, before)

    def store(self, address: int, data: bytes) -> None:
        """What a REG_WRITE does: keep it for ACTION."""
        self._stored = bytes([address]) + data
        self["stored_write"] = 1

    def act(self) -> None:
        """What ACTION does."""
        if self._stored:
            self.write(self._stored[0], self._stored[1:])
        self._stored = b""
        self["stored_write"] = 0

    def sense(self, encoder: int) -> None:
        """The magnet turned to `encoder` (steps, any turn)."""
        self.encoder = encoder
        self["present_position"] = self._present(encoder)
        if not self["torque_enable"]:
            # So that switching torque on holds the pose it finds (R, to confirm).
            self["goal_position_2"] = self["present_position"]

    def _present(self, encoder: int) -> int:
        """In one turn, unless the limits are equal, or `phase` says so (to confirm): then it counts on."""
        position = encoder - self["homing_offset"]
        endless = self["min_position"] == self["max_position"] or bool(self["phase"] & COUNTS_TURNS)
        return _within_reach(position) if endless else position % STEPS_PER_TURN

    def _take_effect(self, written: set[str], before: Mapping[str, int]) -> None:
        if "torque_enable" in written and self["torque_enable"] == RECENTRE:
            self["torque_enable"] = before["torque_enable"]
            self._recentre()
        if "mode" in written and self["mode"] != before["mode"]:
            for name in ("goal_speed", "acceleration", "torque_enable"):
                self[name] = 0
        if "goal_position" in written:
            self["goal_position_2"] = self._clamped(self["goal_position"])
        # A goal of any kind switches torque on by itself (R, to confirm): a late one undoes a stop.
        drives = {POSITION_MODE: "goal_position", SPEED_MODE: "goal_speed", PWM_MODE: "goal_time"}
        if drives.get(self["mode"], "goal_position") in written:
            self["torque_enable"] = 1
        if not self["torque_enable"] and (before["torque_enable"] or "torque_enable" in written):
            self["status"] = self.faults & ~Fault.OVERLOAD
        self.sense(self.encoder)

    def _clamped(self, goal: int) -> int:
        low, high = self["min_position"], self["max_position"]
        return goal if low == high else _within_reach(min(max(goal, low), high))

    def _recentre(self) -> None:
        """Let the present angle read 2048; an offset that the register cannot hold stays what it was."""
        offset = self.encoder % STEPS_PER_TURN - MIDDLE
        if abs(offset) <= STS3215["homing_offset"].largest:
            self["homing_offset"] = offset


def _within_reach(steps: int) -> int:
    """What a position's register can hold, which a limit may exceed; what the firmware does then is to confirm."""
    most = STS3215["present_position"].largest
    return min(max(steps, -most), most)
