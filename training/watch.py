"""Between a run and those who look on."""

from collections.abc import Callable
from dataclasses import dataclass

from training.evaluate import EpisodeResult, Report


@dataclass
class Watch:
    """What a run tells those who look on, and whether they want it to stop; every default is silence."""

    started: Callable[[], None] = lambda: None  # nothing refuses the run any more
    taught: Callable[[int, int], None] = lambda done, total: None  # demonstrations taken in, varied ones too
    resumed: Callable[[int, int], None] = lambda step, episodes: None
    cloning: Callable[[int, int], None] = lambda done, total: None
    learning: Callable[[int, int, dict[str, float]], None] = lambda done, total, figures: None
    validating: Callable[[int, int], None] = lambda done, total: None
    evaluated: Callable[[int, Report], None] = lambda step, report: None
    examined: Callable[[EpisodeResult], None] = lambda result: None  # an episode of the evaluation at the end
    enough: Callable[[], bool] = lambda: False  # asked between decisions: True saves and stops
    lived: Callable[[int, bool], None] = lambda episodes, success: None  # an episode that somebody else went through


class Stopped(Exception):
    """A run that was asked to stop has saved where it stands, and says so."""
