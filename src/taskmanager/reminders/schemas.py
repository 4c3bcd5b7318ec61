"""What clients send and see of reminders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from taskmanager.paging import PublicId
from taskmanager.tasks.schemas import Moment

_YEAR_OF_MINUTES = 366 * 24 * 60


class ReminderCreate(BaseModel):
    """A new reminder: at a moment, or before the task is due."""

    model_config = ConfigDict(extra="forbid")

    remind_at: Moment | None = None
    minutes_before: Annotated[int, Field(ge=0, le=_YEAR_OF_MINUTES)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.remind_at is None) == (self.minutes_before is None):
            raise ValueError("send remind_at or minutes_before")
        return self


class ReminderRead(BaseModel):
    """A reminder."""

    id: PublicId
    task_id: PublicId
    remind_at: datetime | None
    minutes_before: int | None
    created_at: datetime
    fired_at: datetime | None
