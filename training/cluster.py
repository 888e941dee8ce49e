"""Sharing jobs out on a Ray cluster. Its machines need this package and the folders that the jobs read and write."""

import importlib.util
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from control.errors import TwinarmError, UserError

if TYPE_CHECKING:
    from training.crew import Task

LOCAL = "local"
PATIENCE_S = 5.0
DEATHS = 3  # hands that may be lost in a row with no job done between


def share_on_cluster(task: "Task", jobs: Iterable[int], address: str, workers: int) -> Iterator[tuple[int, bytes]]:
    """Do every job on the cluster at `address`, or on a Ray of this machine, yielding them as they are done.

    Raises:
        UserError: Ray is not installed, or nobody listens at the address.
        TwinarmError: a job failed, or machine after machine was lost.
    """
    require_cluster(address)
    ray = _connected(address, workers)
    try:
        yield from _spread(ray, task, list(jobs), workers if address == LOCAL else _cores(ray))
    finally:
        ray.shutdown()


def require_cluster(address: str) -> None:
    """Raises UserError where Ray is not installed, or nobody listens at the address (HOST:PORT)."""
    if importlib.util.find_spec("ray") is None:
        raise UserError('--cluster needs Ray; pip install "twinarm[cluster]"')
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if address != LOCAL:
            socket.create_connection((host, int(port)), PATIENCE_S).close()
    except (OSError, ValueError) as error:
        raise UserError(f"no Ray cluster at {address} ({error}); give HOST:PORT, or local") from None


def _connected(address: str, workers: int) -> Any:
    import ray  # heavy, and not always there

    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
    ray.init(**(options | {"num_cpus": workers} if address == LOCAL else {"address": address}))
    return ray


def _cores(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


class Hand:
    """A process of the cluster that is ready for jobs."""

    def __init__(self, task: "Task"):
        self._do = ExitStack().enter_context(task.open())

    def do(self, job: int) -> tuple[bool, bytes]:
        """Whether the job went well, and what it told, or why it did not."""
        try:
            return True, self._do(job)
        except TwinarmError as error:
            return False, str(error).encode()


def _spread(ray: Any, task: "Task", todo: list[int], workers: int) -> Iterator[tuple[int, bytes]]:
    kind, deaths = ray.remote(num_cpus=1)(Hand), 0
    under_way: dict[Any, tuple[Any, int]] = {}
    while todo or under_way:
        while todo and len(under_way) < workers:
            hand, job = kind.remote(task), todo.pop(0)
            under_way[hand.do.remote(job)] = hand, job
        [answer], _ = ray.wait(list(under_way))
        hand, job = under_way.pop(answer)
        try:
            well, told = ray.get(answer)
        except ray.exceptions.RayActorError as error:
            todo.append(job)
            deaths += 1
            if deaths > DEATHS:
                raise TwinarmError(f"{deaths} processes in a row were lost, the last at job {job}: {error}") from None
            continue
        if not well:
            raise TwinarmError(told.decode())
        deaths = 0
        if todo:
            following = todo.pop(0)
            under_way[hand.do.remote(following)] = hand, following
        yield job, told
