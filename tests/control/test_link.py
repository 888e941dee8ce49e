"""Questions and answers over real sockets, with lost answers, restarts, strangers and late servers."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest
import zmq

from control import wire
from control.caller import Caller
from control.desk import MOST_SESSIONS, Desk, Handler
from control.errors import (
    CommandRefused,
    LinkTimeout,
    PeerRestarted,
    TwinarmError,
    UserError,
    VersionMismatch,
)
from control.link import Listener, serve
from control.peers import Peer

NOBODY = 65534

pytestmark = pytest.mark.clock

ROOT = Path(__file__).parents[2]
HELLO = wire.HELLO.write(wire.Hello(wire.SCHEMA, "a test"))


class Counter:
    """A handler that counts what it executes, and whose steps take as long as they are told to."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self, kind: str, body: object, peer: Peer) -> object:
        if kind == "hello":
            return "counter"
        if isinstance(body, float):
            time.sleep(body)
        if body == "refuse":
            raise CommandRefused("nothing was moved")
        if body == "crash":
            raise ZeroDivisionError("/home/someone/secret.py")
        self.steps += 1
        return self.steps


@contextmanager
def served(handler: Handler, endpoint: str) -> Iterator[str]:
    """`handler` behind a real socket in a thread; gives the endpoint that opened."""
    stop, opened, where = threading.Event(), threading.Event(), []

    def ready(endpoint: str) -> None:
        where.append(endpoint)
        opened.set()

    thread = threading.Thread(target=serve, args=(handler, endpoint, stop, ready))
    thread.start()
    try:
        assert opened.wait(5)
        yield where[0]
    finally:
        stop.set()
        thread.join(5)


@contextmanager
def calling(endpoint: str, **limits: float) -> Iterator[Caller]:
    caller = Caller(endpoint, **limits)
    try:
        yield caller
    finally:
        caller.close()


@pytest.fixture
def ipc(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/robot/wire"


@pytest.mark.parametrize("transport", ["ipc", "tcp", "tcp6"])
def test_questions_are_answered_over(transport, ipc):
    endpoint = {"ipc": ipc, "tcp": "tcp://127.0.0.1:0", "tcp6": "tcp://[::1]:0"}[transport]
    with served(Counter(), endpoint) as opened, calling(opened) as caller:
        assert caller.greeting == "counter"
        assert [caller.ask("step") for _ in range(3)] == [1, 2, 3]


def test_an_error_keeps_its_class_and_says_nothing_of_the_server_s_files(ipc, caplog):
    with served(Counter(), ipc), calling(ipc) as caller:
        with pytest.raises(CommandRefused, match="^nothing was moved$"):
            caller.ask("step", "refuse")
        with pytest.raises(TwinarmError, match="^step failed: ZeroDivisionError; see the server's log$"):
            caller.ask("step", "crash")
        assert caller.ask("step") == 1
    assert "secret.py" in caplog.text


def test_a_lost_answer_never_moves_the_arm_twice(ipc):
    handler = Counter()
    with served(handler, ipc):
        with raw_dealer(ipc) as lost:
            question = wire.pack("step", a_session(1), 2, greeted(lost, a_session(1)), None)
            lost.send(question)  # and its answer is never read
        with raw_dealer(ipc) as again:
            again.send(question)
            assert wire.unpack(again.recv()).body == 1
    assert handler.steps == 1


def test_a_resend_joins_a_step_that_is_still_running(ipc):
    handler = Counter()
    with served(handler, ipc), calling(ipc, timeout_s=2.0, tries=8) as caller:
        assert caller.ask("step", 0.7) == 1  # sent three times before its answer came
        assert caller.ask("step") == 2


@contextmanager
def raw_dealer(endpoint: str) -> Iterator[zmq.Socket]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 500)
        dealer.setsockopt(zmq.RCVTIMEO, 2000)
        dealer.connect(endpoint)
        yield dealer


