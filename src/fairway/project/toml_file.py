"""Reads TOML, and says where it is broken."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import last_line, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLACE: Final = re.compile(r" \(at line (?P<line>\d+), column (?P<column>\d+)\)")
_END: Final = " (at end of document)"


def read_toml(path: Path, *, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The document in a file.

    Raises:
        UsageError: it cannot be read, or is not TOML (with line and column).
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=parse_float)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, error) from None
    except RecursionError:
        raise UsageError(f"{path}:1: nested too deeply", hint="no project file is: mend what wrote it") from None


def _not_toml(path: Path, error: tomllib.TOMLDecodeError) -> UsageError:
    """The error of a broken file: `tomllib` tells the place in its text only."""
    text = str(error)
    found = _PLACE.search(text)
    what = text[: found.start()] if found is not None else text.removesuffix(_END)
    line = f"{found['line']}:{found['column']}" if found is not None else str(last_line(path))
    return UsageError(
        f"{path}:{line}: not TOML: {what}", hint='correct it there; strings stand in quotes: name = "shop"'
    )
