"""The runs of a folder, as the page shows them."""

import json

import pytest

from control.errors import UserError
from tools.curves import POINTS, curves, listed, thinned


@pytest.fixture
def root(tmp_path):
    trained, judged = tmp_path / "lift" / "20260101_000000", tmp_path / "eval" / "20260102_000000"
    for folder in (trained, judged):
        folder.mkdir(parents=True)
    rows = [{"step": step, "q": step / 10, "critic_loss": None if step else 1.5} for step in range(1000)]
    written = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (trained / "metrics.jsonl").write_bytes(written + b'\0\0\n0\n{}\n\xff\n{"step": 10')  # as a power cut leaves it
    (judged / "report.json").write_text(json.dumps({"success": 0.5, "n": 4, "low": 0.15, "high": 0.85}))
    return tmp_path


def test_runs_and_evaluations_are_listed_with_what_is_known_of_them(root):
    (judged, trained) = sorted(json.loads(listed(root)), key=lambda run: run["curves"])
    assert (judged["success"], judged["n"], judged["curves"]) == (0.5, 4, False)
    assert trained["path"] == "lift/20260101_000000" and "success" not in trained


def test_a_folder_without_runs_lists_none(tmp_path):
    assert json.loads(listed(tmp_path / "nowhere")) == []


def test_a_run_has_its_figures_in_panels(root):
    told = json.loads(curves(root, "run=lift%2F20260101_000000"))
    lines = {line["label"]: line["points"] for panel in told["panels"] for line in panel["lines"]}
    assert lines["critic, batch mean"][-1] == [999, pytest.approx(99.9)]
    assert lines["critic"] == [[0, 1.5]] and lines["validation"] == []


@pytest.mark.parametrize("query", ["run=..", "run=%2Fetc", "run=lift/../../elsewhere"])
def test_what_lies_elsewhere_is_no_run(root, query):
    with pytest.raises(UserError, match="not a run of this folder"):
        curves(root, query)


@pytest.mark.parametrize("count", [0, 1, POINTS, POINTS + 1, 10 * POINTS + 3])
def test_a_long_line_becomes_a_short_one_with_the_same_end_and_mean(count):
    points = [(float(i), float(i)) for i in range(count)]
    short = thinned(points)
    assert len(short) == min(count, len(short)) <= POINTS
    assert short[-1:] == [] if not count else short[-1][0] == count - 1
