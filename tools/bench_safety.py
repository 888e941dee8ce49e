"""How soon an arm that moves stands still when something is gone, by the twin's own record."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from control import arm as kinematics
from control import wire
from control.arm import Arm
from control.caller import Caller
from control.config import RobotConfig
from control.errors import DriverLost, TwinarmError
from control.remote import RemoteRobot
from control.spawning import spawned
from control.types import JOINTS, Command, ResetRequest
from hardware import black_box
from hardware.extremes import extremes
from tools.rig import SLACK_S, end_twin, only_child, start_twin
from tools.world import twin_calibration

CONFIG = "lift_fast.yaml"
SWING_RAD = np.array([0.45, 0.15, 0.15, 0.2, 0.0, 0.0])  # about home
SWING_HZ = 0.45
WARM_S, AFTER_S = (1.0, 2.2), 0.8  # of motion before, to watch afterwards
MISHAP_S, LATER_S = 0.6, 3.0
STILL_RAD, STILL_RAD_S = 1e-5, 0.05
MOVING_S, MOVING_RAD = 0.3, 0.01  # in so long before, at least: also where the swing turns
START_S = 20.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and how soon it has to show: in milliseconds, until no servo's goal changes any more.

    Budgets: 150 ms of watchdog and 150 of braking without a client or the gateway's keeper, 100 without a gateway, 50
    without a driver, 40 with a silent servo, 20 without a line.
    """

    budget_ms: float
    strike: Callable[["Stage"], float]  # the moment, on the monotonic clock
    mishap: str = ""


