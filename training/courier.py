"""The actor's end of the wire to a learner: a thread that brings episodes there and the newest weights back.

Whoever acts never waits for it. While the learner is lost the actor goes on with the last weights, as long as what it
lives through can be kept here; then it stands until the learner is back.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy

import numpy as np
from torch import Tensor

from control import wire
from control.arm import Arm
from control.caller import Caller
from control.errors import LinkError, TwinarmError
from control.keys import own_ticket
from policies.actor import PolicyNet
from policies.learned import shapes_for
from policies.spaces import Spaces
from training.exchange import (
    LARGEST_WEIGHTS,
    PART,
    WANT,
    Lived,
    Want,
    piece_form,
    pieces,
    read_card,
    read_weights,
)

ANSWER_S = 5.0  # for anything else
LOOK_S = 0.2  # between looks for new weights
PATIENCE_S = 60.0  # for a learner that begins: it reads its demonstrations first
AGAIN_S = 1.0  # between tries to reach a learner that is lost
LEAVE_S = 5.0  # to hand over what is left
MOST_KEPT = 100  # episodes; at 10 Hz and 64 pixels about as many MB, and ten minutes


class Newest:
    """A network whose weights are exchanged between two of its actions."""

    def __init__(self, net: PolicyNet):
        self._acting, self._idle = net, deepcopy(net)

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        """As `Network.act`."""
        return self._acting.act(pixels, proprio)

    def become(self, tensors: dict[str, Tensor]) -> None:
        """Raises LinkError for weights of another network, or such as are not finite."""
        try:
            self._idle.load_state_dict(tensors)
        except RuntimeError as error:
            raise LinkError(
                f"the learner's weights are of another network: {' '.join(str(error).split())[:200]}"
            ) from None
        if not all(bool(value.isfinite().all()) for value in tensors.values()):
            raise LinkError("the learner's weights are not finite; the last ones stay")
        self._acting, self._idle = self._idle, self._acting


class Courier:
    """Opened, it knows the learner's run; its thread starts at `start`.

    Args:
        tell: is told in words when the learner is lost, and when it is back.
    Raises:
        LinkTimeout: nobody answers there.
        LinkError: what answers is no learner.
    """

    def __init__(self, endpoint: str, tell: Callable[[str], object]):
        self._endpoint, self._tell = endpoint, tell
        self._caller: Caller | None = Caller(endpoint, PATIENCE_S, tries=12, ticket=own_ticket())
        try:
            self.card = read_card(self._caller.greeting)
        except BaseException:
            self._caller.close()
            raise
        self._caller.limit(ANSWER_S)
        config = self.card.config
        self.spaces = Spaces(config.spaces, Arm.of(config.robot.model))
        self._form = piece_form(config.spaces)
        self.network = Newest(PolicyNet(shapes_for(self.spaces), config.net))
        self.version = self.step = 0  # of the newest weights; decisions behind them
        self.enough = self.lost = False
        self._kept: deque[Lived] = deque()
        self._wake, self._over = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin to fetch weights."""
        self._thread.start()

    @property
    def full(self) -> bool:
        """No further episode can be kept until the learner is back."""
        return len(self._kept) >= MOST_KEPT

    def deliver(self, lived: Lived) -> None:
        """Have an episode brought to the learner."""
        with self._wake:
            self._kept.append(lived)
            self._wake.notify()

    def close(self) -> None:
        """Bring what is left, if the learner is there; tell what could not be brought."""
        with self._wake:
            self._over = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)
        if self._caller and not self._thread.is_alive():
            self._caller.close()
        if self._kept and not self.enough:
            self._tell(f"{len(self._kept)} episodes could not be brought to the learner")

    def _work(self) -> None:
        while not self.enough and (not self._over or (self._kept and not self.lost)):
            try:
                self._visit()
                if self.lost:
                    self.lost = False
                    self._tell(f"the learner at {self._endpoint} is back")
            except TwinarmError as error:
                self._lose(error)
            with self._wake:
                if not self._over and not (self._kept and not self.lost):
                    self._wake.wait(AGAIN_S if self.lost else LOOK_S)

    def _visit(self) -> None:
        caller = self._connected()
        while self._kept:
            for piece in pieces(self._kept[0], self.spaces.config):
                caller.ask(wire.LIVED, self._form.write(piece))
            self._kept.popleft()
        self._fetch(caller)

    def _connected(self) -> Caller:
        if self._caller is None:
            caller = Caller(self._endpoint, ticket=own_ticket())
            if read_card(caller.greeting).config.digest != self.card.config.digest:
                caller.close()
                raise LinkError("another run is learned there now; end this actor and start it again")
            self._caller = caller
        return self._caller

    def _fetch(self, caller: Caller) -> None:
        """Take the newest weights, if they are others than those that act."""
        got, version = b"", self.version
        while True:
            part = PART.read(caller.ask(wire.LEARNED, WANT.write(Want(version, len(got)))))
            self.step, self.enough = part.step, part.enough
            if part.size > LARGEST_WEIGHTS:
                raise LinkError(f"the learner's weights take {part.size} bytes, more than {LARGEST_WEIGHTS}")
            if part.version == self.version:
                return
            got = got + part.data if part.version == version else part.data
            version = part.version
            if len(got) >= part.size:
                break
            if not part.data:
                raise LinkError("the learner's weights end before their end")
        self.network.become(read_weights(got))
        self.version = version

    def _lose(self, error: TwinarmError) -> None:
        if self._caller:
            with suppress(TwinarmError):
                self._caller.close()
            self._caller = None
        if not self.lost:
            self.lost = True
            self._tell(f"the learner is lost ({error}); acting on with its last weights")
