"""Where a robot may be served: on this machine, or with keys to tell a friend from a stranger."""

import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.errors import UserError

LONGEST_PATH = 107  # sizeof(sockaddr_un.sun_path) - 1
FORMS = "ipc://path or tcp://127.0.0.1:port"


WATCHING, STOPPING = 1, 2  # the endpoints beside the one to drive at


def beside(endpoint: str, which: int) -> str:
    """The endpoint to watch or to stop at, of the robot that is driven at `endpoint`. Raises UserError."""
    check(endpoint, keyed=True)
    transport, _, address = endpoint.partition("://")
    if transport == "ipc":
        return f"{endpoint}.{('watch', 'stop')[which - 1]}"
    host, _, port = address.rpartition(":")
    return f"{transport}://{host}:{int(port) + which}"


def check(endpoint: str, keyed: bool = False) -> None:
    """Raise UserError unless `endpoint` is well formed, and only this machine's users can reach it or it is `keyed`."""
    transport, separator, address = endpoint.partition("://")
    if not separator or transport not in ("ipc", "tcp") or not address:
        raise UserError(f"{endpoint!r} is no endpoint; give {FORMS}")
    if transport == "tcp":
        _check_address(endpoint, address, keyed)
    elif address.startswith(("@", "*")):
        raise UserError(f"{endpoint} names no file, so its permissions protect nothing; give {FORMS}")
    elif len(os.fsencode(address)) > LONGEST_PATH:
        raise UserError(f"{endpoint} is longer than the {LONGEST_PATH} bytes that a socket's path may have")


def _check_address(endpoint: str, address: str, keyed: bool) -> None:
    host, _, port = address.rpartition(":")
    try:
        loopback = ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        raise UserError(f"{endpoint} must name a numeric address and a port; give {FORMS}") from None
    if ":" in host and not host.startswith("["):
        raise UserError(f"{endpoint} needs its IPv6 address in brackets, as in tcp://[::1]:5555")
    if not loopback and not keyed:
        raise UserError(
            f"{endpoint} is open to other machines, and that takes keys: see twinarm keys; "
            f"or give {FORMS}, and forward the port over ssh"
        )
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UserError(f"{endpoint} must end in a port between 0 (any free one) and 65535")


@contextmanager
def claimed(endpoint: str) -> Iterator[None]:
    """Bind within this: an ipc file is made for its owner alone, and a live server's or a stranger's file is spared.

    Raises:
        UserError: someone serves there already, the file is not a socket, or its folder cannot be made.
    """
    if not endpoint.startswith("ipc://"):
        yield
        return
    path = Path(endpoint.removeprefix("ipc://"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{endpoint} needs the folder {path.parent}: {error.strerror}; choose another path") from None
    _check_free(path)
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def _check_free(path: Path) -> None:
    """libzmq deletes whatever is at the path it binds, so look first."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise UserError(f"{path} exists and is not a socket; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except PermissionError:
            raise UserError(f"{path} is another user's (uid {path.stat().st_uid}); choose another path") from None
        except OSError:
            return  # left behind by a server that died
    raise UserError(f"something is already served at ipc://{path}; stop it, or choose another path")
