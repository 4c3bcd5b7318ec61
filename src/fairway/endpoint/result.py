"""What came of a check."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not_reached"
    """There is no connection to the endpoint from here."""
    NOT_CHECKED = "not_checked"
    """Something that it needs is not known: a variable, the version, the address."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check; nothing in it was received, but versions, statuses and times."""

    check: str
    """`GET /version`, `deploy/api.journey.toml`."""
    state: State
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_evidence(self) -> dict[str, Any]:
        return {"check": self.check, "state": str(self.state), "text": self.text, **self.figures}