def greeted(dealer: zmq.Socket, session: bytes) -> bytes:
    """The server's boot, after a hello."""
    dealer.send(wire.pack("hello", session, 1, wire.NOBODY, HELLO))
    return wire.unpack(dealer.recv()).boot


def test_an_answer_that_takes_long_is_waited_for_where_that_was_expected(ipc):
    handler = Counter()
    with served(handler, ipc), calling(ipc, timeout_s=0.3, tries=3) as caller:
        assert caller.ask("step", 0.8, patience_s=10.0) == 1
        with pytest.raises(LinkTimeout, match="did not answer step"):
            caller.ask("step", 0.8)
    assert handler.steps == 2


def test_a_greeting_heard_again_does_not_make_old_questions_new():
    handler, session = Counter(), a_session(1)
    desk = Desk(handler)
    greeting = wire.pack("hello", session, 1, wire.NOBODY, HELLO)
    boot = wire.unpack(desk.answer(greeting)).boot
    steps = [wire.pack("step", session, seq, boot, None) for seq in (2, 3)]
    for said in (*steps, greeting, *steps):
        desk.answer(said)
    assert handler.steps == 2


def test_a_restarted_server_refuses_what_was_meant_for_the_old_one(ipc):
    with served(Counter(), ipc):
        caller = Caller(ipc, timeout_s=3.0)
        caller.ask("step")
    handler = Counter()
    try:
        with served(handler, ipc):
            with pytest.raises(
                PeerRestarted, match=f"{ipc}: the server restarted; step was not executed, connect again"
            ):
                caller.ask("step")
            with calling(ipc) as fresh:
                assert fresh.ask("step") == 1
    finally:
        caller.close()
    assert handler.steps == 1


def test_silence_is_named_with_the_endpoint_and_the_wait(ipc):
    began_s = time.monotonic()
    with pytest.raises(LinkTimeout, match=rf"{ipc} did not answer hello within \d\.\d s"):
        Caller(ipc, timeout_s=0.3)
    assert 0.25 < time.monotonic() - began_s < 2


def test_a_server_that_comes_late_is_still_found(ipc):
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(greeting_of(ipc)))
    thread.start()
    time.sleep(0.3)
    with served(Counter(), ipc):
        thread.join(5)
    assert found == ["counter"]


def greeting_of(endpoint: str) -> str:
    with calling(endpoint, timeout_s=5.0) as caller:
        return caller.greeting


def test_a_server_of_another_version_is_named(ipc):
    complaint = f"{ipc}: the peer speaks wire version 7, this side version 2"
    with old_server(ipc, msgpack.packb([7, "welcome"])), pytest.raises(VersionMismatch, match=complaint):
        Caller(ipc, timeout_s=2.0)


