"""The page's buttons record what is driven by it: an episode is labelled, discarded or kept."""

import pytest

from control.datasets import Dataset
from tests.tools.chromium import NO_SCENE, Browser
from tests.tools.viewing import view

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
