"""Asks before something changes that cannot be taken for granted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.cli.output import Output


def confirm(out: Output, lines: Sequence[str], question: str, *, yes: bool) -> bool:
    """Show what will change, and ask; True at once with --yes.

    Raises:
        UsageError: nobody can answer here, and --yes was not given.
    """
    for line in lines:
        out.text(line)
    if yes:
        return True
    if out.as_json or not sys.stdin.isatty():
        # with --json nothing was shown: a program gets the lines with the error
        plan = "\n" + "\n".join(lines) if out.as_json else ""
        raise UsageError(f"{question} Nobody can answer here", hint=f"add --yes{plan}")
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}
