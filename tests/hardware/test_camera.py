"""The camera driver on a served stream: how new its pictures are, and what it says when they are not."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from control.errors import CameraError
from hardware.camera import OLDEST_S, Camera
from sim.webcam import LAG_S, Webcam

pytestmark = pytest.mark.clock

PX = 64
SHADES = np.linspace(30, 220, 640, dtype=np.uint8)


@pytest.fixture
def webcam() -> Iterator[Webcam]:
    """Red above, a ramp of green below."""
    scene = np.zeros((480, 640, 3), np.uint8)
    scene[:240, :, 0] = 200
    scene[240:, :, 1] = SHADES
    made = Webcam(lambda: scene)
    yield made
    made.close()


@pytest.fixture
def camera(webcam) -> Iterator[Camera]:
    made = Camera(webcam.url, PX)
    yield made
    made.close()


def test_a_webcam_films_while_somebody_watches_and_shows_nobody_what_was_before():
    looks: list[float] = []

    def look() -> np.ndarray:
        looks.append(time.monotonic())
        return np.full((480, 640, 3), 90, np.uint8)

    webcam = Webcam(look)
    for _ in range(2):
        time.sleep(0.3)
        before = len(looks)
        time.sleep(0.3)
        assert len(looks) == before
        opened_s = time.monotonic()
        with closing(Camera(webcam.url, PX)) as camera:
            assert camera.newest().stamp_s > opened_s
            time.sleep(0.5)
            assert len(looks) > before + 5
    webcam.close()


def complaint(camera: Camera, within_s: float = 3.0) -> str:
    """What it says when it first refuses a picture."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            camera.newest()
        except CameraError as error:
            return str(error)
        time.sleep(0.02)
    pytest.fail("it never complained")


def until_well(camera: Camera, within_s: float = 8.0) -> None:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            camera.newest()
            return
        except CameraError:
            time.sleep(0.05)
    pytest.fail("it never got well")


def test_a_picture_is_the_policys_size_right_way_up_and_red_is_red(camera):
    rgb = camera.newest().rgb.astype(int)
    assert rgb.shape == (PX, PX, 3)
    assert (rgb[: PX // 2 - 2, :, 0] > 170).all() and (rgb[PX // 2 + 2 :, :, 0] < 40).all()
    green = rgb[PX // 2 + 4 :, :, 1].mean(axis=0)
    assert green[0] == pytest.approx(54, abs=12) and green[-1] == pytest.approx(196, abs=12)  # the middle 480 columns


def test_pictures_are_never_old_and_their_stamps_go_on(camera):
    ages_s, stamps_s = [], []
    for _ in range(30):
        time.sleep(0.02)
        frame = camera.newest()
        ages_s.append(time.monotonic() - frame.stamp_s)
        stamps_s.append(frame.stamp_s)
    assert max(ages_s) < OLDEST_S
    assert stamps_s == sorted(stamps_s) and len(set(stamps_s)) > 8


def test_a_picture_shows_the_scene_as_it_was_a_camera_lag_ago():
    began_s = time.monotonic()
    webcam = Webcam(lambda: np.full((480, 640, 3), int(20 + 40 * (time.monotonic() - began_s)), np.uint8))
    camera = Camera(webcam.url, PX)
    time.sleep(1.0)
    frame = camera.newest()
    seen_s = began_s + (frame.rgb.mean() - 20) / 40
    assert -0.03 < frame.stamp_s - seen_s - LAG_S < 0.12
    camera.close()
    webcam.close()


@pytest.mark.parametrize(("fault", "words"), [("frozen", "frozen for 0"), ("dark", "nothing but dark")])
def test_a_picture_that_shows_nothing_new_is_refused_until_it_does(webcam, camera, fault, words):
    setattr(webcam, fault, True)
    assert words in complaint(camera)
    setattr(webcam, fault, False)
    until_well(camera)


def test_a_lost_camera_is_told_and_found_again(webcam):
    scene = np.full((480, 640, 3), 90, np.uint8)
    first = Webcam(lambda: scene)
    port = int(first.url.split(":")[2].split("/")[0])
    camera = Camera(first.url, PX)
    first.close()
    words = complaint(camera)
    assert first.url in words and ("no more pictures" in words or "old" in words)
    again = Webcam(lambda: scene, port=port)
    until_well(camera)
    assert camera.reopened >= 1
    camera.close()
    again.close()


def test_a_camera_of_another_size_is_refused(webcam):
    with pytest.raises(CameraError, match=r"pictures are \(480, 640\), they must be \(720, 1280\); the arm's file"):
        Camera(webcam.url, PX, (720, 1280))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/dev/videoNONE", "there is no such camera; twinarm find"),
        ("http://127.0.0.1:9/wrist.mjpg", "it cannot be opened; twinarm find"),
        (__file__, "test_camera.py: it shows no pictures; twinarm find"),
    ],
)
def test_a_camera_that_is_none_is_told_with_the_next_move(source, words):
    with pytest.raises(CameraError, match=words):
        Camera(source, PX)


def test_a_camera_that_another_program_has_names_it(tmp_path):
    (held := tmp_path / "video").write_bytes(b"")
    hold = "import sys, time; file = open(sys.argv[1]); print('', flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", hold, str(held)], stdout=subprocess.PIPE)
    assert other.stdout and other.stdout.readline()
    with pytest.raises(CameraError, match=rf"in use by \S+ \(process {other.pid}\); stop that first"):
        Camera(str(held), PX)
    other.kill()
    other.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a device to a group")
def test_a_camera_that_is_forbidden_names_the_group():
    look = "import os, sys, hardware.camera as c; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
    look += "print(c._shut(sys.argv[1]))"
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.mknod(device := Path(folder) / "video", stat.S_IFCHR | 0o660, os.stat("/dev/null").st_rdev)
        os.chown(device, 0, 44)
        os.chmod(device, 0o660)
        told = subprocess.run([sys.executable, "-c", look, str(device)], capture_output=True, text=True)
    assert "not permitted; join its group with sudo usermod -aG video" in told.stdout
