"""Strangers at an endpoint: each kind does its worst until a given time, at a pace that leaves the processor usable."""

import os
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection

import msgspec
import numpy as np
import zmq

from control import sockets, wire
from control.endpoints import STOPPING, WATCHING, beside
from control.errors import LeaseHeld, TwinarmError
from control.keys import TICKET
from control.remote import RemoteRobot
from control.types import JOINTS, Command, ResetRequest

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"
GREETING = SIGNATURE + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY" + b"\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"
HANDSHAKE = GREETING + b"\x04" + bytes([len(READY)]) + READY
PART = b"\x03" + (4096).to_bytes(8, "big") + bytes(4096)  # of a message that has more
HUGE = b"\x02" + (1 << 40).to_bytes(8, "big") + bytes(1024)  # a message that claims a terabyte
ELSEWHERE = Command(np.full(len(JOINTS), 1.5), answers=1)  # what strangers command, and nobody else
HALF_OPEN = 100  # connections at a time
RECORDED_MOST = 4 * 2**20  # bytes
Attack = Callable[[str, float, Counter[str]], None]


def raw(endpoint: str) -> socket.socket:
    """A plain connection. Raises OSError."""
    transport, _, address = endpoint.partition("://")
    made = socket.socket(socket.AF_UNIX if transport == "ipc" else socket.AF_INET)
    made.settimeout(0.5)
    host, _, port = address.rpartition(":")
    try:
        made.connect(address if transport == "ipc" else (host, int(port)))
    except OSError:
        made.close()
        raise
    return made


@contextmanager
def dealer(endpoint: str) -> Iterator[zmq.Socket]:
    with zmq.Context() as context, sockets.opened(context, zmq.DEALER, endpoint, {zmq.MAXMSGSIZE: -1}) as made:
        made.connect(endpoint)
        yield made


def garbage(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """Bytes that are no protocol, and messages that are no message."""
    chance = random.Random(0)
    with dealer(endpoint) as socket:
        while time.monotonic() < until_s:
            with suppress(OSError), raw(endpoint) as bare:
                bare.sendall(chance.randbytes(chance.randrange(1, 4096)))
            bombs = [chance.randbytes(chance.randrange(4096)), b"\x91" * 4000, hello()[: chance.randrange(40)]]
            for bomb in bombs:
                say(socket, [bomb] * chance.randrange(1, 4), seen)
            time.sleep(0.01)


def flood(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """Sound greetings, from ever new sessions, faster than anybody needs them."""
    with dealer(endpoint) as socket:
        while time.monotonic() < until_s:
            for _ in range(20):
                say(socket, [hello()], seen)
            time.sleep(0.01)


def oversized(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """Messages larger than any, and one that claims to be."""
    with dealer(endpoint) as socket:
        while time.monotonic() < until_s:
            with suppress(OSError), raw(endpoint) as bare:
                bare.sendall(HANDSHAKE + HUGE)
            say(socket, [bytes(2**20)], seen)
            time.sleep(0.1)


def half_open(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """Connections that say nothing, or begin to and stop."""
    while time.monotonic() < until_s:
        held: list[socket.socket] = []
        with suppress(OSError):
            for number in range(HALF_OPEN):
                held.append(raw(endpoint))
                held[-1].sendall((b"", SIGNATURE, GREETING)[number % 3])
                seen["connected"] += 1
        time.sleep(1.0)
        for each in held:
            each.close()


def unfinished(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """A message whose parts never end, at up to 200 MB/s."""
    while time.monotonic() < until_s:
        with suppress(OSError), raw(endpoint) as bare:
            bare.sendall(HANDSHAKE)
            while time.monotonic() < until_s:
                bare.sendall(PART * 500)
                seen["parts"] += 500
                time.sleep(0.01)
        time.sleep(0.1)


def commander(endpoint: str, until_s: float, seen: Counter[str]) -> None:
    """Somebody else who wants to drive, too."""

    def reset(_: Command) -> None:
        if not robot.status().driver:
            raise LeaseHeld("begun anew just now, and the one that drove may come first")
        robot.reset(ResetRequest("home", 1))

    while time.monotonic() < until_s:
        with suppress(TwinarmError), closing(RemoteRobot(endpoint, timeout_s=1.0)) as robot:
            seen["answered"] += 1
            while time.monotonic() < until_s:
                for deed in (robot.step, reset):
                    with suppress(TwinarmError):
                        deed(ELSEWHERE)
                        seen["executed"] += 1
                time.sleep(0.02)


def hello() -> bytes:
    """Of a new session."""
    return wire.pack(
        "hello", secrets.token_bytes(wire.ID_BYTES), 1, wire.NOBODY, wire.HELLO.write(wire.Hello(wire.SCHEMA, "me"))
    )


def say(socket: zmq.Socket, parts: list[bytes], seen: Counter[str]) -> None:
    """Send if there is room, and count what is answered."""
    with suppress(zmq.Again):
        socket.send_multipart(parts, zmq.NOBLOCK)
        seen["sent"] += 1
    with suppress(zmq.Again):
        while True:
            socket.recv(zmq.NOBLOCK)
            seen["answered"] += 1


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack for attack in (garbage, flood, oversized, half_open, unfinished, commander)
}


EVERYWHERE, OTHERS = ("garbage", "half_open"), (WATCHING, STOPPING)


def assault(endpoint: str, names: Sequence[str], seconds: float, ticket: str, told: Connection) -> None:
    """All of these at once, with a ticket that may be a stranger's; what they saw together is told at the end."""
    os.environ[TICKET] = ticket
    os.nice(10)  # strangers have processors of their own
    until_s, seen = time.monotonic() + seconds, Counter[str]()
    work = [(ATTACKS[name], endpoint) for name in names]
    work += [(ATTACKS[name], beside(endpoint, which)) for name in names if name in EVERYWHERE for which in OTHERS]
    threads = [threading.Thread(target=attack, args=(where, until_s, seen)) for attack, where in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(max(0.0, until_s - time.monotonic()))
    told.send_bytes(msgspec.json.encode(seen))
