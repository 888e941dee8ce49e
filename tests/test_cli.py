"""The command line: quick to list itself, and a mistake is one line and status 2."""

import dataclasses
import importlib.metadata
import inspect
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tools.flags
from tools import cli

ROOT = Path(__file__).parents[1]

TOY_FLAGS = '''
from dataclasses import dataclass
import tyro

@dataclass(frozen=True)
class Arguments:
    """Fail as asked."""

    how: tyro.conf.Positional[str]
    """The way to fail."""

    curriculum_stage: int = 3
    """An integer."""

    set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Overrides."""

    json: bool = False
    """A switch."""
'''

TOY = """
from control.errors import CommandRefused, ConfigError, LinkTimeout

def main(arguments):
    match arguments.how:
        case "config": raise ConfigError("no key\\nsuch")
        case "refused": raise CommandRefused("not finite")
        case "link": raise LinkTimeout("no answer from ipc:///x in 2 s")
        case "stop": raise KeyboardInterrupt
        case "file": open("/nonexistent/file")
        case "bug": raise AssertionError("a bug")
        case "show": print(arguments)
        case "five": return 5
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A verb `toy`, written into folders that count as parts of `tools` and `tools.flags`."""
    (tmp_path / "flags").mkdir()
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "flags" / "toy.py").write_text(TOY_FLAGS)
    monkeypatch.setattr(tools, "__path__", [*tools.__path__, str(tmp_path)])
    monkeypatch.setattr(tools.flags, "__path__", [*tools.flags.__path__, str(tmp_path / "flags")])
    monkeypatch.setitem(cli.VERBS, "toy", "fail as asked")
    yield
    sys.modules.pop("tools.toy", None)
    sys.modules.pop("tools.flags.toy", None)


def last_words(capsys) -> str:
    """What was said on stderr, which must be one line."""
    said = capsys.readouterr().err
    assert said.startswith("twinarm: ") and said.count("\n") == 1
    return said.removeprefix("twinarm: ").rstrip("\n")


def test_listing_the_verbs_imports_nothing_heavy():
    code = (
        "import sys; from tools import cli; cli.main(['--help']);"
        "sys.exit(bool({'torch', 'mujoco', 'numpy', 'cv2', 'tyro'} & set(sys.modules)))"
    )
    listed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert listed.returncode == 0
    assert all(verb in listed.stdout for verb in cli.VERBS)


def test_listing_the_verbs_takes_less_than_300_ms():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tools.cli", "--help"], cwd=ROOT, capture_output=True, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("verb", cli.VERBS)
def test_the_flags_of_a_verb_import_nothing_heavy(verb):
    code = (
        f"import sys; from tools import cli; cli.flags({verb!r});"
        "sys.exit(str({'torch', 'mujoco', 'numpy', 'cv2', 'scipy', 'rich', 'ray'} & set(sys.modules) or ''))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert not ran.stderr.strip()


def test_no_verb_at_all_shows_the_list_and_is_an_error(capsys):
    assert cli.main([]) == 2
    assert "serve" in capsys.readouterr().out


@pytest.mark.parametrize("verb", cli.VERBS)
def test_a_verb_is_a_frozen_dataclass_and_a_main_and_explains_every_flag(verb, capsys):
    kind = cli.flags(verb)
    assert kind.__dataclass_params__.frozen and kind.__doc__
    assert callable(cli.load(verb).main)
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    for field in dataclasses.fields(kind):
        assert field.name.upper() in shown or f"--{field.name.replace('_', '-')}" in shown
    source = Path(inspect.getfile(kind)).read_text()
    assert source.count('    """') >= 1 + len(dataclasses.fields(kind)), "a field has no help"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["colect"], "there is no verb colect; did you mean: collect"),
        (
            ["toy", "show", "--curiculum-stage", "3"],
            "toy has no flag --curiculum-stage; did you mean: --curriculum-stage?",
        ),
        (["toy", "--jsn"], "toy has no flag --jsn; did you mean: --json"),
        (["toy", "show", "--curriculum-stage", "three"], "toy: Error parsing --curriculum-stage: invalid literal"),
        (["toy", "show", "--curriculum-stage"], "toy: Missing value for argument '--curriculum-stage'"),
        (["toy"], "toy: Missing from twinarm toy"),
        (["toy", "--how", "show"], "toy takes how by its place, without --how: twinarm toy HOW"),
        (["toy", "show", "more"], "toy does not know what to do with more"),
    ],
)
def test_a_misspelt_command_is_one_line_with_near_names_and_status_2(words, answer, toy, capsys):
    assert cli.main(words) == 2
    assert last_words(capsys).startswith(answer)


@pytest.mark.parametrize(
    ("how", "status", "answer"),
    [
        ("config", 2, "no key such"),
        ("refused", 2, "not finite"),
        ("link", 2, "no answer from ipc:///x in 2 s"),
        ("file", 2, "/nonexistent/file: No such file or directory; mend that, or name another place"),
        ("stop", 130, "interrupted"),
    ],
)
def test_an_announced_failure_is_one_line_and_a_status(how, status, answer, toy, capsys):
    assert cli.main(["toy", how]) == status
    assert last_words(capsys) == answer


@pytest.mark.parametrize("words", [["--help"], ["model", "--help"]])
def test_whoever_has_read_enough_is_not_told_so(words):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tools.cli", *words]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (128 + signal.SIGPIPE, "")


def test_the_version_is_the_package_s(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"twinarm {importlib.metadata.version('twinarm')}\n"


def test_a_bug_keeps_its_traceback(toy):
    with pytest.raises(AssertionError, match="a bug"):
        cli.main(["toy", "bug"])


def test_a_verb_gives_its_own_status(toy):
    assert cli.main(["toy", "five"]) == 5


def test_flags_repeat_and_underscores_are_as_good_as_dashes(toy, capsys):
    assert cli.main(["toy", "show", "--set", "a=1", "--set", "b=2", "--curriculum_stage=4", "--json"]) == 0
    assert "curriculum_stage=4, set=('a=1', 'b=2'), json=True" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("package", "answer"),
    [("nonexistent_package", 'toy needs the package nonexistent_package; pip install "twinarm[all]"')],
)
def test_a_missing_package_is_named_with_the_way_to_get_it(package, answer, toy, tmp_path, capsys):
    (tmp_path / "toy.py").write_text(f"import {package}")
    assert cli.main(["toy", "show"]) == 2
    assert last_words(capsys) == answer


def test_a_machine_that_cannot_draw_says_so_in_one_line():
    # MuJoCo's import itself fails here, long before anything is drawn.
    ran = subprocess.run(
        [sys.executable, "-m", "tools.cli", "bench", "env"],
        cwd=ROOT,
        env={"MUJOCO_GL": "osmesa", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("twinarm: cannot draw") and ran.stderr.count("\n") == 1
