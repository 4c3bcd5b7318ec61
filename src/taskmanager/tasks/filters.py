"""The filters of lists of tasks, as query parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Query

from taskmanager.db import now
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.tasks.listing import Wanted
from taskmanager.tasks.schemas import Priority, SortName, Status
from taskmanager.tasks.sorting import SORTS, Sort
from taskmanager.users.service import time_zone_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Filters:
    """What a client asks for."""

    status: Annotated[Status | None, Query()] = None
    priority: Annotated[Priority | None, Query()] = None
    mine: Annotated[bool, Query(description="Only tasks that are assigned to me.")] = False
    assignee_id: Annotated[PublicId | None, Query()] = None
    overdue: Annotated[
        bool, Query(description="Only tasks that are late and not done; a day ends in my time zone.")
    ] = False
    label_id: Annotated[PublicId | None, Query()] = None
    parent_id: Annotated[PublicId | None, Query()] = None
    q: Annotated[str | None, Query(min_length=1, max_length=100, description="A part of title or description.")] = None
    sort: Annotated[SortName, Query()] = "-id"

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


FiltersDep = Annotated[Filters, Depends()]
