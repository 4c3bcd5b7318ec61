"""The operations of CloudWatch Logs that the engine has, and what they all need: errors, groups, streams, times.

What tasks print is written by their shims with wall times; clients see the engine's own time.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fairway.engine.model.logrecord import stream_folder
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.store.schema import LOG_GROUPS, LOG_STREAMS

if TYPE_CHECKING:
    from pathlib import Path

    from fairway.engine.model.vault import LogGroup, LogStream
    from fairway.engine.services.operation import Context, Host, Request


class ResourceNotFoundException(AwsFault):
    """No such group or stream."""

    code = "ResourceNotFoundException"


class ResourceAlreadyExistsException(AwsFault):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"


class InvalidParameterException(AwsFault):
    """A parameter is not valid."""

    code = "InvalidParameterException"


OPERATIONS: Final = OperationTable("logs", lambda member: InvalidParameterException(not_here(member)))


def group_arn(ctx: Context, name: str) -> str:
    if name.startswith("arn:"):
        return name.removesuffix(":*")
    return f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:{name}"


def need_group(ctx: Context, name: str) -> LogGroup:
    group = ctx.store.get(LOG_GROUPS, group_arn(ctx, name))
    if group is None:
        raise ResourceNotFoundException("The specified log group does not exist.")
    return group


def group_of(ctx: Context, request: Request) -> LogGroup:
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not name:
        raise InvalidParameterException("Either logGroupName or logGroupIdentifier must be given.")
    return need_group(ctx, name)


def need_stream(ctx: Context, group: LogGroup, name: str) -> LogStream:
    stream = ctx.store.get(LOG_STREAMS, f"{group.arn}|{name}")
    if stream is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return stream


def folder_of(ctx: Context, group: LogGroup, stream: str) -> Path:
    return ctx.host.log_root / stream_folder(group.region, group.name, stream)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def engine_time(host: Host, wall_milliseconds: int) -> int:
    return milliseconds(host.from_wall(datetime.fromtimestamp(wall_milliseconds / 1000, UTC)))