@contextmanager
def old_server(endpoint: str, answer: bytes) -> Iterator[None]:
    """One that answers the first question with these bytes."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        Path(endpoint.removeprefix("ipc://")).parent.mkdir()
        router.bind(endpoint)

        def work() -> None:
            sender, _ = router.recv_multipart()
            router.send_multipart((sender, answer))

        thread = threading.Thread(target=work)
        thread.start()
        yield
        thread.join(5)


def test_a_client_of_another_version_or_schema_is_told_so():
    desk = Desk(Counter())
    answer = wire.unpack(desk.answer(msgpack.packb([3, "hello"])))
    assert isinstance(wire.read_error(answer.body), VersionMismatch)
    answer = wire.unpack(desk.answer(wire.pack("hello", b"s" * 16, 1, wire.NOBODY, "another schema")))
    with pytest.raises(VersionMismatch, match="another sch.*" + wire.SCHEMA[:12]):
        raise wire.read_error(answer.body)


# The desk alone: no sockets


def asked(desk: Desk, session: bytes, seq: int, kind: str = "step", boot: bytes | None = None) -> wire.Message:
    body = HELLO if kind == "hello" else None
    return wire.unpack(desk.answer(wire.pack(kind, session, seq, desk.boot if boot is None else boot, body)))


def a_session(n: int) -> bytes:
    return bytes([n]) * wire.ID_BYTES


def test_a_question_older_than_the_last_is_not_executed():
    handler = Counter()
    desk = Desk(handler)
    asked(desk, a_session(1), 1, "hello", wire.NOBODY)
    asked(desk, a_session(1), 5)
    late = asked(desk, a_session(1), 4)
    assert late.kind == "error" and "question 4 came after question 5" in late.body[1]
    assert asked(desk, a_session(1), 5).body == 1  # the refusal did not replace what a resend gets
    assert handler.steps == 1


@pytest.mark.parametrize("boot, said", [(b"x" * 16, "the server restarted"), (None, "the server forgot this session")])
def test_a_session_that_never_said_hello_here_moves_nothing(boot, said):
    handler = Counter()
    answer = asked(Desk(handler), a_session(1), 1, boot=boot)
    assert isinstance(wire.read_error(answer.body), PeerRestarted) and said in answer.body[1]
    assert handler.steps == 0


def test_the_longest_silent_session_is_forgotten_first():
    desk = Desk(Counter())
    for n in range(MOST_SESSIONS):
        asked(desk, a_session(n), 1, "hello", wire.NOBODY)
    asked(desk, a_session(0), 2)
    asked(desk, a_session(99), 1, "hello", wire.NOBODY)
    assert asked(desk, a_session(0), 3).kind == "step"
    assert asked(desk, a_session(1), 2).kind == "error"


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n\r\n", bytes(range(64)), msgpack.packb([2, "dance"])])
def test_bytes_that_are_no_question_get_no_answer(data):
    assert Desk(Counter()).answer(data) is None


# Strangers at the socket


def test_a_flood_of_nonsense_leaves_the_server_answering(ipc):
    handler = Counter()
    with served(handler, ipc), calling(ipc) as caller:
        with raw_dealer(ipc) as stranger:
            stranger.send(b"nonsense")
            stranger.send_multipart([b"two", b"frames"])
            stranger.send(bytes(wire.LARGEST_ASK + 1))
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(ipc.removeprefix("ipc://"))
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert caller.ask("step") == 1
    assert handler.steps == 1


def test_a_client_that_never_reads_costs_the_others_nothing(ipc):
    with served(lambda kind, body, peer: bytes(100_000), ipc), calling(ipc) as caller, raw_dealer(ipc) as deaf:
        session = a_session(7)
        boot = greeted(deaf, session)
        for seq in range(2, 200):
            deaf.send(wire.pack("observe", session, seq, boot, None))
        began_s = time.monotonic()
        assert caller.ask("observe") == bytes(100_000)
        assert time.monotonic() - began_s < 1


BUSY = """
import sys, threading, time
from control.link import Listener
from tools.hostile import HANDSHAKE, hello, raw

stop = threading.Event()
with Listener(sys.argv[1]) as listener:
    thread = threading.Thread(target=listener.serve, args=(lambda *_: time.sleep(0.4), stop))
    thread.start()
    for _ in range(3):
        with raw(sys.argv[1]) as stranger:
            stranger.sendall(HANDSHAKE)
            stranger.recv(200)
            stranger.sendall((b"\\0" + bytes([len(hello())]) + hello()) * 30)
            time.sleep(0.1)
        time.sleep(0.7)
    stop.set()
    thread.join()
