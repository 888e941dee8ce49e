"""Asking whoever sits at the terminal."""

import os
import sys

from rich.console import Console

from control.errors import UserError


def await_enter(words: str, otherwise: str) -> None:
    """Tell a person what to do, and wait for Enter. Raises UserError with `otherwise` where nobody is there."""
    Console(stderr=True).print(f"{words} Then press Enter.", soft_wrap=True)
    await_line(otherwise)


def ask_person(words: str) -> None:
    """Have somebody do something. Raises UserError where nobody is there to do it."""
    await_enter(f"{words[0].upper()}{words[1:]}.", words)


def await_line(otherwise: str) -> None:
    """Wait for Enter. Raises UserError with `otherwise` where standard input has ended."""
    if not os.read(sys.stdin.fileno(), 1024):  # not readline: its lock would outlive a thread that waits there
        raise UserError(otherwise)
