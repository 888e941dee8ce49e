"""Episodes written down as they are lived through, one after another behind those that a dataset has."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from control.datasets import Dataset
from control.episodes import Provenance
from control.loop import Step
from control.recorder import Recorder

From = Callable[[int], Provenance]
"""Where episode number n of this sitting comes from, n from 0."""


class Diary:
    """Sees every step and every end."""

    def __init__(self, dataset: Dataset, source: From):
        self._dataset, self._source = dataset, source
        self._first = self._index = 1 + max([-1, *dataset.indices(), *dataset.incomplete()])
        self._open: Recorder | None = None

    def add(self, step: Step) -> None:
        """One more step of the episode under way, or the first of a new one."""
        if self._open is None:
            self._open = self._dataset.recorder(self._index, self._source(self._index - self._first))
            self._open.start(step.before, step.truth_before)
        self._open.add(step.command, step.after, step.verdict, step.truth)

    def finish(self, success: bool) -> None:
        """The episode is over."""
        if self._open is not None:
            self._open.finish(success)
            self._open, self._index = None, self._index + 1

    def close(self) -> None:
        """Leave an episode under way as the `.part` it is, to be recovered."""
        if self._open is not None:
            self._open.close()


@contextmanager
def written(dataset: Dataset, source: From) -> Iterator[Diary]:
    """A diary in `dataset`, of which this is the only writer; what a crash left there is recovered first.

    Raises:
        DatasetError: another process is writing it.
    """
    with dataset.lock():
        dataset.recover()
        diary = Diary(dataset, source)
        try:
            yield diary
        finally:
            diary.close()
