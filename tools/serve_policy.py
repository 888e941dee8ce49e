"""`twinarm serve-policy`: put a trained policy on a ZeroMQ endpoint, for any number of robots."""

import signal
import threading

import torch

from control.arm import Arm
from control.keys import read_keys
from control.link import Listener
from policies.card import LARGEST_LOOK, Card
from policies.learned import read_notes
from policies.networks import load_network
from policies.service import PolicyService
from tools.flags.serve_policy import Arguments
from tools.players import policy_file


def main(arguments: Arguments) -> None:
    """Load, say so in one line, answer until SIGINT or SIGTERM."""
    path = policy_file(arguments.policy)
    torch.set_num_threads(1)  # a second waits for whoever shares the cores, and the arm's driver may
    network, header = load_network(path, arguments.device)
    notes, stop = read_notes(path, header), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    service = PolicyService(network, Card(str(path), notes), Arm.of(arguments.model))
    keys = read_keys(arguments.keys) if arguments.keys else None
    with Listener(arguments.endpoint, keys, LARGEST_LOOK) as listener:
        px, steps = notes.spaces.camera_px, notes.steps
        described = f"{notes.hz:g} Hz, {notes.spaces.camera} {px}x{px}, {steps} steps of training"
        print(f"serving policy {path}, {described}, at {listener.endpoint}", flush=True)
        listener.serve(service, stop)
