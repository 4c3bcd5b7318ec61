"""What a deployment tells while it goes on: changes, each once, and pictures for a live view."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.observed import Picture


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened: a line for people and an event for programs."""

    kind: str
    """The stable name of the event; `docs/reference/json-events.md` lists them."""
    service: str
    """The service or one-off task that it happened to; empty: the whole run."""
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    is_problem: bool = False
    """It is what somebody looks for when things go wrong."""


class Listener(Protocol):
    """Whoever wants to know."""

    def change(self, change: Change) -> None:
        """Something happened."""

    def picture(self, picture: Picture) -> None:
        """How a service looks now."""


class Silent:
    """Nobody wants to know."""

    def change(self, change: Change) -> None:
        del change

    def picture(self, picture: Picture) -> None:
        del picture
