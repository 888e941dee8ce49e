"""The open pages: each is shown what is seen, and heard."""

import secrets
import threading
import time
from collections import deque
from contextlib import suppress

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from control.errors import TwinarmError
from tools.page_operator import PageOperator
from tools.sights import Sights

ECHO_S = 0.05  # the longest between two words to a page: by them it proves that it hears, see page_operator
KEPT = 20  # notices


class Notices:
    """What people should know, a line each."""

    def __init__(self) -> None:
        self.count, self._newest = 0, deque[str](maxlen=KEPT)
        self._busy = threading.Lock()

    def tell(self, line: str) -> None:
        with self._busy:
            self._newest.append(line)
            self.count += 1

    def since(self, count: int) -> tuple[list[str], int]:
        """Those after the first `count`, and how many there were ever."""
        with self._busy:
            fresh = min(self.count - count, len(self._newest))
            return list(self._newest)[-fresh:] if fresh else [], self.count


class Pages:
    """Talks with every page, each in a thread of its own."""

    def __init__(self, operator: PageOperator, sights: Sights, notices: Notices):
        self._operator, self._sights, self._notices = operator, sights, notices

    def talk(self, connection: ServerConnection) -> None:
        """Until the page is closed. What it says is heard in a second thread, so that showing never delays it."""
        page = secrets.token_hex(4)
        self._sights.viewers.add(page)
        hearing = threading.Thread(target=self._hear, args=(page, connection), daemon=True)
        hearing.start()
        try:
            with suppress(ConnectionClosed):
                self._show(page, connection)
        finally:
            self._sights.viewers.discard(page)
            self._operator.gone(page)

    def _hear(self, page: str, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for text in connection:
                try:
                    self._operator.hear(page, text)
                except TwinarmError as error:
                    connection.send(msgspec.json.encode({"notices": [str(error)]}), text=True)
        self._operator.gone(page)

    def _show(self, page: str, connection: ServerConnection) -> None:
        number, told, shown = 0, self._notices.count, dict[int, float]()
        while True:
            newest = self._sights.next(number, ECHO_S)
            words: dict[str, object] = {"now_s": time.monotonic(), "seat": self._operator.seat(page)}
            fresh, told = self._notices.since(told)
            if fresh:
                words["notices"] = fresh
            if newest != number:
                words["sight"], number = msgspec.Raw(self._sights.words), newest
            connection.send(msgspec.json.encode(words), text=True)
            for camera, (stamp_s, jpeg) in enumerate(self._sights.pictures):
                if shown.get(camera) != stamp_s:
                    connection.send(bytes([camera]) + jpeg)
                    shown[camera] = stamp_s
