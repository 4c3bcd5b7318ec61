"""Where something stands in a file, and what somebody may have meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?`, or the known words when none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are: {', '.join(known)}"
