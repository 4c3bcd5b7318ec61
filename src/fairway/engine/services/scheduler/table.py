"""The operations of EventBridge Scheduler that the engine has, its errors, and what a request refers to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fairway.engine.model.schedule import ScheduleGroup, group_arn, schedule_arn
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.store.schema import SCHEDULE_GROUPS, SCHEDULES

if TYPE_CHECKING:
    from fairway.engine.model.schedule import Schedule
    from fairway.engine.services.operation import Context

DEFAULT_GROUP: Final = "default"
_SINCE: Final = datetime(2022, 11, 10, tzinfo=UTC)
"""Every account has a default group; nobody created it, so that it shows the day on which the service began."""


class ValidationException(AwsFault):
    """A parameter is not valid."""

    code = "ValidationException"


class ResourceNotFoundException(AwsFault):
    """No such schedule or group."""

    code, status = "ResourceNotFoundException", 404


class ConflictException(AwsFault):
    """The name is taken, or the token was used for something else."""

    code, status = "ConflictException", 409


OPERATIONS: Final = OperationTable("scheduler", lambda member: ValidationException(not_here(member)))


def find_group(ctx: Context, name: str) -> ScheduleGroup | None:
    arn = group_arn(ctx.region, ctx.account, name)
    group = ctx.store.get(SCHEDULE_GROUPS, arn)
    if group is None and name == DEFAULT_GROUP:
        return ScheduleGroup(arn, name, ctx.region, _SINCE, _SINCE)
    return group


def need_group(ctx: Context, name: str) -> ScheduleGroup:
    """A group by name.

    Raises:
        ResourceNotFoundException: none.
    """
    group = find_group(ctx, name)
    if group is None:
        raise ResourceNotFoundException(f"Schedule group {name} does not exist.")
    return group


def need_schedule(ctx: Context, group: str, name: str) -> Schedule:
    """A schedule by its group's name and its own.

    Raises:
        ResourceNotFoundException: none.
    """
    schedule = ctx.store.get(SCHEDULES, schedule_arn(ctx.region, ctx.account, group, name))
    if schedule is None:
        raise ResourceNotFoundException(f"Schedule {name} does not exist.")
    return schedule
