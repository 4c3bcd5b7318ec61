"""Compares an answer's JSON with what a file says of it, and puts values into what is sent. Pure.

What an answer holds is never told: a difference names the member, and both sides keep their values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fairway.project.journey import PLACE, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NUMBER: Final = re.compile(r"\d+")
_ABSENT: Final = object()


class Unknown(Exception):
    """A value that is not known: `${NAME}` that is not set, `{{ NAME }}` that was not saved."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def difference(expected: Any, found: Any, where: str = "") -> str | None:
    """Where `found` lacks what is expected (`results.0.id`; `the answer` for the whole of it); None: it has all of it.

    Objects may have more members. Lists have as many items, each as expected. Numbers are equal as numbers, never to true
    or false.
    """
    match expected:
        case dict():
            if not isinstance(found, dict):
                return where or "the answer"
            for key, item in expected.items():
                inner = difference(item, found.get(key, _ABSENT), f"{where}.{key}" if where else key)
                if inner is not None:
                    return inner
            return None
        case list():
            if not isinstance(found, list) or len(found) != len(expected):
                return where or "the answer"
            for number, (item, other) in enumerate(zip(expected, found, strict=True)):
                inner = difference(item, other, f"{where}.{number}" if where else str(number))
                if inner is not None:
                    return inner
            return None
        case _:
            same = expected == found and isinstance(expected, bool) == isinstance(found, bool)
            return None if same else where or "the answer"


def value_at(document: Any, where: str) -> Any:
    """What stands at `results.0.id`.

    Raises:
        KeyError: nothing does.
    """
    for word in where.split("."):
        if isinstance(document, list) and _NUMBER.fullmatch(word) and int(word) < len(document):
            document = document[int(word)]
        elif isinstance(document, dict) and word in document:
            document = document[word]
        else:
            raise KeyError(where)
    return document


def fill(document: Any, known: Mapping[str, Any], variables: Mapping[str, str], *, in_path: bool = False) -> Any:
    """The document with each `{{ NAME }}` and `${NAME}` put in.

    A string that is nothing but one `{{ NAME }}` becomes the value itself: a number stays a number. `in_path`: values are
    quoted, so that they stay within their part of a path.

    Raises:
        Unknown: a name has no value.
    """
    match document:
        case str():
            return _fill_text(document, known, variables, quote_all if in_path else str)
        case list():
            return [fill(item, known, variables) for item in document]
        case dict():
            return {key: fill(item, known, variables) for key, item in document.items()}
        case _:
            return document


def quote_all(value: Any) -> str:
    return quote(str(value), safe="")


def _fill_text(text: str, known: Mapping[str, Any], variables: Mapping[str, str], shown: Callable[[Any], str]) -> Any:
    whole = PLACE.fullmatch(text)
    if whole is not None:
        return _known(whole[1], known)

    def variable(found: re.Match[str]) -> str:
        name = found[1]
        if not variables.get(name):
            raise Unknown(f"${{{name}}} is not set")
        return shown(variables[name])

    # a value that holds ${…} itself is not looked into again: one pass over each kind, variables first
    pieces = PLACE.split(text)
    filled = [
        shown(_known(piece, known)) if number % 2 else VARIABLE.sub(variable, piece)
        for number, piece in enumerate(pieces)
    ]
    return "".join(filled)


def _known(name: str, known: Mapping[str, Any]) -> Any:
    if name not in known or known[name] is None:
        raise Unknown(f"{{{{ {name} }}}} is not known")
    return known[name]
