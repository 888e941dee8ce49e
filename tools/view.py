"""`twinarm view`: one local page that shows a robot and drives it."""

import secrets
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from control.arm import Arm
from control.config import RobotConfig
from control.deadman import DeadMan
from control.errors import LinkTimeout, UserError
from control.gateway import serve_robot
from control.loop import Watch
from control.remote import RemoteRobot
from sim.figure import Figure
from tools import curves
from tools.flags.view import Arguments
from tools.page_operator import PageOperator
from tools.pages import Notices, Pages
from tools.robots import REMOTE, open_robot, robot_section
from tools.seat import Record, Seat
from tools.sights import Sights, scene
from tools.site import Answer, Site

SHOWN_PX = 240  # pictures for people; --set robot.camera_px changes it
LEAVE_S = 2.0


def main(arguments: Arguments) -> None:
    """Say where the page is, and serve it until SIGINT or SIGTERM."""
    if not 0 <= arguments.port < 65536:
        raise UserError(f"--port must be 0 to 65535, got {arguments.port}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    shown = () if arguments.record else (f"robot.camera_px={SHOWN_PX}",)
    config = robot_section(arguments.config, *shown, *arguments.set)
    with reachable(arguments.robot, config, stop) as endpoint, opened(arguments, endpoint, config, stop) as site:
        print(f"the page is at {site.url} ; Ctrl-C ends it, and the arm holds", flush=True)
        stop.wait()


@contextmanager
def reachable(name: str, config: RobotConfig, stop: threading.Event) -> Iterator[str]:
    """The endpoint of the robot: where it is served already, or served here until `stop` is set.

    Raises whatever opening it raises, or what ended it.
    """
    if name.startswith(REMOTE):
        yield name
        return
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        endpoints: SimpleQueue[str] = SimpleQueue()

        def run() -> None:
            try:
                with closing(open_robot(name, config, realtime=name == "sim")) as robot:
                    serve_robot(robot, f"ipc://{folder}/robot", stop, endpoints.put)
            finally:
                endpoints.put("")
                stop.set()

        serving = pool.submit(run)
        try:
            if endpoint := endpoints.get():
                yield endpoint
        except LinkTimeout:
            if not stop.is_set():  # else it was ended: by somebody, or by what its result raises
                raise
        finally:
            stop.set()
        serving.result()


@contextmanager
def opened(arguments: Arguments, endpoint: str, config: RobotConfig, stop: threading.Event) -> Iterator[Site]:
    """The page of the robot at `endpoint`, and the threads behind it.

    Raises:
        UserError: the port is taken.
    """
    figure, notices = Figure(config), Notices()
    with ExitStack() as stack:
        operator = PageOperator()
        seat = Seat(endpoint, operator, Arm.of(config.model), notices.tell, recording(arguments, notices))
        sights = Sights(endpoint, seat, figure)
        told = scene(arguments.robot, seat.spec, figure)
        answers: dict[str, Answer] = {
            "scene.json": lambda query: told,
            "runs.json": lambda query: curves.listed(arguments.runs),
            "curves.json": partial(curves.curves, arguments.runs),
        }
        try:
            site = Site(arguments.port, secrets.token_urlsafe(16), answers, Pages(operator, sights, notices).talk)
        except OSError as error:
            raise UserError(
                f"port {arguments.port} cannot be had: {error.strerror}; name another with --port"
            ) from None
        stack.enter_context(closing(site))
        for work in (seat.run, sights.run):
            thread = threading.Thread(target=work, args=(stop,), daemon=True)
            thread.start()
            stack.callback(thread.join, LEAVE_S)
        stack.callback(operator.close)
        stack.callback(stop.set)
        yield site


def recording(arguments: Arguments, notices: Notices) -> Record | None:
    """What begins to record, where that was asked for."""
    if arguments.record is None:
        return None
    from tools import page_record  # torch, which whoever only looks and drives does without

    def record(robot: RemoteRobot, person: DeadMan, watch: Watch) -> str:
        session = page_record.begin(arguments, robot, person, notices.tell)
        session.watch = watch
        whole = session.record(arguments.episodes)
        return f"{len(session.dataset.indices())} of {arguments.episodes} episodes are in {arguments.record}" + (
            "" if whole else "; drive again to go on"
        )

    return record
