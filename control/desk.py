"""What a server remembers of its clients, and how it answers them. Knows no sockets."""

import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from control import wire
from control.errors import LinkError, NotPermitted, PeerRestarted, TwinarmError, VersionMismatch
from control.peers import Peer, Role

Handler = Callable[[str, Any, Peer], Any]  # kind and body of a question, and whose -> body of its answer
Ask = tuple[str, Any, Peer]
MOST_SESSIONS = 16
STRANGER = Peer(wire.NOBODY), -1, b""


class Desk:
    """Questions in, answers out: each is executed once, for a session that this server knows."""

    def __init__(self, handler: Handler):
        self.boot = secrets.token_bytes(wire.ID_BYTES)
        self._handler = handler
        self._last: dict[bytes, tuple[Peer, int, bytes]] = {}  # by session, with its last seq and answer

    def answer(self, data: bytes, role: Role = Role.OPERATOR) -> bytes | None:
        """The answer to one message of somebody in that role; None for bytes that deserve none."""
        try:
            ask = wire.unpack(data)
        except VersionMismatch as error:
            return wire.pack("error", wire.NOBODY, 0, self.boot, wire.write_error(error))
        except LinkError:
            return None
        peer, seq, known = self._last.get(ask.session, STRANGER)
        if ask.seq == seq and peer.role == role:
            return known
        try:
            if ask.kind == "hello":
                peer = _introduced(ask, role)
            else:
                self._admit(ask, peer, seq, role)
        except LinkError as error:
            return self._error(ask, error)
        return self._remember(ask, peer, self._execute(ask, peer))

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
                peer, seq, _ = self._last.get(ask.session, STRANGER)
                if ask.boot == self.boot and seq >= 0 and ask.seq > seq:
                    asks[ask.session] = ask.kind, ask.body, peer
        if self.foreseeing:
            self._handler.foresee(tuple(asks.values()))  # type: ignore[attr-defined]

    def _admit(self, ask: wire.Message, peer: Peer, last_seq: int, role: Role) -> None:
        """Raise unless the question belongs to a session of this server, is its newest and of the same key."""
        if ask.boot != self.boot:
            raise PeerRestarted(f"the server restarted; {ask.kind} was not executed, connect again")
        elif last_seq < 0:
            raise PeerRestarted(f"the server forgot this session; {ask.kind} was not executed, connect again")
        elif ask.seq < last_seq:
            raise LinkError(f"question {ask.seq} came after question {last_seq}; {ask.kind} was not executed")
        elif role != peer.role:
            raise NotPermitted(f"this session began with another key; {ask.kind} was not executed")

    def _execute(self, ask: wire.Message, peer: Peer) -> bytes:
        try:
            return wire.pack(ask.kind, ask.session, ask.seq, self.boot, self._handler(ask.kind, ask.body, peer))
        except TwinarmError as error:
            return self._error(ask, error)
        except MemoryError:
            raise  # all of this process is the worse for it, and is begun anew: see keeper.py
        except Exception as error:  # a fault in the robot: told in full here, in one word there
            logging.getLogger(__name__).exception("%s failed", ask.kind)
            return self._error(ask, TwinarmError(f"{ask.kind} failed: {type(error).__name__}; see the server's log"))

    def _error(self, ask: wire.Message, error: TwinarmError) -> bytes:
        return wire.pack("error", ask.session, ask.seq, self.boot, wire.write_error(error))

    def _remember(self, ask: wire.Message, peer: Peer, answer: bytes) -> bytes:
        """The longest silent session is forgotten first."""
        self._last.pop(ask.session, None)
        self._last[ask.session] = peer, ask.seq, answer
        if len(self._last) > MOST_SESSIONS:
            del self._last[next(iter(self._last))]
        return answer


def _introduced(ask: wire.Message, role: Role) -> Peer:
    """Who says hello. Raises VersionMismatch, LinkError."""
    hello = wire.greeted(ask.body)
    return Peer(ask.session, hello.client, role, hello.jpeg)
