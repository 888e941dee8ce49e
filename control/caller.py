"""The end that asks: a DEALER whose every question is answered or raises."""

import getpass
import math
import os
import secrets
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import zmq

from control import endpoints, sockets, wire
from control.errors import LinkError, LinkTimeout, UserError
from control.keys import TICKET, Ticket

LONGEST = 40  # letters of a command, by which a client is known
LINGER_MS = 200  # for a last word


class Caller:
    """A client's end. Opening it says hello; every question is answered or raises.

    Args:
        endpoint: ipc://path or tcp://127.0.0.1:port.
        timeout_s: how long one question may take, all its resends together.
        tries: how often a question is sent before giving up.
        jpeg: whether pictures in answers are wanted compressed.
        ticket: by which a robot on another machine knows this client, and this client the robot.
    Raises:
        LinkTimeout: nobody answered.
        VersionMismatch: the server speaks another version or schema.
        UserError: the endpoint is malformed or on another machine.
    """

    def __init__(
        self,
        endpoint: str,
        timeout_s: float = 5.0,
        tries: int = 3,
        jpeg: bool = False,
        ticket: Ticket | None = None,
    ):
        endpoints.check(endpoint, ticket is not None)
        self.endpoint, self._ticket = endpoint, ticket
        self._tries, self._wait_s = tries, timeout_s / tries
        self._session, self._boot, self._seq = secrets.token_bytes(wire.ID_BYTES), wire.NOBODY, 0
        self._context = zmq.Context()
        try:
            self._dealer = self._connected()
            answer = self._ask("hello", wire.HELLO.write(wire.Hello(wire.SCHEMA, whoami(), jpeg)))
        except BaseException:
            self.close()
            raise
        self._boot = answer.boot
        self.greeting = answer.body  # what the server's handler answers to "hello"

    def limit(self, timeout_s: float) -> None:
        """From now on a question is sent once, and given up after `timeout_s`."""
        self._tries, self._wait_s = 1, timeout_s
        self._dealer.close()
        self._dealer = self._connected()

    def ask(self, kind: str, body: Any = None, patience_s: float = 0.0) -> Any:
        """The answer's body, waited for as long as any other's, or for `patience_s` where that is longer.

        Raises LinkTimeout, PeerRestarted, or what the server's handler raised.
        """
        return self._ask(kind, body, patience_s).body

    def tell(self, kind: str) -> None:
        """Say it and wait for no answer; nobody may be there."""
        self._seq += 1
        with suppress(zmq.Again):
            self._dealer.send(wire.pack(kind, self._session, self._seq, self._boot, None), zmq.NOBLOCK)

    def close(self) -> None:
        """Drop the connection; what is served goes on being served."""
        self._context.destroy(linger=LINGER_MS)

    def _ask(self, kind: str, body: Any, patience_s: float = 0.0) -> wire.Message:
        self._seq += 1
        question = wire.pack(kind, self._session, self._seq, self._boot, body)
        began_s = time.monotonic()
        for _ in range(max(self._tries, math.ceil(patience_s / self._wait_s))):
            if answer := self._try(question):
                return self._checked(answer)
            self._dealer.close()  # drops what it had queued; an answer to it finds nobody
            self._dealer = self._connected()
        raise LinkTimeout(
            f"{self.endpoint} did not answer {kind} within {time.monotonic() - began_s:.1f} s; "
            f"does whoever serves it, such as `twinarm serve`, run there{self._doubt}?"
        )

    @property
    def _doubt(self) -> str:
        """What else may be the matter with a server that does not answer."""
        if self._ticket:
            return f", and does it know the ticket of {self._ticket.name}"
        return f", and does it want a ticket ({TICKET})" if self.endpoint.startswith("tcp") else ""

    def _connected(self) -> zmq.Socket:
        wait_ms = max(1, round(self._wait_s * 1000))
        options: dict[zmq.SocketOption, Any] = {
            zmq.MAXMSGSIZE: wire.LARGEST_ANSWER,
            zmq.SNDTIMEO: wait_ms,
            zmq.RCVTIMEO: wait_ms,
        }
        if self._ticket:
            options |= sockets.showing(self._ticket.public, self._ticket.secret)
            options[zmq.CURVE_SERVERKEY] = self._ticket.server.encode()
        dealer = sockets.opened(self._context, zmq.DEALER, self.endpoint, options)
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


def whoami() -> str:
    """This process, in words for people elsewhere."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])[:LONGEST]
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # nobody gave this one a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} ({command}, process {os.getpid()})"
