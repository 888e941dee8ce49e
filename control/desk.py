"""What a server remembers of its clients, and how it answers them. Knows no sockets."""

import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from control import wire
from control.errors import LinkError, NotPermitted, PeerRestarted, TwinarmError, VersionMismatch
from control.peers import DRIVING, Peer, Role

Handler = Callable[[str, Any, Peer], Any]  # kind and body of a question, and whose -> body of its answer
Ask = tuple[str, Any, Peer]
MOST_SESSIONS = 16
STAYING = (*DRIVING, wire.ACT)  # who was let do one of these is remembered before others


@dataclass(frozen=True)
class _Session:
    """What is remembered of a client."""

    peer: Peer
    seq: int = -1  # of its last question
    answer: bytes = b""
    stays: bool = False  # until it lets go: strangers that come in numbers must not push it out


STRANGER = _Session(Peer(wire.NOBODY))


class Desk:
    """Questions in, answers out: each is executed once, for a session that this server knows."""

    def __init__(self, handler: Handler):
        self.boot = secrets.token_bytes(wire.ID_BYTES)
        self._handler = handler
        self._last: dict[bytes, _Session] = {}  # longest silent first

    def answer(self, data: bytes, role: Role = Role.OPERATOR) -> bytes | None:
        """The answer to one message of somebody in that role; None for bytes that deserve none."""
        try:
            ask = wire.unpack(data)
        except VersionMismatch as error:
            return wire.pack("error", wire.NOBODY, 0, self.boot, wire.write_error(error))
        except LinkError:
            return None
        known = self._last.get(ask.session, STRANGER)
        if ask.seq == known.seq and known.peer.role == role:
            return known.answer
        try:
            _require_newer(ask, known.seq)
            if ask.kind == "hello":
                known = _Session(_introduced(ask, role))
            else:
                self._admit(ask, known.peer, known.seq, role)
        except LinkError as error:
            return self._error(ask, error)
        return self._remember(ask, known)

    @property
    def foreseeing(self) -> bool:
        """Whether the handler does the work of several questions at once."""
        return hasattr(self._handler, "foresee")

    def foresee(self, messages: Sequence[bytes]) -> None:
        """Tell the handler what it will be asked right after this, question by question, if it cares.

        One with a method `foresee` (asks) -> None does so; what is wrong with a question is said when it is asked."""
        asks: dict[bytes, Ask] = {}
        for data in messages:
            with suppress(LinkError):
                ask = wire.unpack(data)
                known = self._last.get(ask.session, STRANGER)
                if ask.boot == self.boot and known.seq >= 0 and ask.seq > known.seq:
                    asks[ask.session] = ask.kind, ask.body, known.peer
        if self.foreseeing:
            self._handler.foresee(tuple(asks.values()))  # type: ignore[attr-defined]

    def _admit(self, ask: wire.Message, peer: Peer, last_seq: int, role: Role) -> None:
        """Raise unless the question belongs to a session of this server, and is of the same key."""
        if ask.boot != self.boot:
            raise PeerRestarted(f"the server restarted; {ask.kind} was not executed, connect again")
        elif last_seq < 0:
            raise PeerRestarted(f"the server forgot this session; {ask.kind} was not executed, connect again")
        elif role != peer.role:
            raise NotPermitted(f"this session began with another key; {ask.kind} was not executed")

    def _remember(self, ask: wire.Message, known: _Session) -> bytes:
        """The answer, kept for a repeat. Who only looked is forgotten before who drove, the longest silent first."""
        answer, done = self._execute(ask, known.peer)
        self._last.pop(ask.session, None)
        stays = (known.stays or (done and ask.kind in STAYING)) and ask.kind != "release"
        self._last[ask.session] = _Session(known.peer, ask.seq, answer, stays)
        if len(self._last) > MOST_SESSIONS:
            del self._last[next((s for s, each in self._last.items() if not each.stays), next(iter(self._last)))]
        return answer

    def _execute(self, ask: wire.Message, peer: Peer) -> tuple[bytes, bool]:
        """The answer, and whether what was asked was done."""
        try:
            return wire.pack(ask.kind, ask.session, ask.seq, self.boot, self._handler(ask.kind, ask.body, peer)), True
        except TwinarmError as error:
            return self._error(ask, error), False
        except MemoryError:
            raise  # all of this process is the worse for it, and is begun anew: see keeper.py
        except Exception as error:  # a fault in the robot: told in full here, in one word there
            logging.getLogger(__name__).exception("%s failed", ask.kind)
            fault = TwinarmError(f"{ask.kind} failed: {type(error).__name__}; see the server's log")
            return self._error(ask, fault), False

    def _error(self, ask: wire.Message, error: TwinarmError) -> bytes:
        return wire.pack("error", ask.session, ask.seq, self.boot, wire.write_error(error))


def _require_newer(ask: wire.Message, last_seq: int) -> None:
    """Raise LinkError for what was said before. A greeting, too: after it all that followed it would be new again."""
    if ask.seq < last_seq:
        raise LinkError(f"question {ask.seq} came after question {last_seq}; {ask.kind} was not executed")


def _introduced(ask: wire.Message, role: Role) -> Peer:
    """Who says hello. Raises VersionMismatch, LinkError."""
    hello = wire.greeted(ask.body)
    return Peer(ask.session, hello.client, role, hello.jpeg)
