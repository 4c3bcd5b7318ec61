"""Log groups and their streams."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.logrecord import group_folder, stream_folder
from fairway.engine.model.vault import LogGroup, LogStream, stream_row_key
from fairway.engine.services.logs.segments import Position, drop_before, read_forward, read_last
from fairway.engine.services.logs.table import (
    OPERATIONS,
    InvalidParameterException,
    ResourceAlreadyExistsException,
    engine_time,
    folder_of,
    group_arn,
    group_of,
    milliseconds,
    need_group,
    need_stream,
)
from fairway.engine.services.pages import page_of
from fairway.engine.store.schema import LOG_GROUPS, LOG_STREAMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fairway.engine.services.operation import Context, Host, Request, Response
    from fairway.engine.store.store import Store

RETENTION_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


@OPERATIONS.operation("CreateLogGroup", refuses=("kmsKeyId", "deletionProtectionEnabled", "logGroupClass=STANDARD"))
def create_log_group(ctx: Context, request: Request) -> Response:
    """Create an empty group."""
    arn = group_arn(ctx, request["logGroupName"])
    if ctx.store.get(LOG_GROUPS, arn) is not None:
        raise ResourceAlreadyExistsException("The specified log group already exists")
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, LogGroup(arn, request["logGroupName"], ctx.region, ctx.now, tags=request.get("tags", {})))
    return {}


@OPERATIONS.operation("DeleteLogGroup")
def delete_log_group(ctx: Context, request: Request) -> Response:
    """Delete a group with all that is in it."""
    group = need_group(ctx, request["logGroupName"])
    with ctx.store.transaction() as tx:
        for stream in ctx.store.find(LOG_STREAMS, "group", group.arn):
            tx.delete(LOG_STREAMS, stream_row_key(stream))
        tx.delete(LOG_GROUPS, group.arn)
    shutil.rmtree(ctx.host.log_root / group_folder(group.region, group.name), ignore_errors=True)
    return {}


@OPERATIONS.operation(
    "DescribeLogGroups",
    refuses=("accountIdentifiers", "includeLinkedAccounts", "logGroupIdentifiers", "logGroupClass=STANDARD"),
)
def describe_log_groups(ctx: Context, request: Request) -> Response:
    """Groups of the region by prefix or pattern, in the order of their names."""
    prefix, pattern = request.get("logGroupNamePrefix", ""), request.get("logGroupNamePattern", "")
    groups = sorted(
        (
            g
            for g in ctx.store.find(LOG_GROUPS, "region", ctx.region)
            if g.name.startswith(prefix) and pattern in g.name
        ),
        key=lambda group: group.name,
    )
    shown, token = _page(groups, request, 50)
    return {"logGroups": [_show_group(group) for group in shown]} | token


def _show_group(group: LogGroup) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logGroupName": group.name,
        "creationTime": milliseconds(group.created_at),
        "metricFilterCount": 0,
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }
    return shown | ({"retentionInDays": group.retention_days} if group.retention_days else {})


def _page(items: Sequence[Any], request: Request, size: int) -> tuple[Sequence[Any], dict[str, str]]:
    shown, token = page_of(items, request.get("nextToken"), request.get("limit", size), InvalidParameterException)
    return shown, {"nextToken": token} if token else {}


@OPERATIONS.operation("PutRetentionPolicy")
def put_retention_policy(ctx: Context, request: Request) -> Response:
    """Keep events for so many days."""
    group = need_group(ctx, request["logGroupName"])
    if request["retentionInDays"] not in RETENTION_DAYS:
        allowed = ", ".join(str(days) for days in RETENTION_DAYS)
        raise InvalidParameterException(
            f"1 validation error detected: Value '{request['retentionInDays']}' at 'retentionInDays' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{allowed}]"
        )
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, retention_days=request["retentionInDays"]))
    return {}


@OPERATIONS.operation("DeleteRetentionPolicy")
def delete_retention_policy(ctx: Context, request: Request) -> Response:
    """Keep events for ever."""
    group = need_group(ctx, request["logGroupName"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, retention_days=None))
    return {}


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags to a group."""
    group = need_group(ctx, request["resourceArn"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, tags={**group.tags, **request["tags"]}))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags from a group."""
    group = need_group(ctx, request["resourceArn"])
    gone = set(request["tagKeys"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, tags={k: v for k, v in group.tags.items() if k not in gone}))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a group."""
    return {"tags": dict(need_group(ctx, request["resourceArn"]).tags)}


def expires_before(host: Host, group: LogGroup, now: datetime) -> int:
    """The wall time in milliseconds before which the events of a group have expired; 0: none ever does."""
    if group.retention_days is None:
        return 0
    return milliseconds(host.to_wall(now - timedelta(days=group.retention_days)))


def expire(store: Store, host: Host, now: datetime) -> None:
    """Delete what is older than its group's retention."""
    for group in store.all(LOG_GROUPS):
        oldest = expires_before(host, group, now)
        if not oldest:
            continue
        for stream in store.find(LOG_STREAMS, "group", group.arn):
            drop_before(host.log_root / stream_folder(group.region, group.name, stream.name), oldest)


# -- streams -----------------------------------------------------------------------------------------------------------


@OPERATIONS.operation("CreateLogStream")
def create_log_stream(ctx: Context, request: Request) -> Response:
    """Create an empty stream."""
    group = need_group(ctx, request["logGroupName"])
    name = request["logStreamName"]
    if ctx.store.get(LOG_STREAMS, f"{group.arn}|{name}") is not None:
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    with ctx.store.transaction() as tx:
        tx.put(LOG_STREAMS, LogStream(group.arn, name, ctx.now))
    return {}


@OPERATIONS.operation("DeleteLogStream")
def delete_log_stream(ctx: Context, request: Request) -> Response:
    """Delete a stream with its events."""
    group = need_group(ctx, request["logGroupName"])
    stream = need_stream(ctx, group, request["logStreamName"])
    with ctx.store.transaction() as tx:
        tx.delete(LOG_STREAMS, stream_row_key(stream))
    shutil.rmtree(folder_of(ctx, group, stream.name), ignore_errors=True)
    return {}


@OPERATIONS.operation("DescribeLogStreams")
def describe_log_streams(ctx: Context, request: Request) -> Response:
    """Streams of a group, by name or by the time of their last event."""
    group = group_of(ctx, request)
    prefix = request.get("logStreamNamePrefix", "")
    by_time = request.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = [s for s in ctx.store.find(LOG_STREAMS, "group", group.arn) if s.name.startswith(prefix)]
    last = {s.name: read_last(folder_of(ctx, group, s.name), None, 1) for s in streams} if by_time else {}
    streams.sort(
        key=lambda s: (last[s.name][0].milliseconds if last.get(s.name) else 0, s.name) if by_time else (0, s.name),
        reverse=request.get("descending", False),
    )
    shown, token = _page(streams, request, 50)
    return {"logStreams": [_show_stream(ctx, group, stream) for stream in shown]} | token


def _show_stream(ctx: Context, group: LogGroup, stream: LogStream) -> dict[str, Any]:
    folder = folder_of(ctx, group, stream.name)
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": milliseconds(stream.created_at),
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    oldest = expires_before(ctx.host, group, ctx.now)
    first = next((record for record in read_forward(folder, Position()) if record.milliseconds >= oldest), None)
    if first is not None:
        last = read_last(folder, None, 1)[0]
        shown["firstEventTimestamp"] = engine_time(ctx.host, first.milliseconds)
        shown["lastEventTimestamp"] = engine_time(ctx.host, last.milliseconds)
        shown["lastIngestionTime"] = shown["lastEventTimestamp"]
    return shown
