"""The next command, so that it can be pasted into the shell that this one was typed in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

_SCRIPT: Final = "fairway"


def command(words: str, environment: str | None = None) -> str:
    """`watch api` -> `./fairway watch api --port 4600`.

    The program is named as it was called: `/path/to/fairway` by that path, found on PATH by its name; `./fairway` where it was
    called in another way and the current folder has that script. `--env` as it was given to this command (None: it was not), and
    `--port` when another port of the local engine was.
    """
    parts = [program(sys.argv[0]), words.removeprefix(f"{_SCRIPT} ")]
    port = os.environ.get("FAIRWAY_PORT")
    if port and environment in {None, "local"}:
        parts.append(f"--port {port}")
    if environment is not None:
        parts.append(f"--env {environment}")
    return " ".join(parts)


def program(called: str) -> str:
    """How to call this program again, which was called as `called` (`sys.argv[0]`)."""
    path = Path(called)
    if path.name == _SCRIPT and "/" in called and path.is_file():
        on_path = shutil.which(_SCRIPT)
        if on_path is not None and Path(on_path).resolve() == path.resolve():
            return _SCRIPT
        if path.resolve().parent == Path.cwd():
            return f"./{_SCRIPT}"
        return shlex.quote(called)
    return f"./{_SCRIPT}" if Path(_SCRIPT).is_file() else _SCRIPT
