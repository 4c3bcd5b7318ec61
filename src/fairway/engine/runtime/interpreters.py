"""Which Python an image's environment is made with: one that the image's user can run.

A Python below root's home cannot be executed by user 1000, so each candidate is tried as that user.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.engine.runtime.users import Identity

OLDEST: Final = (3, 11)
_PROBE_SECONDS: Final = 30.0
_PROBE: Final = "import sys, ssl, sqlite3, ctypes; print('.'.join(map(str, sys.version_info[:3])))"
_LEFT_OUT: Final = ("site-packages", "__pycache__", "test", "tests", "idlelib", "turtledemo", "ensurepip", "*.a")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of this machine."""

    path: Path
    version: str
    """`3.11.7`."""


def find_interpreter(identity: Identity | None, copies: Path) -> Interpreter:
    """The first Python that `identity` can run (None: whoever we are).

    The last resort is a copy of the running Python's installation below `copies`, where every user can read it.

    Raises:
        UsageError: there is none; says what to install.
    """
    for path in _candidates():
        version = probe(path, identity)
        if version is not None:
            return Interpreter(path, version)
    copied = _copy_installation(copies)
    version = None if copied is None else probe(copied, identity)
    if copied is not None and version is not None:
        return Interpreter(copied, version)
    who = "you" if identity is None else f"user {identity.uid}, as whom the image runs,"
    raise UsageError(f"there is no Python that {who} can run, 3.11 or newer", hint=install_line())


def probe(path: Path, identity: Identity | None) -> str | None:
    """The version of a Python, as the identity that is to run it finds it; None: it cannot, or it is too old."""
    become: dict[str, Any] = {}
    if identity is not None:
        become = {"user": identity.uid, "group": identity.gid, "extra_groups": []}
    try:
        ended = subprocess.run(
            [str(path), "-I", "-S", "-c", _PROBE],
            check=False,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            cwd="/",
            env={"PATH": os.defpath},
            **become,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = ended.stdout.strip()
    if ended.returncode != 0 or not version:
        return None
    return version if tuple(map(int, version.split(".")[:2])) >= OLDEST else None


def install_line() -> str:
    """What to type so that all users of this machine have a Python."""
    tools = {
        "apt-get": "apt-get install python3.11-venv (or python3-venv where that is 3.11 or newer)",
        "dnf": "dnf install python3.11",
        "apk": "apk add python3",
        "zypper": "zypper install python311",
        "pacman": "pacman -S python",
    }
    for tool, line in tools.items():
        if shutil.which(tool):
            return line
    return "install Python 3.11 or newer for all users, as /usr/bin/python3"


def _candidates() -> Iterator[Path]:
    """The running Python, then the system's, then what PATH has; each installation once."""
    system = sorted(Path("/usr/bin").glob("python3.[0-9]*"), key=_minor)
    on_path = shutil.which("python3")
    seen = set()
    for path in (
        Path(getattr(sys, "_base_executable", None) or sys.executable),
        Path("/usr/bin/python3.11"),
        *(path for path in system if path.name.removeprefix("python3.").isdigit()),
        *([Path(on_path)] if on_path else []),
    ):
        real = path.resolve()
        if real not in seen and real.exists():
            seen.add(real)
            yield real


def _minor(path: Path) -> int:
    text = path.name.removeprefix("python3.")
    return int(text) if text.isdigit() else 0


def _copy_installation(copies: Path) -> Path | None:
    """A copy of the running Python's installation that all can read; None: it cannot be made."""
    base = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    place = copies / platform.python_version()
    if (place / "bin" / name).exists():
        return place / "bin" / name
    new = copies / f".{place.name}.{os.getpid()}"
    try:
        (new / "bin").mkdir(parents=True)
        shutil.copy2(Path(getattr(sys, "_base_executable", sys.executable)).resolve(), new / "bin" / name)
        (new / "lib").mkdir()
        for library in (base / "lib").glob("libpython*.so*"):
            shutil.copy2(library, new / "lib" / library.name)
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(base / "lib" / name, new / "lib" / name, ignore=ignored, symlinks=True)
        (new / "lib" / name / "site-packages").mkdir()
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        new.replace(place)
    except OSError:
        return None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return place / "bin" / name
