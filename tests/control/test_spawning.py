"""Processes beside: Ctrl-C is not for them, from their first moment."""

import os
import signal
import subprocess
import sys

from control.spawning import SPAWN, spawned

OWNER = """
import os, signal, time
from control.spawning import spawned
if __name__ == "__main__":
    process = spawned(time.sleep, 0.5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(0, signal.SIGINT)  # while the other still imports
    process.join()
    print(process.exitcode)
"""


def ask(pipe) -> None:
    pipe.send(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_ctrl_c_reaches_only_whoever_began_the_other():
    near, far = SPAWN.Pipe()
    process = spawned(ask, far)
    assert near.recv() == {signal.SIGINT}
    process.join()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_while_the_other_still_imports_is_nothing_to_it(tmp_path):
    path = tmp_path / "owner.py"
    path.write_text(OWNER)
    ran = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        process_group=0,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (ran.stdout, ran.stderr) == ("0\n", "")
