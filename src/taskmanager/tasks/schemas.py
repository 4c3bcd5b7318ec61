"""What clients send and see of tasks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from taskmanager.paging import GivenId, PublicId
from taskmanager.text import Line, Prose

Title = Annotated[Line, Field(max_length=200)]
Description = Annotated[Prose, Field(max_length=10_000)]
Status = Literal["todo", "doing", "done"]
Priority = Annotated[int, Field(ge=0, le=4)]
SortName = Literal["-id", "id", "due", "-due", "-priority", "priority", "-updated", "updated"]
_FIRST_YEAR, _LAST_YEAR = 1900, 9998
"""MySQL knows no year before 1000, and the last day of 9999 stands for no date."""


def _in_utc(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment lies outside the years 1 to 9999 of UTC") from None
    _in_range(moment)
    return moment


def _in_range(day: date) -> date:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"the year is none of {_FIRST_YEAR} to {_LAST_YEAR}")
    return day


def _distinct(ids: list[int]) -> list[int]:
    return sorted(set(ids))


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Day = Annotated[date, AfterValidator(_in_range)]
LabelIds = Annotated[list[GivenId], Field(max_length=20), AfterValidator(_distinct)]


class _OneDue(BaseModel):
    """Due at a moment or on a day, not both."""

    model_config = ConfigDict(extra="forbid")

    due_at: Moment | None = None
    due_on: Day | None = None
    """All day, wherever one is."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.due_at is not None and self.due_on is not None:
            raise ValueError("a task is due at a moment (due_at) or on a day (due_on), not both")
        return self


class TaskCreate(_OneDue):
    """A new task."""

    title: Title
    description: Description = ""
    status: Status = "todo"
    priority: Priority = 2
    assignee_id: GivenId | None = None
    parent_id: GivenId | None = None
    label_ids: LabelIds = []


class TaskChange(_OneDue):
    """What is to change; a field that is not sent stays as it is. A moment takes the place of a day, and a day that of a moment."""

    title: Title = ""
    description: Description = ""
    status: Status = "todo"
    priority: Priority = 2
    assignee_id: GivenId | None = None
    parent_id: GivenId | None = None
    label_ids: LabelIds = []


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
    number: int
    reference: str
    """Key and number, such as OPS-142; the number is never given again."""
    assignee_id: PublicId | None
    parent_id: PublicId | None
    due_on: date | None
    label_ids: list[PublicId]
    version: int
