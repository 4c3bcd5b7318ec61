"""What lists of tasks are asked for, as query parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from taskmanager.db import now
from taskmanager.paging import LARGEST_PAGE, PublicId
from taskmanager.problems import Problem
from taskmanager.tasks.listing import Wanted
from taskmanager.tasks.schemas import Priority, SortName, Status
from taskmanager.tasks.sorting import SORTS, Sort
from taskmanager.users.service import time_zone_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


class Asked(BaseModel):
    """What a client asks for: checked in one go, since the framework takes ten times as long for each parameter by itself."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50
    cursor: Annotated[str | None, Field(max_length=256, description="next_cursor of the page before")] = None
    status: Status | None = None
    priority: Priority | None = None
    mine: Annotated[bool, Field(description="Only tasks that are assigned to me.")] = False
    assignee_id: PublicId | None = None
    overdue: Annotated[
        bool, Field(description="Only tasks that are late and not done; a day ends in my time zone.")
    ] = False
    label_id: PublicId | None = None
    parent_id: PublicId | None = None
    q: Annotated[str | None, Field(min_length=1, max_length=100, description="A part of title or description.")] = None
    sort: SortName = "-id"

    @property
    def order(self) -> Sort:
        return SORTS[self.sort]

    async def wanted(self, connection: AsyncConnection, user_id: int, project_id: int | None) -> Wanted:
        """The same for the list.

        Raises:
            Problem: mine and somebody else's at once.
        """
        if self.mine and self.assignee_id not in {None, user_id}:
            raise Problem(422, "filters-contradict", "mine and assignee_id name different people")
        overdue = None
        if self.overdue:
            moment = now()
            overdue = (moment, moment.astimezone(await time_zone_of(connection, user_id)).date())
        return Wanted(
            project_id=project_id,
            status=self.status,
            priority=self.priority,
            assignee_id=user_id if self.mine else self.assignee_id,
            parent_id=self.parent_id,
            label_id=self.label_id,
            overdue=overdue,
            text=self.q,
        )


class AskedOfAll(Asked):
    """The same of all projects, or of one that is named among the parameters."""

    project_id: PublicId | None = None


AskedDep = Annotated[Asked, Query()]
AskedOfAllDep = Annotated[AskedOfAll, Query()]
