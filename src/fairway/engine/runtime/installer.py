"""Makes virtual environments with uv, which takes over the index settings that pip has on this machine."""

from __future__ import annotations

import configparser
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import FairwayError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OUTPUT_TAIL: Final = 1500
_UV_OF_PIP: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}


class InstallFailed(FairwayError):
    """An environment could not be made."""

    code = "image-build"


class Installer:
    """uv, found beside the running interpreter, as a module, or on PATH."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._program = find_uv()
        given = dict(os.environ if environment is None else environment)
        # what names the environment that we run in would lead uv astray
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"):
            given.pop(name, None)
        self._environment = pip_settings(given) | given | {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        self._environment.setdefault("UV_COMPILE_BYTECODE_TIMEOUT", "600")
        # every file is checked against a hash, so that it does not matter which of several indexes it comes from
        self._environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")

    def make(self, place: Path, interpreter: Path, lock: Path) -> None:
        """A virtual environment with all that a lock file names, each by its hash, and its bytecode.

        Raises:
            InstallFailed: says what uv said.
        """
        self._run("venv", "--no-project", "--quiet", "--python", str(interpreter), str(place))
        self._run(
            "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode",
            "--python", str(place / "bin" / "python"), "-r", str(lock),
        )  # fmt: skip

    def _run(self, *words: str) -> None:
        ended = subprocess.run(
            [*self._program, *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=self._environment,
            cwd="/",  # the project's own uv settings have no say in its images
            umask=0o022,
        )
        if ended.returncode != 0:
            raise InstallFailed(
                f"uv {' '.join(words[:2])} failed (exit code {ended.returncode}):\n{ended.stdout[-_OUTPUT_TAIL:].strip()}",
                hint="look at the lock file, the network, and the index that pip's or uv's settings name",
            )


def find_uv() -> Sequence[str]:
    """How to call uv.

    Raises:
        UsageError: it is not installed.
    """
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file() and os.access(beside, os.X_OK):
        return [str(beside)]
    with contextlib.suppress(ImportError, FileNotFoundError):
        return [str(importlib.import_module("uv").find_uv_bin())]
    on_path = shutil.which("uv")
    if on_path is not None:
        return [on_path]
    raise UsageError("uv is needed to build images, and is not installed", hint="pip install uv")


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Pip's index settings (its variables and files) as uv's variables. They may hold passwords: they are never shown."""
    values: dict[str, str] = {}
    for path in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                values |= {key: value for key, value in parser.items(section) if key in _UV_OF_PIP}
    for key in _UV_OF_PIP:
        value = environment.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            values[key] = value
    settings = {}
    for key, value in values.items():
        # lists: pip divides by white space, uv its links by commas
        words = value.split()
        settings[_UV_OF_PIP[key]] = ",".join(words) if key == "find-links" else " ".join(words)
    return settings


def _pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Least important first. Source: pip documentation, "Configuration"."""
    home = Path(environment.get("HOME") or Path.home())
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    chosen = environment.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    return [*files, Path(chosen)] if chosen else files
