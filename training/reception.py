"""Where a learner meets its actors: episodes come in piece by piece, the newest weights go out."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from control.errors import LinkError
from control.peers import Peer, permit
from control.wire import LEARNED, LIVED
from training.exchange import (
    PART,
    SLICE,
    WANT,
    Card,
    Lived,
    Moment,
    Piece,
    Slice,
    Stride,
    Want,
    joined,
    piece_form,
    write_card,
)

MOST_ACTORS = 16


@dataclass
class Opened:
    """What has come of an episode so far."""

    key: str
    start: Moment
    strides: list[Stride] = field(default_factory=list)


class Reception:
    """The handler that puts a learner behind `link.Listener`.

    Args:
        keep: is given every episode that is whole, once; what it returns from is safe, and the actor is told so.
        known: keys of the episodes that were kept before.
        action_size: numbers in an action.
    """

    def __init__(self, card: Card, keep: Callable[[Lived], None], known: Collection[str], action_size: int):
        self._card, self._keep, self._known = card, keep, set(known)
        self._form, self._actions = piece_form(card.config.spaces), action_size
        self._opened: dict[bytes, Opened] = {}  # by session; longest silent first
        self._weights: tuple[int, bytes] = (0, b"")
        self._step, self._enough = 0, False
        self.told_enough = False  # some actor has heard that the run is over

    def publish(self, version: int, weights: bytes, step: int, enough: bool = False) -> None:
        """From now on these are the newest weights; `enough` ends the run for whoever acts."""
        self._weights, self._step, self._enough = (version, weights), step, enough

    def __call__(self, kind: str, body: Any, peer: Peer) -> Any:
        """Raises LinkError for a question that is none for a learner or of another form, NotPermitted."""
        if kind == "hello":
            return write_card(self._card)
        if kind not in (LIVED, LEARNED):
            raise LinkError(f"a learner does not {kind}; is that the endpoint of a robot that was meant?")
        permit(peer, kind)
        if kind == LEARNED:
            return PART.write(self._part(WANT.read(body)))
        self._take(self._form.read(body), peer)
        return None

    def _part(self, want: Want) -> Slice:
        version, weights = self._weights
        self.told_enough |= self._enough
        offset = want.offset if want.version == version else 0
        nothing_new = want.version == version and not offset
        data = b"" if nothing_new else weights[offset : offset + SLICE]
        return Slice(version, len(weights), data, self._step, self._enough)

    def _take(self, piece: Piece, peer: Peer) -> None:
        if piece.key in self._known:
            return
        opened = self._opened.pop(peer.session, None)
        if piece.start is not None:
            opened = Opened(piece.key, piece.start)
        if opened is None or opened.key != piece.key or len(opened.strides) != piece.first:
            raise LinkError("this is not the next piece of an episode; send it from its beginning")
        self._check(piece)
        opened.strides += piece.strides
        if piece.last:
            steps = joined(opened.start, opened.strides)
            self._keep(Lived(piece.key, piece.seed, piece.calibration, steps))
            self._known.add(piece.key)
            return
        self._opened[peer.session] = opened
        if len(self._opened) > MOST_ACTORS:
            del self._opened[next(iter(self._opened))]

    def _check(self, piece: Piece) -> None:
        most = self._card.config.schedule.explore_limit_steps
        if not piece.strides or piece.first + len(piece.strides) > most or piece.seed < 0:
            raise LinkError(f"an episode has 1 to {most} steps and a seed; this one was refused")
        for stride in piece.strides:
            label = stride.command.label or stride.command.action
            if len(stride.command.action) != self._actions or len(label) != self._actions:
                raise LinkError(f"an action has {self._actions} numbers, got {len(stride.command.action)}")
