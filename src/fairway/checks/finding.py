"""What a check is, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """How it is."""

    OK = "ok"
    FAILED = "failed"
    """The deployment would fail, hang or do harm: `deploy` refuses."""
    WARNING = "warning"
    """It would work, but not as it should."""
    NOT_CHECKED = "not_checked"
    """It is not known: a permission is missing, or nobody can tell from here."""


ORDER: Final = {State.FAILED: 0, State.WARNING: 1, State.NOT_CHECKED: 2, State.OK: 3}
"""What is wrong first."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check, with all that the reference page says of it."""

    code: str
    title: str
    why: str
    asks: tuple[str, ...]
    """Permissions that it takes; without one of them it is `not_checked`."""
    source: str
    laptop: str = ""
    """Why the environment `local` is left out; empty: it is checked there as well."""
    practice: str = ""
    """The strategy document's DO, DON'T or point of the checklist that it is about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says about one thing."""

    code: str
    state: State
    subject: str
    """What it is about: `api: taskmanager/database-url`; `the release` where it is about all."""
    text: str
    remedy: str = ""

    @property
    def order(self) -> tuple[int, str, str]:
        return (ORDER[self.state], self.code, self.subject)


def ok(check: Check, subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(check.code, State.OK, subject, text)


def failed(check: Check, subject: str, text: str, remedy: str) -> Finding:
    """It must not begin like this."""
    return Finding(check.code, State.FAILED, subject, text, remedy)


def warning(check: Check, subject: str, text: str, remedy: str) -> Finding:
    """It may begin, but somebody should know."""
    return Finding(check.code, State.WARNING, subject, text, remedy)


def not_checked(check: Check, subject: str, reason: str, remedy: str = "") -> Finding:
    """Nobody knows."""
    return Finding(check.code, State.NOT_CHECKED, subject, reason, remedy)
