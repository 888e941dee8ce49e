"""The shape of the house: imports only go down, siblings never meet, and some calls do not appear at all."""

import ast
import sys
from pathlib import Path

import pytest

import control

ROOT = Path(__file__).parent.parent
FLOORS = {"control": 0, "hardware": 1, "sim": 1, "policies": 1, "training": 2, "tools": 3}
FILES = [path for folder in FLOORS for path in sorted((ROOT / folder).rglob("*.py"))]
ALLOWED = {  # beyond the standard library; training and tools may use anything
    "control": {"numpy", "msgpack", "msgspec", "zmq", "yaml", "cv2", "mujoco", "mink", "daqp", "mcap", "zstandard"},
    "hardware": {"numpy", "msgspec", "cv2", "serial"},
}
TORCH_FREE = ("control", "hardware")
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "msgpack_numpy"}
BANNED_NAMES = {"CONFLATE", "recv_pyobj", "send_pyobj"}
BANNED_FILES = {"utils.py", "util.py", "base.py", "common.py", "helpers.py"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def modules(path: Path) -> set[str]:
    """Top-level names of everything the file imports, at its top or inside a function."""
    tree = ast.parse(path.read_text())
    whole = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    parts = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    return {name.partition(".")[0] for name in whole | parts}


def called(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Every call as (dotted name, keyword arguments in source form)."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return [(ast.unparse(c.func), {k.arg: ast.unparse(k.value) for k in c.keywords if k.arg}) for c in calls]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_only_go_down_and_siblings_never_meet(path):
    here = path.relative_to(ROOT).parts[0]
    above = {name for name in modules(path) if name in FLOORS and name != here and FLOORS[name] >= FLOORS[here]}
    assert not above, f"{here} must not import {above}"


@pytest.mark.parametrize("path", [p for p in FILES if named(p).split("/")[0] in ALLOWED], ids=named)
def test_the_robot_side_uses_only_what_it_may(path):
    here = path.relative_to(ROOT).parts[0]
    ours = {name for name in modules(path) if (ROOT / name).is_dir()}
    beyond = modules(path) - ours - sys.stdlib_module_names - ALLOWED[here]
    assert not beyond, f"{here} may not use {beyond}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_unpickles_and_nothing_conflates(path):
    assert not modules(path) & PICKLES
    assert not {n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)} & BANNED_NAMES
    for name, keywords in called(path):
        assert name != "torch.load", "weights travel as safetensors"
        assert keywords.get("allow_pickle", "False") == "False"
        assert name != "yaml.load" or "Strict" in keywords.get("Loader", ""), "yaml only with the strict loader"


@pytest.mark.parametrize("path", [p for p in FILES if named(p).startswith(TORCH_FREE)], ids=named)
def test_control_code_reads_the_monotonic_clock_only(path):
    assert not {name for name, _ in called(path)} & {"time.time", "datetime.now", "datetime.datetime.now"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/__init__.py")), ids=named)
def test_an_init_file_is_one_docstring(path):
    (only,) = ast.parse(path.read_text()).body
    assert isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_named_after_what_it_holds_and_fits_on_a_few_screens(path):
    assert path.name not in BANNED_FILES
    assert path.read_text().count("\n") <= 250


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_function_fits_on_one_screen(path):
    functions = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef))
    assert not [f"{f.name}: {n}" for f in functions if (n := (f.end_lineno or 0) - f.lineno + 1) > 50]


def test_control_is_this_package_and_not_another_of_that_name():
    assert Path(control.__file__).parent == ROOT / "control"
