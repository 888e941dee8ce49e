"""Episodes one way, weights the other: whole, once, of the right form, and in pieces that a wire carries."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from tiny import tiny

from control import wire
from control.arm import Arm
from control.errors import LinkError, NotPermitted
from control.loop import play
from control.peers import Peer, Role
from control.types import ResetRequest, Who
from policies.actor import PolicyNet
from policies.behaviours import Blind
from policies.learned import Notes, shapes_for
from policies.spaces import Spaces
from sim.robot import SimRobot
from training.courier import Newest
from training.exchange import (
    PART,
    SLICE,
    WANT,
    Card,
    Lived,
    Want,
    piece_form,
    pieces,
    read_card,
    read_weights,
    write_weights,
)
from training.experience import from_steps
from training.lift import LiftTask, load_reward
from training.reception import Reception

CONFIG = tiny("schedule.explore_limit_steps=60")
SPACES = Spaces(CONFIG.spaces, Arm.of(None))
FORM = piece_form(CONFIG.spaces)
ACTOR, OTHER = Peer(b"a" * 16), Peer(b"o" * 16)


@pytest.fixture(scope="module")
def lived() -> Lived:
    judge = LiftTask(load_reward("sparse"), 0.97)
    with SimRobot(CONFIG.robot) as robot:
        steps = list(play(robot, Blind(SPACES, 0.3, 0), judge, ResetRequest("near", 4), 60))
    steps[5] = replace(steps[5], command=replace(steps[5].command, who=Who.PERSON))
    return Lived("k1", 4, "exact", tuple(steps))


class Learner:
    """What stands behind a reception."""

    def __init__(self) -> None:
        self.kept: list[Lived] = []
        notes = Notes(CONFIG.spaces, 10.0, 0, "")
        self.reception = Reception(Card(CONFIG, notes), self.kept.append, {"known"}, SPACES.action_size)

    def ask(self, kind: str, body: object, peer: Peer = ACTOR) -> object:
        message = wire.unpack(wire.pack(kind, peer.session, 1, wire.NOBODY, body))
        answer = self.reception(kind, message.body, peer)
        return wire.unpack(wire.pack(kind, peer.session, 1, wire.NOBODY, answer)).body


def test_an_episode_arrives_as_it_was_lived_through_and_once(lived):
    learner = Learner()
    assert read_card(learner.ask("hello", None)).config == CONFIG
    parts = list(pieces(lived, CONFIG.spaces))
    assert [len(part.strides) for part in parts] == [32, 28]
    for part in [*parts, *parts]:
        learner.ask(wire.LIVED, FORM.write(part))
    [got] = learner.kept
    assert (got.key, got.seed, got.calibration) == ("k1", 4, "exact")
    assert [step.command.who for step in got.steps] == [step.command.who for step in lived.steps]
    for name, theirs in vars(from_steps(lived.steps, SPACES)).items():
        np.testing.assert_array_equal(getattr(from_steps(got.steps, SPACES), name), theirs)
    np.testing.assert_array_equal(got.steps[-1].truth.cube_m, lived.steps[-1].truth.cube_m)


def test_an_episode_that_was_broken_off_is_sent_again_from_its_beginning(lived):
    learner = Learner()
    first, second = pieces(lived, CONFIG.spaces)
    learner.ask(wire.LIVED, FORM.write(first))
    learner.ask(wire.LIVED, FORM.write(first), OTHER)  # another actor's is no part of it
    with pytest.raises(LinkError, match="send it from its beginning"):
        learner.ask(wire.LIVED, FORM.write(replace(second, first=40)))
    for part in (first, second):
        learner.ask(wire.LIVED, FORM.write(part))
    assert len(learner.kept) == 1 and len(learner.kept[0].steps) == 60


@pytest.mark.parametrize(
    "spoiled, words",
    [
        (lambda part: replace(part, strides=()), "1 to 60 steps"),
        (lambda part: replace(part, strides=part.strides * 2), "1 to 60 steps"),
        (lambda part: replace(part, seed=-1), "a seed"),
        (lambda part: replace(part, first=3), "send it from its beginning"),
        (lambda part: replace(part, strides=(acting(part, (0.0,) * 4),)), "an action has 5 numbers, got 4"),
    ],
)
def test_an_episode_of_another_form_is_refused(lived, spoiled, words):
    learner = Learner()
    part = next(pieces(lived, CONFIG.spaces))
    with pytest.raises(LinkError, match=words):
        learner.ask(wire.LIVED, FORM.write(spoiled(part)))
    assert not learner.kept


def acting(part, action):
    stride = part.strides[0]
    return replace(stride, command=replace(stride.command, action=action))


@given(st.binary(max_size=200) | st.none() | st.lists(st.integers()) | st.dictionaries(st.text(), st.binary()))
@hypothesis(max_examples=60, deadline=None)
def test_no_bytes_whatever_are_an_episode_weights_or_a_card(body):
    learner = Learner()
    for kind in (wire.LIVED, wire.LEARNED):
        with pytest.raises(LinkError):
            learner.ask(kind, body)
    with pytest.raises(LinkError):
        read_card(body)
    if isinstance(body, bytes):
        with pytest.raises(LinkError):
            read_weights(body)


def test_who_may_only_watch_brings_nothing_and_gets_nothing(lived):
    learner, observer = Learner(), Peer(b"b" * 16, role=Role.OBSERVER)
    for kind, body in ((wire.LIVED, FORM.write(next(pieces(lived, CONFIG.spaces)))), (wire.LEARNED, [1, 0])):
        with pytest.raises(NotPermitted):
            learner.ask(kind, body, observer)


def fetched(learner: Learner, version: int, offset: int = 0):
    return PART.read(learner.ask(wire.LEARNED, WANT.write(Want(version, offset))))


def test_weights_go_out_in_slices_and_only_where_they_are_new():
    learner, weights = Learner(), np.random.default_rng(0).bytes(2 * SLICE + 5)
    assert fetched(learner, 0).version == 0
    learner.reception.publish(7, weights, step=12)
    first = fetched(learner, 0)
    rest = [fetched(learner, 7, SLICE), fetched(learner, 7, 2 * SLICE)]
    assert b"".join([first.data, *(part.data for part in rest)]) == weights and first.size == len(weights)
    assert fetched(learner, 7).data == b"" and first.step == 12 and not first.enough
    learner.reception.publish(8, weights[::-1], step=13, enough=True)
    newer = fetched(learner, 7, SLICE)  # half of the old ones are here: the new ones begin anew
    assert newer.version == 8 and newer.data == weights[::-1][:SLICE] and newer.enough


def test_only_whole_and_finite_weights_of_this_network_take_the_place_of_the_last():
    torch.manual_seed(0)
    shapes = shapes_for(SPACES)
    acting, newest = PolicyNet(shapes, CONFIG.net), PolicyNet(shapes, CONFIG.net)
    network = Newest(acting)
    look = np.zeros(shapes.pixels, np.uint8), np.ones(shapes.proprio, np.float32)
    before = network.act(*look)
    spoiled = {name: value * torch.nan for name, value in newest.state_dict().items()}
    for tensors in (spoiled, dict(list(newest.state_dict().items())[1:])):
        with pytest.raises(LinkError, match="weights are"):
            network.become(tensors)
        np.testing.assert_array_equal(network.act(*look), before)
    network.become(read_weights(write_weights(newest.state_dict())))
    np.testing.assert_array_equal(network.act(*look), newest.act(*look))