"""


def test_a_stranger_that_says_much_and_leaves_ends_nothing(ipc):
    """In a process of its own: libzmq's heartbeat to whoever has left so would abort this one."""
    ran = subprocess.run([sys.executable, "-c", BUSY, ipc], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr


# Where a server may listen


@pytest.mark.parametrize(
    "endpoint, complaint",
    [
        ("tcp://0.0.0.0:5555", "open to other machines, and that takes keys"),
        ("tcp://192.168.1.7:5555", "open to other machines, and that takes keys"),
        ("tcp://[::]:5555", "open to other machines, and that takes keys"),
        ("tcp://[::ffff:10.0.0.1]:5555", "open to other machines"),
        ("tcp://*:5555", "must name a numeric address"),
        ("tcp://localhost:5555", "must name a numeric address"),
        ("tcp://eth0:5555", "must name a numeric address"),
        ("tcp://::1:5555", r"in brackets, as in tcp://\[::1\]:5555"),
        ("tcp://127.0.0.1", "must name a numeric address"),
        ("tcp://127.0.0.1:99999", "must end in a port"),
        ("tcp://127.0.0.1:²", "must end in a port"),
        ("tcp://127.0.0.1:5555;10.0.0.1:5555", "must name a numeric address"),
        ("ipc://@robot", "names no file"),
        ("ipc://*", "names no file"),
        ("ipc:///run/" + 200 * "x", "longer than the 107 bytes"),
        ("ipc://", "is no endpoint; give ipc://path or tcp://127.0.0.1:port"),
        ("inproc://robot", "is no endpoint"),
        ("udp://127.0.0.1:5555", "is no endpoint"),
        ("robot", "is no endpoint"),
    ],
)
@pytest.mark.parametrize("side", ["serve", "call"])
def test_only_this_machine_may_serve_and_call(side, endpoint, complaint):
    never = threading.Event()
    never.set()
    open_it: Callable[[], object] = (
        (lambda: serve(Counter(), endpoint, never, print)) if side == "serve" else (lambda: Caller(endpoint))
    )
    with pytest.raises(UserError, match=complaint):
        open_it()


def test_an_ipc_endpoint_is_its_owner_s_alone(ipc):
    path = Path(ipc.removeprefix("ipc://"))
    with served(Counter(), ipc):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_server_does_not_steal_the_endpoint(ipc):
    with served(Counter(), ipc), calling(ipc) as caller:
        with pytest.raises(UserError, match="something is already served at"):
            serve(Counter(), ipc, threading.Event(), print)
        assert caller.ask("step") == 1


def test_a_second_server_on_a_taken_port_is_refused():
    with served(Counter(), "tcp://127.0.0.1:0") as taken, pytest.raises(UserError) as caught:
        serve(Counter(), taken, threading.Event(), print)
    assert str(caught.value).startswith(f"cannot serve at {taken}: Address already in use")


def test_a_file_in_the_way_is_spared(tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    with pytest.raises(UserError, match="needs the folder .*: (Not a directory|File exists); choose another path"):
        serve(Counter(), f"ipc://{thesis}/arm", threading.Event(), print)
    with pytest.raises(UserError, match="exists and is not a socket"):
        serve(Counter(), f"ipc://{thesis}", threading.Event(), print)
    assert thesis.read_text() == "years of work"


def test_the_socket_of_a_dead_server_is_taken_over(ipc):
    path = Path(ipc.removeprefix("ipc://"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(Counter(), ipc), calling(ipc) as caller:
        assert caller.ask("step") == 1


def test_no_answer_is_dropped_while_the_client_keeps_up(ipc):
    with served(lambda kind, body, peer: bytes(20_000), ipc), calling(ipc, timeout_s=5.0, tries=1) as caller:
        for _ in range(3000):
            caller.ask("observe")


@pytest.mark.skipif(os.getuid() != 0, reason="being somebody else takes root")
def test_another_users_server_is_left_alone():
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as theirs:
        Path(folder).chmod(0o777)  # where anybody may remove anything
        path = Path(folder, "robot")
        theirs.bind(str(path))
        theirs.listen()
        path.chmod(0o600)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(UserError, match="is another user's .uid 0.; choose another path"):
                Listener(f"ipc://{path}")
        finally:
            os.seteuid(0)
        assert path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes a user without a name, as in a container")
def test_a_user_without_a_name_is_known_by_number():
    words = "import os; from control.caller import whoami; os.setuid(54321); print(whoami())"
    named = ("LOGNAME", "USER", "LNAME", "USERNAME")
    env = {name: value for name, value in os.environ.items() if name not in named}
    told = subprocess.run([sys.executable, "-c", words], env=env, cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.startswith("54321@"), told.stderr
