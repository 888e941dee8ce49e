"""Keys by which robot and clients know each other across machines: Curve25519, as ZeroMQ's CURVE uses them.

The robot's machine holds one file with its own pair and every client's public key and role; each client holds a ticket:
its own pair and the robot's public key. Both are for their owner's eyes alone.
"""

import os
import re
from pathlib import Path
from typing import Literal

import msgspec
import zmq

from control import config
from control.config import require
from control.errors import UserError
from control.peers import Role

TICKET = "TWINARM_TICKET"  # environment variable: the file with this client's ticket
Z85 = 40  # characters of a key
NAME = re.compile(r"\w[\w .@-]{0,60}")


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One client, as the robot's machine knows it."""

    public: str
    role: Literal["observer", "commander", "operator"]

    def __post_init__(self) -> None:
        require(len(self.public) == Z85, f"public must be a key of {Z85} characters, got {len(self.public)}")


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the robot's machine holds."""

    public: str
    secret: str
    clients: dict[str, Client] = {}

    def __post_init__(self) -> None:
        require(len(self.public) == len(self.secret) == Z85, f"public and secret must have {Z85} characters each")

    @classmethod
    def draw(cls) -> "Keys":
        """A new pair, and nobody who may come."""
        return cls(*_pair())

    @property
    def roles(self) -> dict[str, Role]:
        """By public key."""
        return {client.public: Role[client.role.upper()] for client in self.clients.values()}

    def admit(self, name: str, role: str) -> tuple["Keys", "Ticket"]:
        """These keys with one client more, and that client's ticket. Raises UserError for a name that will not do."""
        if not NAME.fullmatch(name):
            raise UserError(f"a client's name begins with a letter or digit and is no path, got {name!r:.60}")
        if name in self.clients:
            raise UserError(f"there is a client {name} already; give another name, or take that one away first")
        public, secret = _pair()
        known = self.clients | {name: config.build(Client, {"public": public, "role": role}, name)}
        return msgspec.structs.replace(self, clients=known), Ticket(name, public, secret, self.public)

    def dismiss(self, name: str) -> "Keys":
        """These keys without that client. Raises UserError where there is none."""
        if name not in self.clients:
            raise UserError(f"there is no client {name}; there are: {', '.join(self.clients) or 'none'}")
        return msgspec.structs.replace(self, clients={n: c for n, c in self.clients.items() if n != name})


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client holds."""

    name: str
    public: str
    secret: str
    server: str  # the robot's public key

    def __post_init__(self) -> None:
        sizes = {len(key) for key in (self.public, self.secret, self.server)}
        require(sizes == {Z85}, f"public, secret and server must be keys of {Z85} characters")


def read_keys(path: Path) -> Keys:
    """Raises UserError where the file is none, or others may read it."""
    _private(path)
    return config.build(Keys, config.own(path), str(path))


def own_ticket() -> Ticket | None:
    """This process's, if its environment names one. Raises UserError where the file is none, or others may read it."""
    if not (named := os.environ.get(TICKET)):
        return None
    _private(Path(named))
    return config.build(Ticket, config.own(Path(named)), named)


def write(path: Path, content: Keys | Ticket) -> None:
    """For this user's eyes alone; whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.yaml.encode(content))
    part.replace(path)


def _private(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"there are no keys at {path}; twinarm keys --admit NAME makes them")
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path} holds a secret and others may read it; chmod 600 {path}")


def _pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()
