"""The next command, so that it can be pasted into the shell that this one was typed in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_SCRIPT: Final = "fairway"


def command(words: str, environment: str | None = None) -> str:
    """`watch api` -> `./fairway watch api --port 4600`.

    `./fairway` where the current folder has that script. `--env` as it was given to this command (None: it was not), and
    `--port` when another port of the local engine was.
    """
    program = f"./{_SCRIPT}" if Path(_SCRIPT).is_file() else _SCRIPT
    parts = [program, words.removeprefix(f"{_SCRIPT} ")]
    port = os.environ.get("FAIRWAY_PORT")
    if port and environment in {None, "local"}:
        parts.append(f"--port {port}")
    if environment is not None:
        parts.append(f"--env {environment}")
    return " ".join(parts)
