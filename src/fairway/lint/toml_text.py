"""Reads TOML with the line of each member: `tomllib` gives the values, and a scanner of the same text their lines."""

from __future__ import annotations

import re
import tomllib
from typing import Final

from fairway.lint.document import Document, Path
from fairway.lint.finding import Place
from fairway.lint.json_text import Malformed

_PLACE: Final = re.compile(r" \(at line (?P<line>\d+), column \d+\)")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED: Final = re.compile(
    r"\"\"\"(?:\\.|[^\\])*?\"\"\"\"{0,2}|'''.*?''''{0,2}|\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'", re.DOTALL
)
_SCALAR: Final = re.compile(r"[^,\]}#\r\n]+")


def read_toml(text: str, name: str) -> Document:
    """The document.

    Raises:
        Malformed: it is no TOML, or nested too deeply.
    """
    try:
        value = tomllib.loads(text)
        lines = _Scanner(text).scan()
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        line = int(found["line"]) if found else text.count("\n") + 1
        raise Malformed(
            f"not TOML: {_PLACE.sub('', str(error))}", line, 'strings stand in quotes: name = "shop"'
        ) from None
    except RecursionError:
        raise Malformed("nested too deeply", 1, "no project file is: mend what wrote it") from None
    return Document(value, {path: Place(name, line) for path, line in lines.items()}, name)


class _Scanner:
    """Finds the lines of members in text that `tomllib` has taken."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line, self._counted = 1, 0
        self._tables: dict[Path, int] = {}
        """Arrays of tables -> how many there are so far."""
        self.lines: dict[Path, int] = {(): 1}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while not self._ended():
            if self._take("[["):
                table = self._resolve(self._key())
                index = self._tables.get(table, 0)
                self._tables[table] = index + 1
                self._note(table)
                table = (*table, index)
                self._note(table)
                self._position = self._text.index("]]", self._position) + 2
            elif self._take("["):
                table = self._resolve(self._key())
                self._note(table)
                self._position = self._text.index("]", self._position) + 1
            else:
                self._member(table)
        return self.lines

    def _ended(self) -> bool:
        self._skip(_BLANK)
        return self._position >= len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._position)
        assert match is not None
        self._position = match.end()

    def _take(self, text: str) -> bool:
        if not self._text.startswith(text, self._position):
            return False
        self._position += len(text)
        return True

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def _note(self, path: Path) -> None:
        self.lines.setdefault(path, self._here())

    def _resolve(self, keys: list[str]) -> Path:
        """The path of a header: what is below an array of tables is below its last one."""
        path: Path = ()
        for index, key in enumerate(keys):
            path = (*path, key)
            if path in self._tables and index < len(keys) - 1:
                path = (*path, self._tables[path] - 1)
        return path

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            bare = _BARE.match(self._text, self._position)
            if bare is not None:
                keys.append(bare.group())
                self._position = bare.end()
            else:
                quoted = _QUOTED.match(self._text, self._position)
                assert quoted is not None
                keys.append(next(iter(tomllib.loads(f"{quoted.group()} = 0"))))
                self._position = quoted.end()
            self._skip(_SPACE)
            if not self._take("."):
                return keys

    def _member(self, table: Path) -> None:
        start, keys = self._position, self._key()
        path = table
        for key in keys:
            path = (*path, key)
            self.lines.setdefault(path, self._line_of(start))
        self._skip(_SPACE)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _line_of(self, position: int) -> int:
        return self._here() - self._text.count("\n", position, self._position)

    def _value(self, path: Path) -> None:
        self._note(path)
        if self._take("["):
            index = 0
            while True:
                self._skip(_BLANK)
                if self._take("]"):
                    return
                self._value((*path, index))
                index += 1
                self._skip(_BLANK)
                self._take(",")
        elif self._take("{"):
            while True:
                self._skip(_BLANK)
                if self._take("}"):
                    return
                self._member(path)
                self._skip(_BLANK)
                self._take(",")
        else:
            self._skip(_QUOTED if self._text[self._position] in "\"'" else _SCALAR)
