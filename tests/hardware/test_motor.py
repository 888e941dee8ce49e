"""The emulated servo's loop and protections, on a joint with inertia and friction of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.motor import STEPS_PER_RAD, Build, Motor
from hardware.packets import Fault
from hardware.registers import STS3215
from hardware.servo import Servo

TICK_S = 0.001
INERTIA, DAMPING = 0.028, 0.6


class Joint:
    """A joint that turns freely but for damping and a load."""

    def __init__(self, motor: Motor, load_Nm: float = 0.0, stuck: bool = False):
        self.motor, self.load_Nm, self.stuck = motor, load_Nm, stuck
        self.angle_rad = self.speed_rad_s = self.fastest_rad_s = self.hardest_Nm = 0.0

    def live(self, seconds: float) -> "Joint":
        for _ in range(round(seconds / TICK_S)):
            torque = self.motor.drive(self.angle_rad, self.speed_rad_s, TICK_S)
            self.hardest_Nm = max(self.hardest_Nm, abs(torque))
            if not self.stuck:
                self.speed_rad_s += (torque - self.load_Nm - DAMPING * self.speed_rad_s) / INERTIA * TICK_S
                self.angle_rad += self.speed_rad_s * TICK_S
                self.fastest_rad_s = max(self.fastest_rad_s, abs(self.speed_rad_s))
        self.motor.report()
        return self


STANDARD = Build()


def motor(build: Build = STANDARD, **settings: int) -> Motor:
    made = Motor(Servo(), build)
    put(made, acceleration=254)
    put(made, **settings)
    return made


def put(motor: Motor, **settings: int) -> None:
    for name, value in settings.items():
        motor.servo.write(STS3215[name].address, STS3215[name].encode(value))


def test_a_limp_servo_does_nothing():
    joint = Joint(motor(), load_Nm=0.5).live(0.2)
    assert joint.hardest_Nm == 0.0 and joint.angle_rad < -0.05


@pytest.mark.parametrize("goal", [1000, 2048, 2900])
def test_an_unloaded_servo_goes_to_its_goal_to_the_step(goal):
    joint = Joint(motor(goal_position=goal)).live(2.0)
    assert abs(joint.motor.servo["present_position"] - goal) <= 3
    assert joint.angle_rad == pytest.approx((goal - 2048) / STEPS_PER_RAD, abs=0.005)


@pytest.mark.parametrize(("p_gain", "load_Nm"), [(32, 0.5), (32, 1.0), (16, 0.5)])
def test_a_loaded_servo_droops_by_the_load_over_its_stiffness(p_gain, load_Nm):
    joint = Joint(motor(min_start_force=0, p_gain=p_gain, goal_position=2048), load_Nm).live(2.0)
    assert -joint.angle_rad == pytest.approx(load_Nm / (40.0 * p_gain / 32), abs=0.004)


def test_an_integral_gain_lifts_the_droop():
    joint = Joint(motor(i_gain=20, goal_position=2048), load_Nm=0.8).live(4.0)
    assert abs(joint.angle_rad) < 0.006


def test_torque_on_holds_the_pose_it_finds():
    joint = Joint(motor())
    joint.angle_rad = 0.4
    joint.live(0.01)
    put(joint.motor, torque_enable=1)
    assert joint.live(0.5).angle_rad == pytest.approx(0.4, abs=0.003)


@pytest.mark.parametrize("steps_s", [200, 1000])
def test_a_goal_speed_bounds_the_speed(steps_s):
    joint = Joint(motor(goal_speed=steps_s, goal_position=3500)).live(1.0)
    assert 0.8 < joint.fastest_rad_s * STEPS_PER_RAD / steps_s < 1.15


@given(st.integers(0, 1000), st.integers(0, 4095), st.integers(0, 254))
def test_no_goal_is_pushed_harder_than_the_limit(limit, goal, p_gain):
    joint = Joint(motor(torque_limit=limit, p_gain=p_gain, goal_position=goal), stuck=True).live(0.05)
    assert joint.hardest_Nm <= limit / 1000 * 2.94 + 1e-9
    assert abs(joint.motor.servo["present_load"]) <= limit


def test_a_stalled_servo_gives_way_until_torque_is_switched_off():
    joint = Joint(motor(goal_position=3000), stuck=True).live(1.9)
    assert joint.motor.servo.faults == Fault(0) and joint.motor.servo["present_load"] == 1000
    joint.live(0.2)
    assert joint.motor.servo.faults == Fault.OVERLOAD and joint.motor.servo["present_load"] == 200
    put(joint.motor, torque_enable=0)
    assert joint.live(0.01).motor.servo.faults == Fault(0)


def test_who_pushes_no_harder_than_a_lower_limit_is_never_overloaded():
    joint = Joint(motor(torque_limit=270, goal_position=3000), stuck=True).live(4.0)
    assert joint.motor.servo.faults == Fault(0) and joint.motor.servo["present_load"] == 270


def test_an_overload_outside_the_mask_is_told_and_changes_nothing():
    joint = Joint(motor(unloading_condition=4, goal_position=3000), stuck=True).live(2.2)
    assert joint.motor.servo.faults == Fault.OVERLOAD and joint.motor.servo["present_load"] == 1000


def test_too_much_current_for_too_long_takes_the_torque_away():
    joint = Joint(motor(protection_current=200, protection_time=254, goal_position=3000), stuck=True).live(1.9)
    assert joint.motor.servo["torque_enable"] == 1
    joint.live(0.2)
    assert joint.motor.servo.faults == Fault.CURRENT and joint.motor.servo["torque_enable"] == 0


def test_a_servo_that_grows_too_hot_lets_go_and_says_so_until_it_has_cooled():
    joint = Joint(motor(Build(heating_C_per_A2_s=20.0), protection_time=254, goal_position=3000), stuck=True).live(1.0)
    servo = joint.motor.servo
    assert servo.faults == Fault.TEMPERATURE and servo["torque_enable"] == 0 and servo["present_temperature"] >= 70
    joint.motor.celsius = 66.0
    assert joint.live(0.01).motor.servo.faults == Fault.TEMPERATURE
    joint.motor.celsius = 64.0
    assert joint.live(0.01).motor.servo.faults == Fault(0)


@pytest.mark.parametrize(("volts", "faults"), [(3.9, Fault.VOLTAGE), (12.0, Fault(0)), (14.1, Fault.VOLTAGE)])
def test_a_supply_out_of_range_is_told_and_the_servo_goes_on(volts, faults):
    joint = Joint(motor(goal_position=2300))
    joint.motor.volts = volts
    joint.live(0.04)
    assert joint.motor.servo.faults == Fault(0)
    joint.live(0.04)
    assert joint.motor.servo.faults == faults and joint.motor.servo["torque_enable"] == 1
    assert joint.motor.servo["present_voltage"] == round(volts * 10)


def test_what_is_sensed_is_in_the_registers_with_its_sign():
    joint = Joint(motor(goal_position=1000)).live(0.1)
    servo = joint.motor.servo
    assert servo["present_speed"] == pytest.approx(joint.speed_rad_s * STEPS_PER_RAD, abs=30)
    assert servo["present_speed"] < 0 and servo["moving"] == 1
    assert servo["present_load"] == round(joint.motor.duty)
    assert servo["present_current"] * 0.0065 == pytest.approx(joint.motor.duty / 1000 * 2.7, abs=0.01)
