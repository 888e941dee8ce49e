"""The page's buttons record what is driven by it: an episode is labelled, discarded or kept."""

from dataclasses import replace

import pytest

from control.datasets import Dataset
from control.episodes import Provenance
from control.errors import DatasetError
from control.types import Command, ResetRequest, Verdict
from tests.tools.chromium import NO_SCENE, Browser
from tests.tools.viewing import view
from tools.bench_wire import StillRobot
from tools.flags.view import Arguments
from tools.page_record import begin

pytestmark = pytest.mark.clock
NOTICES = "document.querySelector('#notices').textContent"


def take(page):
    """Drive for a moment, and say that it was a success."""
    page.until("document.querySelector('#drive').classList.contains('ready')")
    page.until("document.querySelector('#state').textContent == 'active'")
    page.key("KeyJ", True)
    page.until("document.querySelector('#drive').classList.contains('held')")
    page.run("new Promise((told) => setTimeout(told, 500))")
    page.key("KeyJ", False)
    page.click("[data-order=success]")
    page.until(f"{NOTICES}.includes('success after') && {NOTICES}.includes('keep, redo or discard')", 40)


def test_a_dataset_of_another_arm_s_angles_is_gone_on_with_where_that_was_asked_for(tmp_path):
    robot, folder = StillRobot((64, 64)), tmp_path / "set"
    robot.spec = replace(robot.spec, profile="measured", calibration="fedcba987654")
    asked = Arguments(record=folder, config="lift_fast.yaml")
    begin(asked, robot, None, print)
    theirs = Provenance("teleop", 0, "near", calibration="0123456789ab")
    seen = robot.reset(ResetRequest("home", 1))
    with Dataset.found(folder).recorder(0, theirs) as recorder:
        recorder.start(seen, None)
        recorder.add(
            Command(seen.target_rad, seen.seq, action=(0.0,) * 5), robot.observe(), Verdict(0.0, 1.0, False, {}), None
        )
        recorder.finish(False)
    with pytest.raises(DatasetError, match="calibration 0123456789ab.*--any-calibration"):
        begin(asked, robot, None, print)
    begin(replace(asked, any_calibration=True), robot, None, print)


def test_what_is_driven_by_the_page_is_recorded_and_kept_or_not(tmp_path):
    folder = tmp_path / "episodes"
    flags = ("--robot", "sim", "--record", str(folder), "--episodes", "1", "--who", "ann")
    with Browser(tmp_path / "browser", NO_SCENE) as browser, view(*flags) as address:
        page = browser.page(address)
        page.until("document.querySelector('#state').textContent != '…'")
        page.click("#take")
        take(page)
        page.click("[data-order=discard]")
        page.run("document.querySelector('#notices').replaceChildren()")
        take(page)
        page.click("[data-order=keep]")
        page.until(f"{NOTICES}.includes('1 of 1 episodes are in')")
        page.until("!document.querySelector('#take').hidden")
    dataset = Dataset.open(folder)
    assert dataset.indices() == [0]
    episode = dataset.read(0)
    assert (episode.provenance.extra["who"], episode.provenance.extra["device"]) == ("ann", "page")
    assert episode.by_person.any()
    assert len(list((folder / "discarded").iterdir())) >= 1
