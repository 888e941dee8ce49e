"""Somebody in the middle: passes a connection's bytes on, keeps a copy, and plays it to the server again."""

import socket
import threading
import time
from contextlib import suppress

from tools import hostile
from tools.hostile import RECORDED_MOST, raw

EVERY_S = 0.2
GREETING = len(hostile.GREETING)  # of a connection, before any of its messages


class Relay:
    """Between whoever drives and the server at `back`, until `stop` is set.

    Args:
        replaying: whether it does more than pass things on.
    """

    def __init__(self, back: str, stop: threading.Event, replaying: bool = True):
        self._back, self._stop, self._replaying = back, stop, replaying
        self._copy = bytearray()
        self.answered = 0  # replays

    def run(self, listening: socket.socket) -> None:
        """Pass on what comes to `listening`, and replay."""
        if self._replaying:
            threading.Thread(target=self._replay, daemon=True).start()
        listening.settimeout(EVERY_S)
        while not self._stop.is_set():
            with suppress(TimeoutError):
                near, _ = listening.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with near, suppress(OSError), raw(self._back) as far:
            for each in (near, far):
                each.settimeout(None)
            self._copy.clear()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()
            self._pass(near, far, True)

    def _pass(self, source: socket.socket, sink: socket.socket, keep: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
                if keep and len(self._copy) < RECORDED_MOST:
                    self._copy += data
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _replay(self) -> None:
        """All that was said so far, on a connection of its own; the server drops one on which the rest comes with the
        greeting, and then has heard nothing."""
        while not self._stop.wait(EVERY_S):
            with suppress(OSError), raw(self._back) as again:
                said = bytes(self._copy)
                again.sendall(said[:GREETING])
                again.recv(GREETING)
                again.sendall(said[GREETING:])
                time.sleep(EVERY_S)
                self.answered += bool(again.recv(65536))


def relay(front: str, back: str, replaying: bool) -> None:
    """Be in the middle for ever."""
    transport, _, address = front.partition("://")
    listening = socket.socket(socket.AF_UNIX if transport == "ipc" else socket.AF_INET)
    host, _, port = address.rpartition(":")
    listening.bind(address if transport == "ipc" else (host, int(port)))
    listening.listen()
    Relay(back, threading.Event(), replaying).run(listening)
