"""A real browser without a window, driven over its own debugging protocol."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 20.0
NO_SCENE = "--disable-3d-apis"  # drawing in software takes a core, which an emulated arm needs
FLAGS = (
    *("--headless=new", "--no-first-run", "--disable-dev-shm-usage", "--remote-debugging-port=0", "--hide-scrollbars"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=1600,1000", "--disable-sync"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-extensions",
    ),
)


class Browser:
    """Chromium with a profile of its own."""

    def __init__(self, folder: Path, *flags: str):
        binary = shutil.which("chromium")
        assert binary, "sudo apt-get install -y chromium"
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        words = [binary, *FLAGS, *root, *flags, f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = folder / "DevToolsActivePort"
        wait_for(lambda: port.is_file() and len(port.read_text().splitlines()) == 2)
        number, path = port.read_text().splitlines()
        self._at = f"ws://127.0.0.1:{number}"
        self.line = Line(connect(self._at + path, max_size=None))

    def page(self, url: str = "about:blank") -> "Page":
        target = self.line.ask("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, target, Line(connect(f"{self._at}/devtools/page/{target}", max_size=None, close_timeout=1)))
        page.go(url)
        return page

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.ask("Browser.close")
        self.line.close()
        self.process.wait(PATIENCE_S)


class Line:
    """Asks, and keeps what is told meanwhile."""

    def __init__(self, socket: ClientConnection):
        self._socket, self._numbers = socket, itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if told.get("id") == number:
                assert "error" not in told, told["error"]
                return told["result"]
            self.events.append(told)

    def close(self) -> None:
        self._socket.close()


class Page:
    """A tab."""

    def __init__(self, browser: Browser, target: str, line: Line):
        self._browser, self._target, self.line = browser, target, line
        for domain in ("Page", "Runtime", "Network", "Log"):
            line.ask(f"{domain}.enable")

    def go(self, url: str) -> None:
        self.line.ask("Page.navigate", url=url)
        self.until(f"location.href == {url!r} && document.readyState == 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression there."""
        told = self.line.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str, patience_s: float = PATIENCE_S) -> None:
        wait_for(lambda: self.run(script), patience_s, script)

    def text(self, selector: str) -> str:
        return self.run(f"document.querySelector({selector!r})?.textContent ?? ''")

    def click(self, selector: str) -> None:
        """With the mouse, in its middle."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.line.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _middle(self, selector: str) -> list[float]:
        place = f"document.querySelector({selector!r}).getBoundingClientRect()"
        return self.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({place})")

    def key(self, code: str, down: bool) -> None:
        """Press or lift a key of the keyboard."""
        name = code.removeprefix("Key").lower() if code.startswith("Key") else code
        number = 9 if code == "Tab" else 0  # by which Chromium knows what it does by itself
        kind = "rawKeyDown" if down else "keyUp"
        self.line.ask("Input.dispatchKeyEvent", type=kind, code=code, key=name, windowsVirtualKeyCode=number)

    def touch(self, *selectors: str) -> None:
        """Fingers on the middles of these, and nowhere else."""
        fingers = [dict(zip("xy", self._middle(selector), strict=True), id=n) for n, selector in enumerate(selectors)]
        kind = "touchStart" if fingers else "touchEnd"
        self.line.ask("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def requests(self) -> list[str]:
        """Every address that it asked for."""
        return [
            event["params"]["url"] if "url" in event["params"] else event["params"]["request"]["url"]
            for event in self.line.events
            if event["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")
        ]

    def complaints(self) -> list[str]:
        """What went wrong in it."""
        return [
            json.dumps(event["params"])
            for event in self.line.events
            if event["method"] == "Runtime.exceptionThrown"
            or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error")
        ]

    def shoot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.line.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """As a person closes a tab."""
        self._browser.line.ask("Target.closeTarget", targetId=self._target)
        self.line.close()


def wait_for(done: Callable[[], Any], patience_s: float = PATIENCE_S, what: str = "") -> None:
    until_s = time.monotonic() + patience_s
    while not done():
        assert time.monotonic() < until_s, f"waited {patience_s:g} s for {what}"
        time.sleep(0.02)
