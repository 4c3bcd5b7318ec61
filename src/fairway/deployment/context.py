"""What every step of a run acts with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fairway.clock import monotonic
from fairway.deployment.begun import Begun
from fairway.deployment.progress import Change
from fairway.deployment.register import mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.progress import Listener
    from fairway.deployment.register import Origin
    from fairway.observed import TaskDefinition


def _free() -> None:
    """Nothing keeps others out."""


@dataclass(slots=True)
class Context:
    """One run of Fairway in one cluster."""

    observer: Observer
    pace: Pace
    listener: Listener
    origin: Origin
    timeout_seconds: float | None = None
    guard: Callable[[], None] = _free
    """Called before anything is changed; raises when the locks are not ours any more."""
    is_resumed: bool = False
    """Another process began this run: what it did is looked up on ECS before it is done."""
    begun: Begun = field(default_factory=Begun)
    deadline: float | None = None
    """Of the monotonic clock."""

    def __post_init__(self) -> None:
        if self.timeout_seconds is not None:
            self.deadline = monotonic() + self.timeout_seconds

    @property
    def started_by(self) -> str:
        """`startedBy` of this run's one-off tasks."""
        return f"fairway/{self.origin.run}"

    def tell(self, kind: str, service: str, text: str, *, is_problem: bool = False, **fields: object) -> None:
        """Say that something happened."""
        self.listener.change(Change(kind, service, text, fields, is_problem=is_problem))

    def mark(self, definition: TaskDefinition, verdict: str, name: str, *, why: str = "") -> None:
        """Write down in the account what was proved about a revision."""
        refused = mark(self.observer.aws, definition.arn, verdict, self.observer.aws.now(), why=why)
        if refused is not None:
            text = f"the verdict {verdict} could not be written on {definition.name}: {refused}"
            self.tell("warning", name, text, is_problem=True, message=text)
            return
        text = f"{definition.label()} is marked {verdict}"
        self.tell("verdict", name, text, task_definition=definition.arn, verdict=verdict, why=why)
