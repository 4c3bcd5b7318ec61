"""What a rule is, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """AWS refuses it, it can never work as it stands, or a secret lies open."""
    WARNING = "warning"
    """It works, but not as it reads, or not when something goes wrong."""
    INFO = "info"
    """Something to know; nothing need be wrong."""


ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, with all that `--explain` and the reference page say of it."""

    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    source: str
    """A page of AWS's documentation, or a section of the strategy document."""
    example: str
    """Text in which the rule finds something: JSON, or Markdown with fenced blocks. A test lints it."""
    better: str
    """Nearly the same text, in which it finds nothing."""
    practice: str = ""
    """The strategy document's DO or DON'T that it is about, such as "DO 2"."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found, where."""

    code: str
    severity: Severity
    place: Place
    field: str
    """Such as `containerDefinitions[0].image`; empty where there is none, as in a script."""
    message: str
    remedy: str
    why: str
    """The rule's, as is the source."""
    source: str
    environments: tuple[str, ...] = ()
    """Those of the project in which it is found; empty outside of a project."""

    @property
    def order(self) -> tuple[str, int, int, str, str, str]:
        return (self.place.path, self.place.line, ORDER[self.severity], self.code, self.field, self.message)


def find(rule: Rule, place: Place, message: str, *, field: str = "", remedy: str | None = None) -> Finding:
    """A finding of a rule; the remedy is the rule's own, unless a nearer one is known."""
    return Finding(rule.code, rule.severity, place, field, message, remedy or rule.remedy, rule.why, rule.source)
