"""The rule of a composite alarm: `ALARM("high") AND NOT (OK(low) OR TRUE)`. Pure.

Source: CloudWatch API Reference, PutCompositeAlarm (AlarmRule).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.engine.model.alarm import AlarmState

if TYPE_CHECKING:
    from collections.abc import Callable

    StateOf = Callable[[str], AlarmState | None]
    Check = Callable[[StateOf], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<sign>[()]))"
)
_NAME: Final = re.compile(r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([^\s()\"']+))\s*\)")
_DEEPEST: Final = 50
MOST_CHILDREN: Final = 100


class InvalidRule(ValueError):
    """A rule cannot be read; the text says where."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was read."""

    children: tuple[str, ...]
    """Names or ARNs of the alarms that it speaks of."""
    holds: Check
    """Whether it holds, given each alarm's state; an alarm that is not there is in none."""


def parse_rule(text: str) -> Rule:
    """Read a rule; NOT binds strongest, then AND, then OR.

    Raises:
        InvalidRule: it is none.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._children: dict[str, None] = {}

    def whole(self) -> Rule:
        check = self._either()
        if self._text[self._at :].strip():
            raise InvalidRule(f"'{self._text[self._at :].strip()[:20]}' is not expected there")
        if len(self._children) > MOST_CHILDREN:
            raise InvalidRule(f"a rule can speak of at most {MOST_CHILDREN} alarms")
        return Rule(tuple(self._children), check)

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def _accept(self, word: str) -> bool:
        match = self._peek()
        if match is None or word not in (match["word"], match["sign"]):
            return False
        self._at = match.end()
        return True

    def _either(self) -> Check:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidRule("the rule is nested too deep")
        parts = [self._all()]
        while self._accept("OR"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda state_of: any(part(state_of) for part in parts)

    def _all(self) -> Check:
        parts = [self._one()]
        while self._accept("AND"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda state_of: all(part(state_of) for part in parts)

    def _one(self) -> Check:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidRule("the rule is nested too deep")
        check = self._operand()
        self._depth -= 1
        return check

    def _operand(self) -> Check:
        if self._accept("NOT"):
            inner = self._one()
            return lambda state_of: not inner(state_of)
        if self._accept("("):
            inner = self._either()
            if not self._accept(")"):
                raise InvalidRule("')' is missing")
            return inner
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._accept(word):
                return lambda _state_of, value=value: value  # type: ignore[misc]
        match = self._peek()
        if match is None or match["state"] is None:
            raise InvalidRule(f"a state function is expected at '{self._text[self._at :].strip()[:20]}'")
        state = AlarmState(match["state"])
        named = _NAME.match(self._text, match.end())
        if named is None:
            raise InvalidRule(f"{state}() takes the name or ARN of one alarm")
        self._at = named.end()
        name = re.sub(r"\\(.)", r"\1", next(group for group in named.groups() if group is not None))
        self._children[name] = None
        return lambda state_of: state_of(name) is state


def child_name(reference: str) -> str:
    """The name of an alarm that is referred to by its name or ARN."""
    return reference.split(":alarm:", 1)[1] if reference.startswith("arn:") and ":alarm:" in reference else reference
