"""Reads JSON with the line of each member. The standard library tells a line only of an error."""

from __future__ import annotations

import bisect
import json
import re
from typing import Any, Final

from fairway.lint.document import Document
from fairway.lint.finding import Place

DEEPEST: Final = 100
"""Deeper nesting than this no AWS document has; the definitions of a task reach eight."""
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SCALAR: Final = json.JSONDecoder()


class Malformed(ValueError):
    """The text is not what its name says."""

    def __init__(self, message: str, line: int, hint: str) -> None:
        super().__init__(message)
        self.message, self.line, self.hint = message, line, hint


def read_json(text: str, name: str, first_line: int = 1) -> tuple[Document, list[tuple[str, int]]]:
    """The document, and members that are written twice with the line of the second: the last one wins silently.

    Raises:
        Malformed: it is no JSON, or nested too deeply.
    """
    reader = _Reader(text, name, first_line)
    try:
        value = reader.value(reader.space(0), ())
        reader.end()
    except json.JSONDecodeError as error:
        raise Malformed(
            f"not JSON: {error.msg} (column {error.colno})",
            first_line + error.lineno - 1,
            "look there and at the end of the line before: JSON has no comments, and no comma after the last member",
        ) from None
    return Document(value, reader.places, name), reader.twice


class _Reader:
    def __init__(self, text: str, name: str, first_line: int) -> None:
        self._text, self._name, self._first_line = text, name, first_line
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._position = 0
        self.places: dict[tuple[str | int, ...], Place] = {}
        self.twice: list[tuple[str, int]] = []

    def line(self, position: int) -> int:
        return self._first_line + bisect.bisect_left(self._ends, position)

    def space(self, position: int) -> int:
        match = _SPACE.match(self._text, position)
        assert match is not None
        self._position = match.end()
        return self._position

    def end(self) -> None:
        if self.space(self._position) != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, self._position)

    def value(self, position: int, path: tuple[str | int, ...], line: int | None = None) -> Any:
        """The value at a position; `line` is that of its key."""
        if len(path) > DEEPEST:
            raise Malformed(
                f"nested deeper than {DEEPEST} levels", self.line(position), "no document of AWS is: mend what wrote it"
            )
        self.places[path] = Place(self._name, self.line(position) if line is None else line)
        match self._text[position : position + 1]:
            case "{":
                return self._object(position, path)
            case "[":
                return self._list(position, path)
            case _:
                return self._scalar(position)

    def _scalar(self, position: int) -> Any:
        try:
            value, self._position = _SCALAR.raw_decode(self._text, position)
        except RecursionError:  # pragma: no cover - a scalar does not nest
            raise json.JSONDecodeError("Expecting value", self._text, position) from None
        except json.JSONDecodeError:
            raise
        except ValueError as error:  # a whole number of more than 4300 digits
            raise json.JSONDecodeError(str(error).partition(";")[0], self._text, position) from None
        return value

    def _object(self, position: int, path: tuple[str | int, ...]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        position = self.space(position + 1)
        if self._text[position : position + 1] == "}":
            self._position = position + 1
            return members
        while True:
            if self._text[position : position + 1] != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, position)
            key = self._scalar(position)
            line = self.line(position)
            if key in members:
                self.twice.append((key, line))
            position = self.space(self._position)
            if self._text[position : position + 1] != ":":
                raise json.JSONDecodeError("Expecting ':' delimiter", self._text, position)
            members[key] = self.value(self.space(position + 1), (*path, key), line)
            position = self.space(self._position)
            match self._text[position : position + 1]:
                case ",":
                    position = self.space(position + 1)
                case "}":
                    self._position = position + 1
                    return members
                case _:
                    raise json.JSONDecodeError("Expecting ',' delimiter", self._text, position)

    def _list(self, position: int, path: tuple[str | int, ...]) -> list[Any]:
        items: list[Any] = []
        position = self.space(position + 1)
        if self._text[position : position + 1] == "]":
            self._position = position + 1
            return items
        while True:
            items.append(self.value(position, (*path, len(items))))
            position = self.space(self._position)
            match self._text[position : position + 1]:
                case ",":
                    position = self.space(position + 1)
                case "]":
                    self._position = position + 1
                    return items
                case _:
                    raise json.JSONDecodeError("Expecting ',' delimiter", self._text, position)