class Stage:
    """A twin that records itself, a gateway with its driver on the twin's port, and a client that swings the arm."""

    def __init__(self, folder: Path, mishap: str, seed: int):
        self.folder, self.log = folder, folder / "twin.bin"
        self._rng = np.random.default_rng(seed)
        flags = ["--log", str(self.log), "--link", str(folder / "tty"), "--config", CONFIG]
        if mishap:
            at_s = LATER_S + self._rng.uniform(*WARM_S)  # motion begins on the way to the start
            faults = folder / "faults.yaml"
            faults.write_text(f"mishaps: [{{what: {mishap}, after: motion, at_s: {at_s}, for_s: {MISHAP_S}}}]\n")
            flags += ["--faults", str(faults)]
        self._twin, where = start_twin(RobotConfig(hz=10.0), *flags)
        twin_calibration(Arm.from_facts()).save(folder / "calibration.json")
        (folder / "arm.yaml").write_text(
            f"port: {where['port']}\ncalibration: calibration.json\nslack_s: {SLACK_S}\n"
            f"cameras: {{wrist_cam: {{source: '{where['camera']}'}}}}\n"
        )
        self.endpoint, self.sent = f"ipc://{folder}/gate", folder / "sent"
        self.keeper = self._served()

    def _served(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tools.cli", "serve", "--robot", str(self.folder / "arm.yaml")]
        command += ["--endpoint", self.endpoint, "--config", CONFIG]
        keeper = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert keeper.stdout
        if not keeper.stdout.readline():
            raise TwinarmError("the gateway did not start; its own words are above")
        return keeper

    @contextmanager
    def swinging(self, habit: str = "") -> Iterator[multiprocessing.process.BaseProcess]:
        """A client that has been moving the arm for a second or two."""
        self.sent.unlink(missing_ok=True)
        client = spawned(swing, self.endpoint, habit, str(self.sent))
        try:
            self.await_that(lambda: self.sent.exists())
            time.sleep(self._rng.uniform(*WARM_S))
            yield client
        finally:
            client.kill()
            client.join()

    def pids(self) -> tuple[int, int, int]:
        """Keeper, gateway and driver: each the only child of the one before."""
        keeper = self.keeper.pid
        return keeper, (gateway := only_child(keeper)), only_child(gateway)

    def close(self) -> None:
        self.keeper.kill()
        self.keeper.wait()
        if self.keeper.stdout:
            self.keeper.stdout.close()
        end_twin(self._twin)

    def await_that(self, there: Callable[[], bool]) -> None:
        """Raises TwinarmError when it does not come."""
        deadline_s = time.monotonic() + START_S
        while not there():
            if time.monotonic() > deadline_s:
                raise TwinarmError(f"nothing moved within {START_S:g} s; the client's own words are above")
            time.sleep(0.01)


def swing(endpoint: str, habit: str, sent: str) -> None:
    """Swing the arm about home for ever; told by a line in the file `sent`, fall into a bad habit."""
    home_rad, file = np.array(kinematics.facts()["home_rad"]), Path(sent)
    # What is gone is what this is about; whoever swings is told of it and has nothing more to do.
    with suppress(DriverLost), closing(RemoteRobot(endpoint)) as robot, closing(Caller(endpoint)) as raw:
        seen, began_s = robot.reset(ResetRequest("home", 0)), time.monotonic()
        file.touch()
        while True:
            angle = 2 * np.pi * SWING_HZ * (time.monotonic() - began_s)
            command = Command(home_rad + SWING_RAD * np.sin(angle), seen.seq)
            if habit and file.stat().st_size:
                misbehave(habit, robot, raw, command)
            else:
                seen = robot.step(command)


def misbehave(habit: str, robot: RemoteRobot, raw: Caller, command: Command) -> None:
    """Send what no arm may follow."""
    with suppress(TwinarmError):
        if habit == "stale":
            robot.step(Command(command.target_rad, command.answers - 5))
        else:
            raw.ask("step", wire.COMMAND.write(command) | {"target_rad": np.full(len(JOINTS), np.nan).tobytes()})
    time.sleep(0.02)


def _kill_client(stage: Stage) -> float:
    with stage.swinging() as client:
        struck_s = _kill(client.pid or 0)
        time.sleep(AFTER_S)
    return struck_s


def _kill_server(which: int) -> Callable[[Stage], float]:
    def strike(stage: Stage) -> float:
        with stage.swinging():
            struck_s = _kill(stage.pids()[which])
            time.sleep(AFTER_S)
        return struck_s

    return strike


def _misbehave(habit: str) -> Callable[[Stage], float]:
    def strike(stage: Stage) -> float:
        with stage.swinging(habit):
            struck_s = time.monotonic()
            stage.sent.write_text("now")
            time.sleep(AFTER_S)
        return struck_s

    return strike


def _await_mishap(stage: Stage) -> float:
    with stage.swinging():
        stage.await_that(lambda: bool(black_box.read(stage.log)["mishaps"].any()))
        time.sleep(AFTER_S)
    rows = black_box.read(stage.log)
    return float(rows["stamp_s"][rows["mishaps"].argmax()])


FAULTS = {
    "client killed": Fault(300.0, _kill_client),
    "keeper killed": Fault(300.0, _kill_server(0)),
    "gateway killed": Fault(100.0, _kill_server(1)),
    "driver killed": Fault(50.0, _kill_server(2)),
    "stale commands": Fault(150.0, _misbehave("stale")),
    "commands of NaN": Fault(300.0, _misbehave("nan")),
    "silent servo": Fault(40.0, _await_mishap, "silent, joint: wrist_flex"),
    "line unplugged": Fault(20.0, _await_mishap, "unplug"),
}


def bench_safety(trials: int = 20) -> dict[str, float]:
    """For each fault: milliseconds until no servo's goal changes any more, until the arm stands, and the tip's way."""
    report: dict[str, float] = {}
    for name, fault in FAULTS.items():
        seen = np.array([trial(fault, number) for number in range(trials)])
        key = name.replace(" ", "_")
        for share in (50, 99, 100):
            report[f"{key}_p{share}_ms"] = float(np.percentile(seen[:, 0], share))
        report |= {f"{key}_budget_ms": fault.budget_ms, f"{key}_stands_ms": float(seen[:, 1].max())}
        report |= {f"{key}_tip_mm": float(seen[:, 2].max()), f"{key}_limits_broken": float(seen[:, 3].sum())}
    return report


def trial(fault: Fault, number: int) -> tuple[float, float, float, int]:
    """Reaction, standstill (ms), way of the tip (mm) and broken limits of one arm that one fault struck."""
    with tempfile.TemporaryDirectory() as folder, closing(Stage(Path(folder), fault.mishap, number)) as stage:
        struck_s = fault.strike(stage)
        rows = black_box.read(stage.log)
    return *reaction(rows, struck_s), sum(not extreme.kept for extreme in extremes(rows))


def reaction(rows: np.ndarray, struck_s: float) -> tuple[float, float, float]:
    """Milliseconds until the goals, and until the joints, are where they stay, and how far the tip went, in mm.

    Raises:
        TwinarmError: the arm stood when it was struck; what stands already reacts at once to anything.
    """
    first = int(np.searchsorted(rows["stamp_s"], struck_s))
    before = rows["goal_rad"][max(first - round(MOVING_S / black_box.ROW_S), 0) : first]
    if len(before) < 2 or np.ptp(before, axis=0).max() < MOVING_RAD:
        raise TwinarmError("the arm stood when it was struck, which tells nothing; its client's own words are above")
    after = rows[max(first - 1, 0) : first + round(MISHAP_S / black_box.ROW_S)]
    since_ms = 1e3 * (after["stamp_s"] - struck_s)
    told = np.abs(np.diff(after["goal_rad"], axis=0)).max(axis=1) > STILL_RAD
    moves = np.abs(after["speed_rad_s"]).max(axis=1) > STILL_RAD_S
    arm = Arm.from_facts()
    tips = np.array([arm.tool(joints.astype(float))[0] for joints in after["joints_rad"]])
    way_mm = 1e3 * float(np.linalg.norm(tips - tips[0], axis=1).max())
    return _last(since_ms[1:], told), _last(since_ms, moves), way_mm


def _last(since_ms: np.ndarray, so: np.ndarray) -> float:
    return float(since_ms[so].max(initial=0.0))


def _kill(pid: int) -> float:
    struck_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    return struck_s
