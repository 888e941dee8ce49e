"""The page's server: static files, figures and one WebSocket, for this machine's browsers and nobody else's."""

import hmac
import logging
import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import resources

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

HOST = "127.0.0.1"
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "json": "application/json",
}
LARGEST_WORD = 4096  # bytes of what a page says
FIXED = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
WORDS = "words"  # the path of the WebSocket
Answer = Callable[[str], bytes]  # of what comes after the question mark


def refusal(path: str, headers: Mapping[str, str], token: str) -> str:
    """Why a request is not answered; empty where it is.

    A name that leads here by a stranger's DNS is told by Host, another website's script by Origin, and whoever was
    not given the address by the token in it.
    """
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if not LOOPBACK.fullmatch(host):
        return f"this page is at {HOST} alone, not at {host or 'nowhere'}"
    if origin is not None and origin != f"http://{host}":
        return f"a page of {origin} may not ask here"
    given, _, name = path.removeprefix("/").partition("/")
    if not hmac.compare_digest(given.encode(), token.encode()):
        return "open the address that twinarm view printed; it is another one at every start"
    if name == WORDS and origin is None:
        return "a browser says from which page it comes"
    return ""


def files() -> dict[str, bytes]:
    """The page's own, by name."""
    folder = resources.files("tools").joinpath("page")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.split(".")[-1] in TYPES}


class Site:
    """Serves until closed.

    Args:
        answers: what is at a name beside the page's own files; JSON.
        talk: called with each page's connection in a thread of its own, until it returns.
    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        port: int,
        token: str,
        answers: Mapping[str, Answer],
        talk: Callable[[ServerConnection], None],
    ):
        self._token, self._files, self._answers = token, files(), answers
        self._server: Server = serve(
            talk,
            HOST,
            port,
            process_request=self._answer,
            compression=None,
            max_size=LARGEST_WORD,
            ping_interval=None,
            server_header=None,
            logger=quiet(),
        )
        self.port: int = self._server.socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/{token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets a WebSocket begin."""
        path, _, query = request.path.partition("?")
        headers = {name: request.headers[name] for name in ("Host", "Origin") if name in request.headers}
        if why := refusal(path, headers, self._token):
            return answer(HTTPStatus.FORBIDDEN, "html", why.encode())
        name = path.removeprefix(f"/{self._token}/") or "index.html"
        if name == WORDS:
            return None
        if name in self._files:
            return answer(HTTPStatus.OK, name.rpartition(".")[2], self._files[name])
        if name in self._answers:
            return answer(HTTPStatus.OK, "json", self._answers[name](query))
        return answer(HTTPStatus.NOT_FOUND, "html", b"there is nothing here")


def answer(status: HTTPStatus, kind: str, body: bytes) -> Response:
    fields = {**FIXED, "Content-Type": f"{TYPES[kind]}; charset=utf-8", "Content-Length": str(len(body))}
    return Response(status, status.phrase, Headers({**fields, "Connection": "close"}), body)


def quiet() -> logging.Logger:
    """What strangers send is no news."""
    logger = logging.getLogger("twinarm.page")
    logger.setLevel(logging.CRITICAL)
    return logger
