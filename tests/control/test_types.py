"""Values are read-only, and whoever made the arrays they were born from keeps them."""

import numpy as np
import pytest

from control.types import JOINTS, Command, Frame, Observation, RobotSpec, Truth


def fresh(length: int = len(JOINTS)) -> np.ndarray:
    return np.linspace(0.1, 0.2, length)


BORN = {
    "command": (lambda: (fresh(),), lambda a: Command(a, answers=1), ("target_rad",)),
    "observation": (
        lambda: tuple(fresh() for _ in range(4)),
        lambda *arrays: Observation(1, 0.1, *arrays, limited=False),
        ("joints_rad", "speed_rad_s", "load", "target_rad"),
    ),
    "truth": (
        lambda: (fresh(3), fresh(4), fresh(3), fresh(3)),
        lambda *arrays: Truth(*arrays, pads_touch=(False, False)),
        ("cube_m", "cube_quat", "tool_m", "moving_pad_m"),
    ),
    "spec": (
        lambda: (fresh(), fresh() + 1, fresh(), fresh()),
        lambda *arrays: RobotSpec(JOINTS, *arrays, 10.0, {}, "toy", "exact"),
        ("lower_rad", "upper_rad", "speed_rad_s", "accel_rad_s2"),
    ),
}


@pytest.mark.parametrize("kind", BORN)
def test_a_value_is_read_only_and_does_not_follow_its_makers_arrays(kind):
    make, born, names = BORN[kind]
    arrays = make()
    value = born(*arrays)
    for name, array, before in zip(names, arrays, make(), strict=True):
        array += 1.0
        np.testing.assert_array_equal(getattr(value, name), before)
        with pytest.raises(ValueError, match="read-only"):
            getattr(value, name)[0] = 5.0


def test_an_array_that_is_read_only_already_is_not_copied():
    array = fresh().copy()
    array.setflags(write=False)
    assert Command(array, answers=1).target_rad is array


def test_a_read_only_view_of_an_array_that_is_not_is_copied():
    array = fresh().copy()
    view = array.view()
    view.setflags(write=False)
    command = Command(view, answers=1)
    array[:] = 0
    assert command.target_rad.tolist() == fresh().tolist()


def test_a_frame_is_read_only_and_its_maker_s_picture_is_not():
    picture = np.zeros((4, 4, 3), np.uint8)
    frame = Frame(picture, 0.0)
    with pytest.raises(ValueError, match="read-only"):
        frame.rgb[0] = 1
    assert picture.flags.writeable
