"""Questions and answers between processes: a ROUTER that serves, a DEALER that asks.

A question is sent again when no answer comes. It carries its session and seq, so the server answers a resend from
memory (after the first one's step has run to its end) and a lost answer never moves the arm twice. A server that was
restarted, or has forgotten the session, refuses instead of executing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

import zmq
from zmq.auth.thread import ThreadAuthenticator

from control import endpoints, sockets, wire
from control.desk import Desk, Handler
from control.errors import UserError
from control.keys import Keys
from control.peers import Role

WAKE_MS = 100  # how often an idle server looks whether to stop
DOMAIN = b"twinarm"
MOST_TOGETHER = 16  # questions

# No heartbeat of its own: libzmq 4.3.5 aborts when one is due to a peer that left before all it had said was fetched.
# Clients send theirs, and who falls silent is dropped by it.
SERVER_OPTIONS = {
    zmq.BACKLOG: 16,
    zmq.ROUTER_HANDOVER: 0,
    zmq.RCVTIMEO: WAKE_MS,
    zmq.HEARTBEAT_IVL: 0,
}


class Listener:
    """An endpoint that is open; questions wait there until `serve` is called.

    Args:
        keys: whom to let in, where others than this machine's users may come.
        largest: bytes of a question; longer ones are dropped with whoever sends them.
    Raises:
        UserError: the endpoint is malformed, reachable from other machines without keys, or in use.
    """

    def __init__(self, endpoint: str, keys: Keys | None = None, largest: int = wire.LARGEST_ASK):
        endpoints.check(endpoint, keys is not None)
        self._context, self._roles = zmq.Context(), keys.roles if keys else None
        self._doorman = _doorman(self._context, keys) if keys else None
        shown = sockets.showing(keys.public, keys.secret) if keys else {}
        options = SERVER_OPTIONS | shown | {zmq.MAXMSGSIZE: largest}
        self._router = sockets.opened(self._context, zmq.ROUTER, endpoint, options)
        try:
            if keys:
                self._router.curve_server, self._router.zap_domain = True, DOMAIN
                self._router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
            with endpoints.claimed(endpoint):
                self._router.bind(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise UserError(f"cannot serve at {endpoint}: {error.strerror}") from None
        except UserError:
            self.close()
            raise
        self.endpoint = self._router.getsockopt_string(zmq.LAST_ENDPOINT)  # tcp port 0 has become a real one

    def serve(self, handler: Handler, stop: threading.Event, idle: Callable[[], object] = lambda: None) -> None:
        """Answer questions, one after another in this thread, until `stop` is set.

        Args:
            handler: a question's kind and body, and whose -> its answer's body; a TwinarmError reaches the client.
            idle: called now and then while nobody asks.
        """
        desk, router, receive = Desk(handler), self._router, self._receive if self._roles else self._receive_plain
        while not stop.is_set():
            try:
                waiting = [receive(0)]
            except zmq.Again:
                idle()
                continue
            if desk.foreseeing:
                with suppress(zmq.Again):
                    while len(waiting) < MOST_TOGETHER:
                        waiting.append(receive(zmq.NOBLOCK))
                desk.foresee([data for _, data, _ in waiting])
            for sender, data, role in waiting:
                if (answer := desk.answer(data, role)) is not None:
                    router.send(sender, zmq.SNDMORE)
                    router.send(answer)

    def close(self) -> None:
        """Let the endpoint go."""
        self._router.close(linger=0)
        if self._doorman:
            self._doorman.stop()
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive_plain(self, flags: int) -> tuple[bytes, bytes, Role]:
        """From somebody on this machine. Raises zmq.Again when nobody asks."""
        sender, data = self._router.recv(flags), self._router.recv()  # the multipart helpers would take 4 us more
        if self._router.getsockopt(zmq.RCVMORE):
            self._router.recv_multipart()  # a stranger's: ours have one part
            return sender, b"", Role.OPERATOR
        return sender, data, Role.OPERATOR

    def _receive(self, flags: int) -> tuple[bytes, bytes, Role]:
        """From somebody with a key. Raises zmq.Again when nobody asks."""
        assert self._roles is not None
        sender, *parts = self._router.recv_multipart(flags, copy=False)
        role = self._roles[str(parts[0].get("User-Id"))]
        return sender.bytes, parts[0].bytes if len(parts) == 1 else b"", role


def serve(handler: Handler, endpoint: str, stop: threading.Event, ready: Callable[[str], object]) -> None:
    """Answer questions at `endpoint` until `stop` is set; `ready` is called once with the endpoint that is now open.

    Raises:
        UserError: the endpoint is malformed, reachable from other machines, or in use.
    """
    with Listener(endpoint) as listener:
        ready(listener.endpoint)
        listener.serve(handler, stop)


@contextmanager
def serving_beside(listener: Listener, handler: Handler, stop: threading.Event) -> Iterator[None]:
    """Serve in a thread of its own while this lasts. Raises what ended it; without it nothing is served any longer."""
    faults: list[BaseException] = []

    def work() -> None:
        try:
            listener.serve(handler, stop)
        except BaseException as fault:
            faults.append(fault)
            stop.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if faults:
        raise faults[0]


class _Guests:
    """Who may come in, for ZeroMQ's authenticator."""

    def __init__(self, keys: Keys):
        self._known = keys.roles

    def callback(self, domain: str, key: bytes) -> bool:
        return key.decode() in self._known


def _doorman(context: zmq.Context, keys: Keys) -> ThreadAuthenticator:
    doorman = ThreadAuthenticator(context)
    doorman.start()
    doorman.configure_curve_callback(domain=DOMAIN.decode(), credentials_provider=_Guests(keys))
    return doorman
