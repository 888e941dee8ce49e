"""Questions and answers between processes: a ROUTER that serves, a DEALER that asks.

A question is sent again when no answer comes. It carries its session and seq, so the server answers a resend from
memory (after the first one's step has run to its end) and a lost answer never moves the arm twice. A server that was
restarted, or has forgotten the session, refuses instead of executing.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import zmq

from control import endpoints, wire
from control.errors import LinkError, LinkTimeout, PeerRestarted, TwinarmError, UserError, VersionMismatch

Handler = Callable[[str, Any], Any]  # kind and body of a question -> body of its answer
MOST_SESSIONS = 16
WAKE_MS = 100  # how often an idle server looks whether to stop

# Drop what nobody fetches, queue little, notice a peer that is gone, never wait at close. libzmq looks only once in a
# millisecond or so whether a queued answer was fetched, and a ROUTER whose queue is full drops the next one: so it must
# hold more than a millisecond's answers. To a client that reads at once, 2 dropped one in 2,000, 16 one in 100,000.
OPTIONS = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 128,
    zmq.RCVHWM: 16,
    zmq.IMMEDIATE: 1,
    zmq.HANDSHAKE_IVL: 1000,
    zmq.HEARTBEAT_IVL: 250,
    zmq.HEARTBEAT_TIMEOUT: 1000,
    zmq.HEARTBEAT_TTL: 1000,
}
SERVER_OPTIONS = {
    zmq.MAXMSGSIZE: wire.LARGEST_ASK,
    zmq.BACKLOG: 16,
    zmq.ROUTER_HANDOVER: 0,
    zmq.RCVTIMEO: WAKE_MS,
}


class Desk:
    """What a server remembers of its clients, and how it answers them. Knows no sockets."""

    def __init__(self, handler: Handler):
        self.boot = secrets.token_bytes(wire.ID_BYTES)
        self._handler = handler
        self._last: dict[bytes, tuple[int, bytes]] = {}  # session -> its last seq and answer; longest silent first

    def answer(self, data: bytes) -> bytes | None:
        """The answer to one message; None for bytes that deserve none."""
        try:
            ask = wire.unpack(data)
        except VersionMismatch as error:
            return wire.pack("error", wire.NOBODY, 0, self.boot, wire.write_error(error))
        except LinkError:
            return None
        seq, known = self._last.get(ask.session, (-1, b""))
        if ask.seq == seq:
            return known
        try:
            self._admit(ask, seq)
        except LinkError as error:
            return self._error(ask, error)
        return self._remember(ask, self._execute(ask))

    def _admit(self, ask: wire.Message, last_seq: int) -> None:
        """Raise unless the question is a hello, or belongs to a session of this server and is its newest."""
        if ask.kind == "hello":
            wire.agree(ask.body)
        elif ask.boot != self.boot:
            raise PeerRestarted(f"the server restarted; {ask.kind} was not executed, connect again")
        elif last_seq < 0:
            raise PeerRestarted(f"the server forgot this session; {ask.kind} was not executed, connect again")
        elif ask.seq < last_seq:
            raise LinkError(f"question {ask.seq} came after question {last_seq}; {ask.kind} was not executed")

    def _execute(self, ask: wire.Message) -> bytes:
        try:
            return wire.pack(ask.kind, ask.session, ask.seq, self.boot, self._handler(ask.kind, ask.body))
        except TwinarmError as error:
            return self._error(ask, error)
        except Exception as error:  # a fault in the robot: told in full here, in one word there
            logging.getLogger(__name__).exception("%s failed", ask.kind)
            return self._error(ask, TwinarmError(f"{ask.kind} failed: {type(error).__name__}; see the server's log"))

    def _error(self, ask: wire.Message, error: TwinarmError) -> bytes:
        return wire.pack("error", ask.session, ask.seq, self.boot, wire.write_error(error))

    def _remember(self, ask: wire.Message, answer: bytes) -> bytes:
        self._last.pop(ask.session, None)
        self._last[ask.session] = ask.seq, answer
        if len(self._last) > MOST_SESSIONS:
            del self._last[next(iter(self._last))]
        return answer


def serve(handler: Handler, endpoint: str, stop: threading.Event, ready: Callable[[str], object]) -> None:
    """Answer questions at `endpoint`, one after another in this thread, until `stop` is set.

    Args:
        handler: a question's kind and body -> its answer's body; a TwinarmError raised there reaches the client.
        ready: called once with the endpoint that is now open (tcp port 0 has become a real one).
    Raises:
        UserError: the endpoint is malformed, reachable from other machines, or in use.
    """
    desk = Desk(handler)
    with _bound(endpoint) as router:
        ready(router.getsockopt_string(zmq.LAST_ENDPOINT))
        while not stop.is_set():
            try:
                sender, data = router.recv(), router.recv()  # the multipart helpers would take 4 us more
            except zmq.Again:
                continue
            if router.getsockopt(zmq.RCVMORE):
                router.recv_multipart()  # a stranger's: ours have one part
            elif (answer := desk.answer(data)) is not None:
                router.send(sender, zmq.SNDMORE)
                router.send(answer)


@contextmanager
def _bound(endpoint: str) -> Iterator[zmq.Socket]:
    endpoints.check(endpoint)
    with zmq.Context() as context, _socket(context, zmq.ROUTER, endpoint, SERVER_OPTIONS) as router:
        try:
            with endpoints.claimed(endpoint):
                router.bind(endpoint)
        except zmq.ZMQError as error:
            raise UserError(f"cannot serve at {endpoint}: {error.strerror}") from None
        yield router


def _socket(context: zmq.Context, kind: int, endpoint: str, options: dict[zmq.SocketOption, int]) -> zmq.Socket:
    made = context.socket(kind)
    made.setsockopt(zmq.IPV6, int(endpoint.startswith("tcp://[")))
    for option, value in (OPTIONS | options).items():
        made.setsockopt(option, value)
    return made


class Caller:
    """A client's end. Opening it says hello; every question is answered or raises.

    Args:
        endpoint: ipc://path or tcp://127.0.0.1:port.
        timeout_s: how long one question may take, all its resends together.
        tries: how often a question is sent before giving up.
    Raises:
        LinkTimeout: nobody answered.
        VersionMismatch: the server speaks another version or schema.
        UserError: the endpoint is malformed or on another machine.
    """

    def __init__(self, endpoint: str, timeout_s: float = 5.0, tries: int = 3):
        endpoints.check(endpoint)
        self.endpoint = endpoint
        self._tries, self._wait_s = tries, timeout_s / tries
        self._session, self._boot, self._seq = secrets.token_bytes(wire.ID_BYTES), wire.NOBODY, 0
        self._context = zmq.Context()
        try:
            self._dealer = self._connected()
            answer = self._ask("hello", wire.SCHEMA)
        except BaseException:
            self.close()
            raise
        self._boot = answer.boot
        self.greeting = answer.body  # what the server's handler answers to "hello"

    def ask(self, kind: str, body: Any = None) -> Any:
        """The answer's body. Raises LinkTimeout, PeerRestarted, or what the server's handler raised."""
        return self._ask(kind, body).body

    def close(self) -> None:
        """Drop the connection; what is served goes on being served."""
        self._context.destroy(linger=0)

    def _ask(self, kind: str, body: Any) -> wire.Message:
        self._seq += 1
        question = wire.pack(kind, self._session, self._seq, self._boot, body)
        began_s = time.monotonic()
        for _ in range(self._tries):
            if answer := self._try(question):
                return self._checked(answer)
            self._dealer.close()  # drops what it had queued; an answer to it finds nobody
            self._dealer = self._connected()
        raise LinkTimeout(
            f"{self.endpoint} did not answer {kind} within {time.monotonic() - began_s:.1f} s; "
            f"is `twinarm serve` running there?"
        )

    def _connected(self) -> zmq.Socket:
        wait_ms = max(1, round(self._wait_s * 1000))
        limits = {zmq.MAXMSGSIZE: wire.LARGEST_ANSWER, zmq.SNDTIMEO: wait_ms, zmq.RCVTIMEO: wait_ms}
        dealer = _socket(self._context, zmq.DEALER, self.endpoint, limits)
        try:
            dealer.connect(self.endpoint)
        except zmq.ZMQError as error:
            raise UserError(f"cannot connect to {self.endpoint}: {error.strerror}") from None
        return dealer

    def _try(self, question: bytes) -> wire.Message | None:
        """Send once and wait; None when the time is up."""
        deadline_s = time.monotonic() + self._wait_s
        try:
            self._dealer.send(question)
            while time.monotonic() < deadline_s:
                answer = self._unpacked(self._dealer.recv())
                if answer.session == self._session and answer.seq == self._seq:
                    return answer
        except zmq.Again:
            pass
        return None

    def _unpacked(self, data: bytes) -> wire.Message:
        try:
            return wire.unpack(data)
        except LinkError as error:
            raise type(error)(f"{self.endpoint}: {error}") from None

    def _checked(self, answer: wire.Message) -> wire.Message:
        if answer.kind != "error":
            return answer
        error = wire.read_error(answer.body)
        raise type(error)(f"{self.endpoint}: {error}") if isinstance(error, LinkError) else error
