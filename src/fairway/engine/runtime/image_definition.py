"""Reads an image definition: what an image is made of.

requirements = "requirements.lock"            # relative to the definition, or a list; every requirement with its hashes
sources = ["../src/taskmanager"]              # each is copied to app/<its last name>
entry_point = ["python", "-m", "a.module"]    # optional
command = ["python", "-m", "a.module"]
user = "1000:1000"
environment = { APP_VERSION = "{{ tag }}" }   # {{ tag }}: the tag that is built
stop_signal = "SIGTERM"
"""

from __future__ import annotations

import re
import signal
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEYS: Final = {"requirements", "sources", "entry_point", "command", "user", "environment", "stop_signal"}
_TAG: Final = re.compile(r"\{\{\s*tag\s*\}\}")


@dataclass(frozen=True, slots=True)
class ImageDefinition:
    """An image definition, with the tag put in."""

    path: Path
    requirements: tuple[Path, ...]
    """Lock files, which together are one."""
    sources: tuple[Path, ...]
    command: tuple[str, ...]
    entry_point: tuple[str, ...]
    user: str | None
    environment: Mapping[str, str]
    stop_signal: str | None


def read_definition(path: Path, tag: str, *, shown: Path | None = None) -> ImageDefinition:
    """The definition in a file. `shown`: how errors name the file.

    Raises:
        UsageError: names file, line, key and remedy.
    """
    return _Reader(path, shown or path, tag).read()


class _Reader:
    def __init__(self, path: Path, shown: Path, tag: str) -> None:
        self._path = path
        self._shown = shown
        self._tag = tag
        self._document = self._load()

    def read(self) -> ImageDefinition:
        for key in self._document:
            if key not in _KEYS:
                raise self._wrong(key, f"unknown key {key}", did_you_mean(key, _KEYS))
        if "sources" not in self._document:
            raise UsageError(f"{self._shown}: sources is missing", hint='add sources = ["../src/NAME"]')
        entry_point, command = self._words("entry_point"), self._words("command")
        if not entry_point and not command:
            raise UsageError(f"{self._shown}: command is missing", hint='add command = ["python", "-m", "NAME"]')
        return ImageDefinition(
            path=self._path,
            requirements=self._requirements(),
            sources=self._sources(),
            command=command,
            entry_point=entry_point,
            user=self._text("user"),
            environment=self._environment(),
            stop_signal=self._stop_signal(),
        )

    def _load(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the image definition {self._shown} cannot be read: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{self._shown}: not TOML: {error}") from None

    def _wrong(self, key: str, message: str, hint: str | None = None) -> UsageError:
        line = place(self._path, key).rpartition(":")[2]
        return UsageError(f"{self._shown}:{line}: {message}", hint=hint)

    def _requirements(self) -> tuple[Path, ...]:
        if isinstance(self._document.get("requirements"), list):
            names = self._words("requirements")
        else:
            name = self._text("requirements")
            names = () if name is None else (name,)
        for name in names:
            if not (self._path.parent / name).is_file():
                why = f"requirements: {name} does not exist"
                raise self._wrong("requirements", why, "write it relative to this file")
        return tuple(self._path.parent / name for name in names)

    def _sources(self) -> tuple[Path, ...]:
        names = self._words("sources")
        paths = tuple(self._inside(name) for name in names)
        last = [path.name for path in paths]
        for path in paths:
            if last.count(path.name) > 1:
                raise self._wrong("sources", f"sources: several are called {path.name}, and would be one in app/")
        return paths

    def _inside(self, name: str) -> Path:
        path = self._path.parent / name
        normal = path.parent.resolve() / path.name if path.name != ".." else path.resolve()
        if not normal.exists():
            raise self._wrong("sources", f"sources: {name} does not exist", "write it relative to this file")
        return normal

    def _environment(self) -> dict[str, str]:
        table = self._document.get("environment", {})
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise self._wrong("environment", "environment must be a table of strings")
        return {name: self._put_tag(value) for name, value in table.items()}

    def _stop_signal(self) -> str | None:
        name = self._text("stop_signal")
        if name is not None and name not in signal.Signals.__members__:
            known = [member for member in signal.Signals.__members__ if not member.startswith("SIGRT")]
            raise self._wrong("stop_signal", f"stop_signal: there is no {name}", did_you_mean(name, known))
        return name

    def _text(self, key: str) -> str | None:
        value = self._document.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self._wrong(key, f"{key} must be a string")
        return self._put_tag(value)

    def _words(self, key: str) -> tuple[str, ...]:
        value = self._document.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
            raise self._wrong(key, f"{key} must be a list of strings")
        return tuple(self._put_tag(word) for word in value)

    def _put_tag(self, text: str) -> str:
        return _TAG.sub(lambda _: self._tag, text)
