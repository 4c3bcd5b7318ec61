"""What a verb prints: text for people, or one JSON object a line for programs.

`rich` is imported only when something is drawn on a terminal, so that `--help` and usage errors stay quick.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from fairway.errors import FairwayError

_PLAIN_WIDTH: Final = 120
_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


class Output:
    """Where a verb prints to."""

    def __init__(self, *, as_json: bool = False, stream: TextIO | None = None, errors: TextIO | None = None) -> None:
        self.as_json = as_json
        self._stream = stream or sys.stdout
        self._errors = errors or sys.stderr

    @property
    def is_terminal(self) -> bool:
        """Text goes to a terminal: a live picture may be drawn."""
        return not self.as_json and self._stream.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def has_colour(self) -> bool:
        return self.is_terminal and "NO_COLOR" not in os.environ

    @property
    def width(self) -> int:
        return shutil.get_terminal_size((_PLAIN_WIDTH, 40)).columns if self.is_terminal else _PLAIN_WIDTH

    def text(self, line: str = "") -> None:
        """A line for people; nothing with --json."""
        if not self.as_json:
            print(line, file=self._stream, flush=True)

    def counter(self, line: str) -> None:
        """A line that is drawn over by the next one on a terminal, and stands elsewhere; `text()` begins a new one."""
        if self.is_terminal:
            print(f"\r\x1b[2K{line}", end="", file=self._stream, flush=True)
        else:
            self.text(line)

    def event(self, kind: str, **fields: Any) -> None:
        """A line for programs; nothing without --json."""
        if self.as_json:
            print(json.dumps({"event": kind, **fields}, default=_plain), file=self._stream, flush=True)

    def document(self, document: dict[str, Any]) -> None:
        """The whole answer of a verb, as one JSON object; nothing without --json."""
        if self.as_json:
            print(json.dumps(document, default=_plain), file=self._stream, flush=True)

    def note(self, line: str) -> None:
        """A line about what goes on, beside the result."""
        if not self.as_json:
            print(line, file=self._errors, flush=True)

    def failure(self, error: FairwayError) -> None:
        """An error, with its remedy."""
        if self.as_json:
            document = {"event": "error", "code": error.code, "message": error.message, "hint": error.hint}
            print(json.dumps(document | {"exit_code": error.exit_code}), file=self._stream, flush=True)
            return
        print(f"{self.paint('error', 'red')}: {error.message}", file=self._errors)
        if error.hint:
            print(f"  → {error.hint}", file=self._errors, flush=True)

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where there are colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.has_colour else text


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
