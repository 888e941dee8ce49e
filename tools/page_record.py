"""Recording by the page: a session of `twinarm record` whose words are shown there and whose orders are its buttons."""

from collections.abc import Callable

from control.datasets import Dataset
from control.deadman import DeadMan
from control.interfaces import Robot
from tools.flags.record import Arguments as Recorded
from tools.flags.view import Arguments
from tools.record import configured, info_of, session_of
from tools.status_line import StatusLine
from training.recording import Session


class PageLine(StatusLine):
    """Tells pages what would else be said on a terminal."""

    def __init__(self, notice: Callable[[str], object]):
        self._notice = notice

    def show(self, text: object) -> None:
        """Nothing: a page shows the arm itself."""

    def tell(self, words: str) -> None:
        self._notice(words)

    def close(self) -> None:
        """Nothing is left behind."""


def begin(arguments: Arguments, robot: Robot, person: DeadMan, notice: Callable[[str], object]) -> Session:
    """Another session that fills the dataset `arguments.record`.

    Raises:
        DatasetError: it is of another kind, or of an arm calibrated otherwise.
    """
    assert arguments.record is not None
    asked = Recorded(
        output=arguments.record,
        episodes=arguments.episodes,
        robot=arguments.robot,
        device="page",
        who=arguments.who,
        config=arguments.config,
        set=arguments.set,
    )
    config = configured(asked)
    dataset = Dataset.create(asked.output, info_of(config, robot))
    if not arguments.any_calibration:
        dataset.require_calibration(robot.spec.calibration)
    return session_of(asked, config, robot, person, dataset, PageLine(notice))
