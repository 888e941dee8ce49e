"""Who talks to a robot: what each may do, and whose turn it is to drive."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from control.errors import LeaseHeld, NotPermitted
from control.modes import Word

LEASE_S = 1.0  # of silence, after which somebody else may drive


class Role(IntEnum):
    """Each may do what those below it may."""

    OBSERVER = 1  # looks, and stops
    COMMANDER = 2  # drives
    OPERATOR = 3  # clears what is latched, parks, lets go


@dataclass(frozen=True)
class Peer:
    """A client that has said hello."""

    session: bytes
    name: str = "somebody"
    role: Role = Role.OPERATOR
    jpeg: bool = False  # whether it wants its pictures compressed


DRIVING = ("reset", "step")
MOVING = (Word.HOME, Word.PARK)  # words by which an arm moves: they are not said past whoever drives it
NEEDS = dict.fromkeys((*DRIVING, "halt", "release", "lived", "learned"), Role.COMMANDER)
WORDS = {
    Word.STOP: Role.OBSERVER,
    Word.HALT: Role.COMMANDER,
    Word.HOME: Role.COMMANDER,
    Word.CLEAR: Role.OPERATOR,
    Word.PARK: Role.OPERATOR,
    Word.LIMP: Role.OPERATOR,
}


def permit(peer: Peer, kind: str, word: Word | None = None) -> None:
    """Raises NotPermitted where the peer's role does not allow a question, or a word, of this kind."""
    needed = WORDS[word] if word is not None else NEEDS.get(kind, Role.OBSERVER)
    if peer.role < needed:
        what = kind if word is None else f"say {word}"
        raise NotPermitted(
            f"{peer.name} is {peer.role.name.lower()} and may not {what}; that takes a key of an {needed.name.lower()}"
        )


class Lease:
    """One peer drives at a time, until it lets go or has been silent for LEASE_S and another asks.

    Args:
        clock: monotonic, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self.holder: Peer | None = None
        self.since = ""  # local time of day
        self._heard_s = 0.0

    @property
    def silent_s(self) -> float:
        """Since the holder was last heard."""
        return self._clock() - self._heard_s

    @property
    def lapsed(self) -> bool:
        """Whether somebody drove, and has been silent since for too long."""
        return self.holder is not None and self.silent_s > LEASE_S

    def clear(self) -> None:
        """Nobody drives any longer."""
        self.holder = None

    def require(self, peer: Peer) -> None:
        """Raises LeaseHeld while somebody else drives."""
        if self.holder is not None and self.holder.session != peer.session and self.silent_s < LEASE_S:
            raise LeaseHeld(
                f"{self.holder.name} has driven this robot since {self.since}, last {self.silent_s:.1f} s ago; "
                f"stop that first, or wait until it has been silent for {LEASE_S:g} s"
            )

    def take(self, peer: Peer) -> bool:
        """Begin or go on driving; whether that is a change of hands. Raises LeaseHeld while somebody else drives."""
        self.require(peer)
        fresh = self.holder is None or self.holder.session != peer.session
        if fresh:
            self.holder, self.since = peer, time.strftime("%H:%M:%S")
        self._heard_s = self._clock()
        return fresh

    def keep(self, peer: Peer) -> None:
        """Silence counts from now on, if this peer drives: what it asked for is done, and may have taken long."""
        if self.holder is not None and self.holder.session == peer.session:
            self._heard_s = self._clock()

    def drop(self, peer: Peer) -> bool:
        """Whether this peer drove, and does no longer."""
        dropped = self.holder is not None and self.holder.session == peer.session
        if dropped:
            self.holder = None
        return dropped
