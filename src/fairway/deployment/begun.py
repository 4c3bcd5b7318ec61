"""What a run has asked ECS for so far: what whoever interrupts it has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairway.observed import Task


@dataclass(slots=True)
class Begun:
    """Written down before each request goes out: an interrupt may come before the answer does."""

    one_off: str | None = None
    """The key of the one-off task that was asked for and has not ended."""
    task: Task | None = None
    """That task; None: ECS has not answered yet."""
    services: dict[str, bool] = field(default_factory=dict)
    """By key: each service that was asked for; True: this run creates it."""
    has_run: bool = False
    """A one-off task has been run."""

    @property
    def is_nothing(self) -> bool:
        """Neither a task nor a service was asked for: a revision that is registered changes nothing."""
        return not self.services and not self.has_run
