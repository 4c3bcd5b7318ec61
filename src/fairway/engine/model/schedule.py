"""Schedules of EventBridge Scheduler, and their groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ENABLED = "ENABLED"
DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule with its one target."""

    arn: str
    name: str
    group: str
    region: str
    expression: str
    target: Mapping[str, Any]
    """As it was given."""
    created_at: datetime
    modified_at: datetime
    anchor_at: datetime
    """The first run of a rate, from which the others are counted."""
    timezone: str = "UTC"
    state: str = ENABLED
    window_minutes: int | None = None
    """Of a flexible time window; None: it is OFF."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    description: str | None = None
    kms_key_arn: str | None = None
    after_completion: str | None = None
    """`NONE` or `DELETE`."""
    client_token: str | None = None
    """Of CreateSchedule."""
    due_at: datetime | None = None
    """What the expression says of the next run; None: there is none."""
    next_at: datetime | None = None
    """When it really runs: `due_at`, or a moment of its window."""

    @property
    def is_enabled(self) -> bool:
        return self.state == ENABLED


@dataclass(frozen=True, slots=True)
class ScheduleGroup:
    """A group of schedules: what has tags."""

    arn: str
    name: str
    region: str
    created_at: datetime
    modified_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None


def schedule_arn(region: str, account: str, group: str, name: str) -> str:
    return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{name}"


def group_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:scheduler:{region}:{account}:schedule-group/{name}"


def group_index(region: str, group: str) -> str:
    return f"{region}|{group}"
