"""Configuration: one YAML mapping becomes one frozen struct, or an error that names the key.

Every struct forbids unknown keys. Floats may be written as YAML 1.2 writes them (`1e-4`).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import msgspec
import yaml

from control.errors import ConfigError

T = TypeVar("T")
LARGEST_BYTES = 256 * 1024
SHIPPED = Path(str(resources.files("configs")))


class StrictLoader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, except that `1e-4` is a number and aliases are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise ConfigError(f"YAML aliases are not allowed (line {line}); write the value out")
        return super().compose_node(parent, index)


StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)$"),
    list("-+0123456789."),
)


def shipped(name: str) -> dict[str, Any]:
    """The mapping in the file of that name that came with the package, whatever lies in the working directory."""
    return read(SHIPPED / name)


def find(name: str | Path) -> Path:
    """The file at `name`, else the shipped one of that name. Raises ConfigError when there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    names = sorted(str(file.relative_to(SHIPPED)) for file in SHIPPED.rglob("*.yaml"))
    if (wanted := str(path).removeprefix("configs/")) in names:
        return SHIPPED / wanted
    near = difflib.get_close_matches(wanted, names, n=2, cutoff=0.75)
    advice = f"did you mean: {', '.join(near)}?" if near else f"shipped ones are: {', '.join(names)}"
    raise ConfigError(f"there is no file {path}; {advice}")


def read(name: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file, or in the shipped one of that name. Raises ConfigError for anything else."""
    return parse(find(name))


def own(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file of the user's own. Raises ConfigError for anything else."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}" if not path.exists() else f"{path} is no file")
    return parse(path)


def parse(path: Path) -> dict[str, Any]:
    """Raises ConfigError for a file that holds no mapping, with the line at fault."""
    if path.stat().st_size > LARGEST_BYTES:
        raise ConfigError(f"{path} is larger than {LARGEST_BYTES} bytes; that is not a configuration")
    try:
        value = yaml.load(path.read_text(), Loader=StrictLoader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{path}{line}: this is not YAML: {problem}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must hold a mapping of keys to values, got {type(value).__name__}")
    return value


def build(kind: type[T], values: dict[str, Any], source: str) -> T:
    """`values` as a `kind`. Raises ConfigError naming the key at fault, and near names for an unknown one."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explain(str(error), kind)}") from None


def _explain(message: str, kind: type) -> str:
    unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([\w.]*))?", message)
    if not unknown:
        return message.replace("$.", "").replace("`", "")
    key, where = unknown.group(1), unknown.group(2) or ""
    names = _fields(kind, where)
    near = difflib.get_close_matches(key, names, n=3, cutoff=0.5) or names
    place = f" in {where}" if where else ""
    return f"unknown key {key}{place}; did you mean: {', '.join(near)}?"


def _fields(kind: Any, where: str) -> list[str]:
    """Names of the struct's fields at a dotted path below `kind`."""
    for part in filter(None, where.split(".")):
        kind = next(f.type for f in msgspec.structs.fields(kind) if f.encode_name == part)
        while rows := get_args(kind):
            kind = rows[0]
    return [f.encode_name for f in msgspec.structs.fields(kind)]


def override(
    values: dict[str, Any], assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`values` with each `a.b=value` of the command line put in, then each flag that is not None, by its dotted key.

    Raises:
        ConfigError: an assignment is malformed, or its value is not YAML.
    """
    values = msgspec.json.decode(msgspec.json.encode(values))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set takes key=value, got {assignment!r}")
        try:
            _put(values, key, yaml.load(text, Loader=StrictLoader))
        except yaml.YAMLError:
            raise ConfigError(f"--set {assignment}: {text!r} is not a YAML value; quote it") from None
    for key, value in (flags or {}).items():
        if value is not None:
            _put(values, key, value)
    return values


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{key}: {part} is a value, not a group of keys")
    values[last] = value


def require(ok: bool, message: str) -> None:
    """Raise ValueError(message) unless ok; in a struct's `__post_init__` `build` turns it into a ConfigError."""
    if not ok:
        raise ValueError(message)


class RobotConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which robot, and how it is driven and seen."""

    hz: float = 10.0  # control rate
    camera_px: int = 84  # side of the square picture a policy gets
    render: Literal["direct", "exact"] = "direct"  # exact: 640x480, crop and area resize, as a real camera's driver
    profile: str = "measured"  # of the servos: a name in configs/so101.yaml, or a file of twinarm sysid
    wrist_camera: str | None = None  # its mount: a name there, or a file of twinarm align; None: as the model has it
    model: str | None = None  # an MJCF of your own instead of the SO-101
    cube_m: float = 0.03  # side of the cube
    cube_kg: float = 0.03

    def __post_init__(self) -> None:
        require(1 <= self.hz <= 100 and 100 % self.hz == 0, f"hz must divide 100, got {self.hz}")
        require(16 <= self.camera_px <= 480, f"camera_px must be 16 to 480 pixels, got {self.camera_px}")
        require(0.005 <= self.cube_m <= 0.06, f"cube_m must be 0.005 to 0.06 metres, got {self.cube_m}; is it in mm?")
        require(
            0.001 <= self.cube_kg <= 0.5, f"cube_kg must be 0.001 to 0.5 kilograms, got {self.cube_kg}; is it in grams?"
        )
