"""The same question and answer in other forms: bare ZeroMQ, and what peers of this project serve policies with.

Bare ZeroMQ sends ready bytes. The others pack and unpack at both ends, as their users do, with msgpack and arrays as
bytes beside their type and shape (openpi over websockets; LeRobot pickles over gRPC, which nothing here does).
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import msgpack
import numpy as np
import zmq
from websockets.asyncio.server import ServerConnection, serve
from websockets.sync.client import ClientConnection, connect

START_S = 60.0  # that a server may take until it is there
METHOD = "/twinarm/step"
Said = dict[str, Any]  # numbers, text and arrays


def pack(said: Said) -> bytes:
    data: bytes = msgpack.packb({name: _plain(value) for name, value in said.items()})
    return data


def unpack(data: bytes) -> Said:
    return {name: _rich(value) for name, value in msgpack.unpackb(data).items()}


def _plain(value: Any) -> Any:
    return [value.tobytes(), value.dtype.str, value.shape] if isinstance(value, np.ndarray) else value


def _rich(value: Any) -> Any:
    return np.frombuffer(value[0], value[1]).reshape(value[2]) if isinstance(value, list) else value


def echo(endpoint: str, answered: bytes) -> None:
    """Answer whatever comes with `answered`, with nothing but pyzmq."""
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.bind(endpoint)
        while True:
            socket.recv()
            socket.send(answered)


@contextmanager
def bouncing(endpoint: str, asked: bytes) -> Iterator[Callable[[], object]]:
    """A call that sends `asked` to an `echo` and waits for what it answers."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(endpoint)

        def bounce() -> None:
            socket.send(asked)
            socket.recv()

        yield bounce


def websocket(port: int, answered: Said) -> None:
    """Answer whatever comes with `answered`, over a websocket."""

    async def answer(connection: ServerConnection) -> None:
        async for data in connection:
            assert isinstance(data, bytes)
            unpack(data)
            await connection.send(pack(answered))

    async def run() -> None:
        async with serve(answer, "127.0.0.1", port, compression=None, max_size=None) as server:
            await server.serve_forever()

    asyncio.run(run())


@contextmanager
def over_websocket(port: int, asked: Said) -> Iterator[Callable[[], object]]:
    with patient(port) as connection:

        def trip() -> Said:
            connection.send(pack(asked))
            data = connection.recv()
            assert isinstance(data, bytes)
            return unpack(data)

        yield trip


def patient(port: int) -> ClientConnection:
    """Connected as soon as somebody listens there. Raises ConnectionRefusedError after START_S."""
    until_s = time.monotonic() + START_S
    while True:
        try:
            return connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None)
        except ConnectionRefusedError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)


def remote_call(port: int, answered: Said) -> None:
    """Answer whatever comes with `answered`, over gRPC."""

    class Answer(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.unary_unary_rpc_method_handler(lambda asked, _: answered, unpack, pack)

    server = grpc.server(ThreadPoolExecutor(1), handlers=(Answer(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


@contextmanager
def over_remote_call(port: int, asked: Said) -> Iterator[Callable[[], object]]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(METHOD, pack, unpack)
        yield lambda: call(asked, wait_for_ready=True)
