"""The console command `twinarm`: picks a verb, reads its flags, turns a mistake into one line.

A verb is two modules. `tools/flags/<verb>.py` says what it takes; what `--help` prints stands below the fields:

    @dataclass(frozen=True)
    class Arguments:
        '''Serve a robot on the network until interrupted.'''

        endpoint: tyro.conf.Positional[str]
        '''Where to listen, such as ipc:///tmp/arm or tcp://127.0.0.1:5555.'''

        set: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
        '''Overrides of the configuration, each as key=value.'''

        json: bool = False
        '''Print one line of JSON instead of the table.'''

`tools/<verb>.py` does it:

    def main(arguments: Arguments) -> int | None:
        '''Returns the exit status; None is 0. A TwinarmError ends in one line on stderr and status 2.'''

Fields are flat, flags are kebab-case (`curriculum_stage` is `--curriculum-stage`), a boolean is a flag without a value.
The second is imported once the flags are right, so heavy imports may stand at its top and at no other place: help and a
misspelt flag do not wait for them.
"""

import difflib
import errno
import importlib
import importlib.metadata
import io
import keyword
import os
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from itertools import dropwhile, takewhile
from typing import Any

from control.errors import TwinarmError, UserError
from sim import graphics

VERBS = {
    "demo": "collect, train and evaluate on the shipped configuration, then show the video",
    "model": "write the arm's MJCF, to open it elsewhere",
    "find": "list serial ports and cameras, with a picture from each",
    "setup-servos": "give each servo of a new arm its id, one after another",
    "calibrate": "find by hand which reading of each servo is which angle of its joint",
    "sysid": "fit the simulator's servos to an arm's: stiffness, damping, friction, delay, play",
    "align": "find the wrist camera's place and field of view, and lay the simulator's picture over the arm's",
    "touch": "show with the gripper where the cube lies, for --cube",
    "probe": "ask a real servo what it does where the twin rests on a third party's word",
    "doctor": "check this machine and the arm on it: what is wrong, and what to do",
    "serve": "put a robot on a ZeroMQ endpoint",
    "view": "show a robot in a browser, drive it there and stop it, and look at runs",
    "run": "run a policy on a robot: from a checkpoint to a lift in one command",
    "teleop": "drive a robot by keys, gamepad or leader arm",
    "learn": "learn from actors elsewhere while they act, and send them the newest weights",
    "act": "live through episodes with a learner's newest weights, and send them there",
    "serve-policy": "put a trained policy on a ZeroMQ endpoint, for any number of robots",
    "onnx": "write a trained policy as an ONNX file, for ONNX Runtime",
    "stop": "stop a served robot, whoever drives it",
    "keys": "who may reach a robot from another machine, and as what",
    "twin": "emulate the arm: servos on a serial port, a camera, and the truth about both",
    "limits": "judge the twin's own record: how far, how fast and how hard the arm went",
    "collect": "record scripted grasps as a dataset",
    "export": "write a dataset in LeRobot's or robomimic's form",
    "import": "make demonstrations of a LeRobot dataset",
    "record": "record what a person does with an arm: drive, look at the clip, keep, redo or discard",
    "review": "list a dataset's episodes, look at one, label it otherwise or discard it",
    "data": "datasets as wholes: info, check, merge, split, recover",
    "replay": "play a recorded episode on a robot again, and see how far it then is from where it was",
    "train": "train DrQ-v2, from nothing or bootstrapped with demonstrations",
    "sweep": "train over seeds with one factor changed at a time, and compare",
    "resume": "continue a run that was stopped or killed",
    "audit": "what every reward pays for success and for the traps beside it",
    "eval": "run a policy on unseen resets: success with its interval, video, failures by kind",
    "gap": "why a policy is not on the twin what it was in the simulator, one cause at a time",
    "bench": "measure this project, against the bare limit where there is one: env, update, wire and others",
}
EXTRAS = {"av": "export", "h5py": "export", "pyarrow": "export"}  # by package; what is not here is in `all`
OURS = ("control", "hardware", "sim", "policies", "training", "tools", "configs")
USAGE_ERROR, INTERRUPTED = 2, 130
UNHEARD = 128 + signal.SIGPIPE  # as a shell tells of a program that a closed pipe ended
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    try:
        status = obey(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        if not unheard():
            raise
        return UNHEARD
    except TwinarmError as error:
        return complain(str(error))
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            raise
        return complain(f"{error.filename or 'no room to write'}: {error.strerror}; mend that, or name another place")
    except KeyboardInterrupt as stop:
        complain(str(stop) or "interrupted")
        return INTERRUPTED


def unheard() -> bool:
    """Whether nobody reads any more what is printed, as with `| head`; if so, nothing more is printed."""
    poll = select.poll()
    for fd in (1, 2):
        poll.register(fd, 0)
    if not (closed := [fd for fd, event in poll.poll(0) if event & select.POLLERR]):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for fd in closed:
        os.dup2(nowhere, fd)
    return True


def obey(words: list[str]) -> int:
    """What `main` does, but for mistakes."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else USAGE_ERROR
    if words[0] in ("-V", "--version"):
        print(f"twinarm {importlib.metadata.version('twinarm')}")
        return 0
    return run(words[0], words[1:])


def usage() -> str:
    rows = "\n".join(f"  {verb:<14}{summary}" for verb, summary in VERBS.items())
    return f"usage: twinarm VERB [flags]\n\n{rows}\n\ntwinarm VERB --help lists the flags of one verb."


def complain(message: str) -> int:
    print(f"twinarm: {' '.join(message.split())}", file=sys.stderr)
    return USAGE_ERROR


def run(verb: str, words: list[str]) -> int:
    """Raises UserError for a verb or a flag that does not exist, naming near ones."""
    if verb not in VERBS:
        raise UserError(f"there is no verb {verb}; {near(verb, list(VERBS))}")
    arguments = parse(flags(verb), verb, words)
    return load(verb).main(arguments) or 0


def module_of(verb: str) -> str:
    """The name of a verb's modules; Python's own words get an underscore."""
    name = verb.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def flags(verb: str) -> type:
    """What the verb takes."""
    kind: type = importlib.import_module(f"tools.flags.{module_of(verb)}").Arguments
    return kind


def load(verb: str) -> Any:
    """The verb's module. Raises UserError where this machine lacks a package or a graphics library it needs."""
    try:
        return importlib.import_module(f"tools.{module_of(verb)}")
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in OURS:
            raise
        extra = EXTRAS.get(package, "all")
        raise UserError(f'{verb} needs the package {package}; pip install "twinarm[{extra}]"') from None
    except Exception:
        graphics.require_gl()  # MuJoCo and OpenCV do not even import where an OpenGL library is missing
        raise


def parse(kind: type, verb: str, words: list[str]) -> Any:
    """`words` as a `kind`. Raises UserError where they do not fit it, SystemExit(0) after printing help."""
    import tyro  # 0.15 s, not needed to list the verbs

    refuse_unknown_flags(kind, verb, words)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            parsed: tuple[Any, list[str]] = tyro.cli(
                kind,
                prog=f"twinarm {verb}",
                args=words,
                return_unknown_args=True,
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalMetavarFromFieldName),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(f"{verb}: {first_paragraph(said.getvalue())}; see twinarm {verb} --help") from None
    arguments, extra = parsed
    if extra:
        raise UserError(f"{verb} does not know what to do with {' '.join(extra)}; see twinarm {verb} --help")
    return arguments


def refuse_unknown_flags(kind: type, verb: str, words: list[str]) -> None:
    """Before tyro does: it would take a misspelt flag for a positional value."""
    import tyro

    types = {name: field.type for name, field in kind.__dataclass_fields__.items()}  # type: ignore[attr-defined]
    places = [name for name, of in types.items() if tyro.conf.Positional in getattr(of, "__metadata__", ())]
    fields = [f"--{name.replace('_', '-')}" for name in types if name not in places]
    for word in words:
        flag = word.partition("=")[0].replace("_", "-")
        if (name := flag.removeprefix("--").replace("-", "_")) in places and flag.startswith("--"):
            raise UserError(f"{verb} takes {name} by its place, without {flag}: twinarm {verb} {name.upper()}")
        if flag.startswith("--") and flag.replace("--no-", "--") not in [*fields, "--help"]:
            raise UserError(f"{verb} has no flag {flag}; {near(flag, fields)}")


def near(word: str, names: list[str]) -> str:
    """The names closest to `word`, or all of them when none is close."""
    return f"did you mean: {', '.join(difflib.get_close_matches(word, names, n=3) or names)}?"


def first_paragraph(box: str) -> str:
    """The words of tyro's boxed error, from below its title down to the first rule, in one line."""
    rows = (line.strip("│ ") for line in box.splitlines()[1:])
    body = takewhile(not_a_rule, dropwhile(lambda row: not not_a_rule(row), rows))
    return " ".join(" ".join(body).split()).rstrip(".")


def not_a_rule(row: str) -> bool:
    return bool(row.strip("─-╭╮╰╯"))


if __name__ == "__main__":
    sys.exit(main())
