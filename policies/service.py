"""A policy behind an endpoint: many robots may ask it, and observations that wait together are answered at once."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from control.arm import Arm
from control.desk import Ask
from control.errors import LinkError
from control.peers import Peer
from control.wire import ACT as ACT_KIND
from policies.card import ACT, Act, Card, Look, look_form, write_card
from policies.networks import Network
from policies.spaces import Spaces

MOST_ROBOTS = 16


@dataclass
class _Robot:
    """What the policy remembers of one that asks."""

    frames: list[np.ndarray]  # of its last observations, oldest first
    ready: Act | None = None  # the answer to what was foreseen


class PolicyService:
    """The handler that puts a network behind `link.Listener`."""

    def __init__(self, network: Network, card: Card, arm: Arm):
        self._network, self._card = network, card
        self._spaces, self._look = Spaces(card.notes.spaces, arm), look_form(card.notes)
        self._robots: dict[bytes, _Robot] = {}  # by session; longest silent first

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises LinkError for a question that is none for a policy, or of another form."""
        if kind == "hello":
            return write_card(self._card)
        if kind != ACT_KIND:
            raise LinkError(f"a policy does not {kind}; is that the endpoint of a robot that was meant?")
        look, robot = self._look.read(body), self._robot(peer)
        if robot.ready is None or robot.ready.answers != look.seen.seq:
            self._infer([(robot, look)])
        act, robot.ready = robot.ready, None
        return ACT.write(act)

    def foresee(self, asks: Sequence[Ask]) -> None:
        """Answer the observations among them at once."""
        looks = []
        for kind, body, peer in asks:
            if kind == ACT_KIND:
                try:
                    looks.append((self._robot(peer), self._look.read(body)))
                except LinkError:
                    continue  # it is told so when it is asked
        if len(looks) > 1:
            self._infer(looks)

    def _robot(self, peer: Peer) -> _Robot:
        robot = self._robots.pop(peer.session, None) or _Robot([])
        self._robots[peer.session] = robot
        if len(self._robots) > MOST_ROBOTS:
            del self._robots[next(iter(self._robots))]
        return robot

    def _infer(self, looks: Sequence[tuple[_Robot, Look]]) -> None:
        began_s = time.perf_counter()
        spaces, depth = self._spaces, self._spaces.config.frame_stack
        for robot, look in looks:
            frame = spaces.pixels(look.seen).transpose(2, 0, 1)
            before = [] if look.first else robot.frames
            robot.frames = [*(before or [frame] * depth), frame][-depth:]
        pixels = np.stack([np.concatenate(robot.frames) for robot, _ in looks])
        felt = np.stack([spaces.proprio(look.seen) for _, look in looks])
        actions = self._network.act(pixels, felt)
        took_s = time.perf_counter() - began_s
        for (robot, look), action in zip(looks, actions, strict=True):
            seen = look.seen
            kept = (tuple(action.astype(float).tolist()),) * spaces.config.action_repeat
            age_s = seen.stamp_s - seen.frames[spaces.config.camera].stamp_s + took_s
            robot.ready = Act(kept, seen.seq, age_s, took_s, len(looks))
