"""Filter patterns of CloudWatch Logs.

Supported: terms (all must appear), `?term` (any of them), `-term` (must not), `"quoted terms"`, and the JSON selectors
`{ $.field = "value" }` with `=`, `!=`, `<`, `<=`, `>`, `>=`, `*` in values, `&&` and `||`.
Source: CloudWatch Logs User Guide, "Filter pattern syntax".
"""

from __future__ import annotations

import json
import operator
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Matches = Callable[[str], bool]

_TERM: Final = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_CONDITION: Final = re.compile(r'\$\.([A-Za-z0-9_.\-]+)\s*(=|!=|<=|>=|<|>)\s*(?:"([^"]*)"|([^\s&|)]+))')
_COMPARE: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class UnsupportedPattern(ValueError):
    """The pattern is not one that this engine reads; the text says so."""


def compile_pattern(pattern: str) -> Matches:
    """A function that says whether a message matches.

    Raises:
        UnsupportedPattern: the pattern is not supported.
    """
    pattern = pattern.strip()
    if not pattern:
        return lambda _message: True
    if pattern.startswith("{") and pattern.endswith("}"):
        return _json_selector(pattern[1:-1].strip())
    if pattern.startswith(("[", "%", "{")):
        raise UnsupportedPattern(f"the filter pattern {pattern!r} is not supported by this engine")
    return _terms(pattern)


def _terms(pattern: str) -> Matches:
    every: list[str] = []
    some: list[str] = []
    none: list[str] = []
    for sign, quoted, plain in _TERM.findall(pattern):
        term = quoted.replace('\\"', '"') or plain
        {"-": none, "?": some}.get(sign, every).append(term)

    def matches(message: str) -> bool:
        if any(term in message for term in none) or not all(term in message for term in every):
            return False
        return not some or any(term in message for term in some)

    return matches


def _json_selector(text: str) -> Matches:
    alternatives = [
        [_condition(part.strip().strip("()").strip()) for part in alternative.split("&&")]
        for alternative in text.split("||")
    ]

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return any(all(condition(document) for condition in every) for every in alternatives)

    return matches


def _condition(text: str) -> Callable[[Any], bool]:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UnsupportedPattern(f"the condition {text!r} of the filter pattern is not supported by this engine")
    path, sign = match[1].split("."), match[2]
    wanted = match[3] if match[3] is not None else match[4]

    def holds(document: Any) -> bool:
        value = document
        for name in path:
            if not isinstance(value, dict) or name not in value:
                return False
            value = value[name]
        if sign in _COMPARE:
            try:
                return bool(_COMPARE[sign](float(value), float(wanted)))
            except (TypeError, ValueError):
                return False
        shown = json.dumps(value) if isinstance(value, bool) or value is None else str(value)
        return fnmatchcase(shown, wanted) is (sign == "=")

    return holds
