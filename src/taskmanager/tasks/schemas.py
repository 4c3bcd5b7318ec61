"""What clients send and see of tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from taskmanager.paging import PublicId
from taskmanager.text import Line, Prose

Title = Annotated[Line, Field(max_length=200)]
Description = Annotated[Prose, Field(max_length=10_000)]
Status = Literal["todo", "doing", "done"]
Priority = Annotated[int, Field(ge=0, le=4)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment lies outside the years 1 to 9999 of UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class TaskCreate(BaseModel):
    """A new task."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    description: Description = ""
    status: Status = "todo"
    priority: Priority = 2
    due_at: Moment | None = None


class TaskChange(BaseModel):
    """What is to change; a field that is not sent stays as it is. Only `due_at` can be null."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    description: Description = ""
    status: Status = "todo"
    priority: Priority = 2
    due_at: Moment | None = None


class TaskRead(BaseModel):
    """A task."""

    id: PublicId
    project_id: PublicId
    title: str
    description: str
    status: Status
    priority: int
    due_at: datetime | None
    created_at: datetime
    updated_at: datetime
