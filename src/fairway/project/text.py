"""Where something stands in a file, and what somebody may have meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def line_of(path: Path, *keys: str) -> int:
    """The line on which the last of nested `keys` stands, each searched after the one before; 1 when it is not found."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return 1
    position = 0
    for key in keys:
        found = re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])").search(text, position)
        if found is None:
            break
        position = found.start()
    return text.count("\n", 0, position) + 1


def place(path: Path, *keys: str) -> str:
    """`FILE:LINE` of nested keys."""
    return f"{path}:{line_of(path, *keys)}"


def place_of_text(files: Sequence[Path], text: str) -> str:
    """`FILE:LINE` where a text stands first, in the first of the files that has it; the first file without a line else."""
    for file in files:
        before, found, _ = _text(file).partition(text)
        if found:
            return f"{file}:{before.count(chr(10)) + 1}"
    return str(files[0])


def last_line(path: Path) -> int:
    """The number of a file's last line."""
    return max(1, len(_text(path).splitlines()))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> UsageError:
    """The error of a file that cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return UsageError(f"{path}:{line}: not UTF-8: {error.reason}", hint="save it with the encoding UTF-8")
    return UsageError(f"{path} cannot be read: {error.strerror or error}", hint=f"look at it: ls -l {path}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?`, or the known words when none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are: {', '.join(known)}"
