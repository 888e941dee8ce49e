"""A policy behind an endpoint acts as it does at home, for one robot or several, and is never waited for too long."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from control import wire
from control.arm import Arm
from control.config import RobotConfig
from control.errors import LinkError, LinkTimeout
from control.link import Listener, serving_beside
from control.peers import Peer
from control.remote import RemoteRobot, RobotService
from control.types import ResetRequest
from policies.actor import NetConfig, PolicyNet
from policies.card import ACT, LARGEST_LOOK, Card, Look, look_form
from policies.learned import LearnedPolicy, Notes, shapes_for
from policies.remote import RemotePolicy
from policies.repeat import Repeat
from policies.service import PolicyService
from policies.spaces import Spaces, SpacesConfig
from sim.robot import SimRobot
from tools.bench_wire import StillRobot

pytestmark = pytest.mark.clock

PX = 32
CONFIG = SpacesConfig(camera_px=PX, frame_stack=2, action_repeat=2)
NOTES = Notes(CONFIG, 10.0, 0, "")
ARM = Arm.from_facts()


class Slow:
    """A network that takes its time, and counts."""

    def __init__(self, seconds: float = 0.0):
        self.seconds, self.batches = seconds, []
        self._net = PolicyNet(shapes_for(Spaces(CONFIG, ARM)), NetConfig(strides=(3, 2), hidden=32))

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        time.sleep(self.seconds)
        self.batches.append(len(pixels) if pixels.ndim == 4 else 1)
        return self._net.act(pixels, proprio)


@contextmanager
def serving(network: Slow, endpoint: str) -> Iterator[None]:
    service = PolicyService(network, Card("a test", NOTES), ARM)
    with Listener(endpoint, largest=LARGEST_LOOK) as listener, serving_beside(listener, service, threading.Event()):
        yield


@pytest.fixture(scope="module")
def robot() -> Iterator[SimRobot]:
    with SimRobot(RobotConfig(hz=10.0, camera_px=PX)) as robot:
        yield robot


def driven(robot: SimRobot, policy, steps: int = 9) -> np.ndarray:
    policy.reset()
    seen, targets = robot.reset(ResetRequest("home", 3)), []
    for _ in range(steps):
        seen = robot.step(policy.act(seen))
        targets.append(seen.target_rad)
    return np.array(targets)


def test_a_served_policy_acts_as_it_does_at_home_episode_after_episode(robot, tmp_path):
    network, endpoint = Slow(), f"ipc://{tmp_path}/policy"
    spaces = Spaces(CONFIG, ARM)
    at_home = Repeat(LearnedPolicy(network, spaces), spaces)
    with serving(network, endpoint), closing(RemotePolicy(endpoint, ARM, deadline_s=5.0)) as served:
        for _ in range(2):
            np.testing.assert_allclose(driven(robot, served), driven(robot, at_home), atol=2e-3)
        assert served.card.notes == NOTES and len(served.timing.asked_s) == 10  # each action is for two steps
        assert served.timing.outcomes == {"acted": 18}


def test_an_answer_that_is_late_is_a_hold_and_the_next_one_is_taken(robot, tmp_path):
    network, endpoint = Slow(), f"ipc://{tmp_path}/policy"
    with serving(network, endpoint), closing(RemotePolicy(endpoint, ARM, deadline_s=0.3)) as served:
        seen = robot.reset(ResetRequest("home", 3))
        network.seconds = 1.0
        began_s = time.monotonic()
        command = served.act(seen)
        assert time.monotonic() - began_s < 0.6
        np.testing.assert_array_equal(command.target_rad, seen.target_rad)
        network.seconds = 0.0
        time.sleep(1.2)
        command = served.act(robot.step(command))
        assert served.timing.outcomes["late"] == 1 and (command.target_rad != seen.target_rad).any()


def test_asked_ahead_no_step_waits_and_what_is_too_old_is_a_hold(robot, tmp_path):
    network, endpoint = Slow(0.05), f"ipc://{tmp_path}/policy"
    with serving(network, endpoint):
        ahead = RemotePolicy(endpoint, ARM, deadline_s=5.0, ahead=True, oldest_steps=2)
        with closing(ahead):
            seen, waited_s = robot.reset(ResetRequest("home", 3)), []
            for _ in range(8):
                began_s = time.monotonic()
                command = ahead.act(seen)
                waited_s.append(time.monotonic() - began_s)
                time.sleep(0.15)
                seen = robot.step(command)
            assert sorted(waited_s)[4] < 0.04 and ahead.timing.outcomes["acted"] >= 5
            network.seconds = 2.0
            for _ in range(8):
                seen = robot.step(ahead.act(seen))
            held = ahead.act(seen)
            np.testing.assert_array_equal(held.target_rad, seen.target_rad)
            assert ahead.timing.outcomes["old"] >= 1


@pytest.mark.parametrize("ahead", [False, True])
def test_a_policy_that_is_gone_is_named_and_not_held_for_for_ever(robot, tmp_path, ahead):
    endpoint = f"ipc://{tmp_path}/policy"
    with serving(Slow(), endpoint):
        gone = RemotePolicy(endpoint, ARM, deadline_s=0.2, ahead=ahead)
        seen = robot.step(gone.act(robot.reset(ResetRequest("home", 3))))
    with (
        closing(gone),
        pytest.raises(LinkTimeout, match=f"the policy at {endpoint} is silent for 3.* s; the arm holds"),
    ):
        for _ in range(60):
            seen = robot.step(gone.act(seen))
            time.sleep(0.1)


def travelled(body: object) -> object:
    """As it comes out of the wire."""
    return wire.unpack(wire.pack("observe", wire.NOBODY, 1, wire.NOBODY, body)).body


def asked(robot: SimRobot, session: bytes):
    seen = replace(robot.reset(ResetRequest("near", session[0])), seq=1)
    return wire.ACT, travelled(look_form(NOTES).write(Look(seen, True))), Peer(session)


def test_what_waits_together_is_answered_at_once_and_each_as_if_alone(robot):
    together, alone = Slow(), Slow()
    alone._net = together._net
    service, single = (PolicyService(net, Card("a test", NOTES), ARM) for net in (together, alone))
    asks = [asked(robot, bytes([n]) * 16) for n in range(3)]
    service.foresee(asks)
    answers = [ACT.read(travelled(service(*ask))) for ask in asks]
    assert together.batches == [3] and [act.together for act in answers] == [3, 3, 3]
    for ask, act in zip(asks, answers, strict=True):
        lone = ACT.read(travelled(single(*ask)))
        np.testing.assert_allclose(act.actions, lone.actions, atol=1e-6)


def test_a_robot_is_no_policy_and_a_policy_no_robot(tmp_path):
    service = PolicyService(Slow(), Card("a test", NOTES), ARM)
    for handler, other, words in (
        (RobotService(StillRobot()), lambda endpoint: RemotePolicy(endpoint, ARM), "is no policy; .* of a robot"),
        (service, RemoteRobot, "is no robot; is that the endpoint of a policy"),
    ):
        stop = threading.Event()
        with (
            Listener(f"ipc://{tmp_path}/still") as listener,
            serving_beside(listener, handler, stop),
            pytest.raises(LinkError, match=words),
        ):
            other(listener.endpoint)
    with pytest.raises(LinkError, match="a policy does not step"):
        service("step", None, Peer(b"s" * 16))
    with pytest.raises(LinkError, match="a robot does not act"):
        RobotService(StillRobot())(wire.ACT, None, Peer(b"s" * 16))
