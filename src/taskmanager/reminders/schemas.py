"""What clients send and see of reminders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from taskmanager.paging import PublicId
from taskmanager.tasks.schemas import Moment

MinutesBefore = Annotated[int, Field(ge=0, le=28 * 24 * 60)]


class ReminderCreate(BaseModel):
    """A new reminder: at a moment, or so many minutes before the task is due."""

    model_config = ConfigDict(extra="forbid")

    remind_at: Moment | None = None
    minutes_before: MinutesBefore | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.remind_at is None) == (self.minutes_before is None):
            raise ValueError("either remind_at or minutes_before is needed")
        return self


class ReminderRead(BaseModel):
    """A reminder."""

    id: PublicId
    task_id: PublicId
    remind_at: datetime | None
    """Null: the task is not due at any time now."""
    minutes_before: int | None
    fired_at: datetime | None
    created_at: datetime


class Reminders(BaseModel):
    """One's reminders of a task; there are never so many that they need pages."""

    results: list[ReminderRead]
