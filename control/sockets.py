"""How ZeroMQ sockets are set up here, at either end."""

from typing import Any

import zmq

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


def showing(public: str, secret: str) -> dict[zmq.SocketOption, Any]:
    """Options by which a socket shows its key pair."""
    return {zmq.CURVE_PUBLICKEY: public.encode(), zmq.CURVE_SECRETKEY: secret.encode()}


def opened(context: zmq.Context, kind: int, endpoint: str, options: dict[zmq.SocketOption, Any]) -> zmq.Socket:
    """A socket with OPTIONS and these."""
    made = context.socket(kind)
    made.setsockopt(zmq.IPV6, int(endpoint.startswith("tcp://[")))
    for option, value in (OPTIONS | options).items():
        made.setsockopt(option, value)
    return made
