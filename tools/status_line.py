"""One line of the terminal that is written anew, and words that stay above it; on stderr."""

import shutil
import sys

CLEAR = "\r\x1b[K"


class StatusLine:
    """Where stderr is no terminal only the words are written."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def show(self, text: object) -> None:
        """Instead of what was shown last; cut to the terminal's width."""
        if self._live:
            self._write(CLEAR + str(text)[: shutil.get_terminal_size().columns - 1])

    def tell(self, words: str) -> None:
        """On a line of its own."""
        self._write(f"{CLEAR if self._live else ''}{words}\n")

    def close(self) -> None:
        if self._live:
            self._write("\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)  # at once: threads write here
        sys.stderr.flush()
