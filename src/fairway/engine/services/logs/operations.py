"""Log groups, streams and events. What tasks print is written by their shims; here it is read."""

from __future__ import annotations

import base64
import heapq
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.logrecord import group_folder, stream_folder
from fairway.engine.model.vault import LogGroup, LogStream, stream_row_key
from fairway.engine.services.fault import AwsFault
from fairway.engine.services.logs.patterns import UnsupportedPattern, compile_pattern
from fairway.engine.services.logs.segments import (
    Position,
    Record,
    append,
    drop_before,
    end_of,
    read_forward,
    read_last,
)
from fairway.engine.services.operation import OperationTable
from fairway.engine.store.schema import LOG_GROUPS, LOG_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fairway.engine.services.operation import Context, Host, Request, Response
    from fairway.engine.store.store import Store

OPERATIONS: Final = OperationTable("logs")
MOST_EVENTS: Final = 10_000
MOST_SCANNED: Final = 50_000
"""Records looked at in one FilterLogEvents call; then its token goes on."""
MOST_ANSWERED_BYTES: Final = 1024 * 1024
RETENTION_DAYS: Final = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


class ResourceNotFoundException(AwsFault):
    """No such group or stream."""

    code = "ResourceNotFoundException"


class ResourceAlreadyExistsException(AwsFault):
    """The name is taken."""

    code = "ResourceAlreadyExistsException"


class InvalidParameterException(AwsFault):
    """A parameter is not valid."""

    code = "InvalidParameterException"


def _group_arn(ctx: Context, name: str) -> str:
    if name.startswith("arn:"):
        return name.removesuffix(":*")
    return f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:{name}"


def _need_group(ctx: Context, name: str) -> LogGroup:
    group = ctx.store.get(LOG_GROUPS, _group_arn(ctx, name))
    if group is None:
        raise ResourceNotFoundException("The specified log group does not exist.")
    return group


def _group_of(ctx: Context, request: Request) -> LogGroup:
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if not name:
        raise InvalidParameterException("Either logGroupName or logGroupIdentifier must be given.")
    return _need_group(ctx, name)


def _need_stream(ctx: Context, group: LogGroup, name: str) -> LogStream:
    stream = ctx.store.get(LOG_STREAMS, f"{group.arn}|{name}")
    if stream is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return stream


def _folder(ctx: Context, group: LogGroup, stream: str) -> Path:
    return ctx.host.log_root / stream_folder(group.region, group.name, stream)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _engine_time(host: Host, wall_milliseconds: int) -> int:
    return _milliseconds(host.from_wall(datetime.fromtimestamp(wall_milliseconds / 1000, UTC)))


# -- groups ------------------------------------------------------------------------------------------------------------


@OPERATIONS.operation("CreateLogGroup")
def create_log_group(ctx: Context, request: Request) -> Response:
    """Create an empty group."""
    arn = _group_arn(ctx, request["logGroupName"])
    if ctx.store.get(LOG_GROUPS, arn) is not None:
        raise ResourceAlreadyExistsException("The specified log group already exists")
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, LogGroup(arn, request["logGroupName"], ctx.region, ctx.now, tags=request.get("tags", {})))
    return {}


@OPERATIONS.operation("DeleteLogGroup")
def delete_log_group(ctx: Context, request: Request) -> Response:
    """Delete a group with all that is in it."""
    group = _need_group(ctx, request["logGroupName"])
    with ctx.store.transaction() as tx:
        for stream in ctx.store.find(LOG_STREAMS, "group", group.arn):
            tx.delete(LOG_STREAMS, stream_row_key(stream))
        tx.delete(LOG_GROUPS, group.arn)
    shutil.rmtree(ctx.host.log_root / group_folder(group.region, group.name), ignore_errors=True)
    return {}


@OPERATIONS.operation("DescribeLogGroups")
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
        "creationTime": _milliseconds(group.created_at),
        "metricFilterCount": 0,
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }
    return shown | ({"retentionInDays": group.retention_days} if group.retention_days else {})


def _page(items: Sequence[Any], request: Request, size: int) -> tuple[Sequence[Any], dict[str, str]]:
    try:
        start = int(request.get("nextToken") or 0)
    except ValueError:
        raise InvalidParameterException("The specified nextToken is invalid.") from None
    limit = request.get("limit", size)
    more = {"nextToken": str(start + limit)} if start + limit < len(items) else {}
    return items[start : start + limit], more


@OPERATIONS.operation("PutRetentionPolicy")
def put_retention_policy(ctx: Context, request: Request) -> Response:
    """Keep events for so many days."""
    group = _need_group(ctx, request["logGroupName"])
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
    group = _need_group(ctx, request["logGroupName"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, retention_days=None))
    return {}


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags to a group."""
    group = _need_group(ctx, request["resourceArn"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, tags={**group.tags, **request["tags"]}))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags from a group."""
    group = _need_group(ctx, request["resourceArn"])
    gone = set(request["tagKeys"])
    with ctx.store.transaction() as tx:
        tx.put(LOG_GROUPS, replace(group, tags={k: v for k, v in group.tags.items() if k not in gone}))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a group."""
    return {"tags": dict(_need_group(ctx, request["resourceArn"]).tags)}


def expire(store: Store, host: Host, now: datetime) -> None:
    """Delete what is older than its group's retention."""
    for group in store.all(LOG_GROUPS):
        if group.retention_days is None:
            continue
        oldest = _milliseconds(host.to_wall(now - timedelta(days=group.retention_days)))
        for stream in store.find(LOG_STREAMS, "group", group.arn):
            drop_before(host.log_root / stream_folder(group.region, group.name, stream.name), oldest)


# -- streams -----------------------------------------------------------------------------------------------------------


@OPERATIONS.operation("CreateLogStream")
def create_log_stream(ctx: Context, request: Request) -> Response:
    """Create an empty stream."""
    group = _need_group(ctx, request["logGroupName"])
    name = request["logStreamName"]
    if ctx.store.get(LOG_STREAMS, f"{group.arn}|{name}") is not None:
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    with ctx.store.transaction() as tx:
        tx.put(LOG_STREAMS, LogStream(group.arn, name, ctx.now))
    return {}


@OPERATIONS.operation("DeleteLogStream")
def delete_log_stream(ctx: Context, request: Request) -> Response:
    """Delete a stream with its events."""
    group = _need_group(ctx, request["logGroupName"])
    stream = _need_stream(ctx, group, request["logStreamName"])
    with ctx.store.transaction() as tx:
        tx.delete(LOG_STREAMS, stream_row_key(stream))
    shutil.rmtree(_folder(ctx, group, stream.name), ignore_errors=True)
    return {}


@OPERATIONS.operation("DescribeLogStreams")
def describe_log_streams(ctx: Context, request: Request) -> Response:
    """Streams of a group, by name or by the time of their last event."""
    group = _group_of(ctx, request)
    prefix = request.get("logStreamNamePrefix", "")
    by_time = request.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = [s for s in ctx.store.find(LOG_STREAMS, "group", group.arn) if s.name.startswith(prefix)]
    last = {s.name: read_last(_folder(ctx, group, s.name), None, 1) for s in streams} if by_time else {}
    streams.sort(
        key=lambda s: (last[s.name][0].milliseconds if last.get(s.name) else 0, s.name) if by_time else (0, s.name),
        reverse=request.get("descending", False),
    )
    shown, token = _page(streams, request, 50)
    return {"logStreams": [_show_stream(ctx, group, stream) for stream in shown]} | token


def _show_stream(ctx: Context, group: LogGroup, stream: LogStream) -> dict[str, Any]:
    folder = _folder(ctx, group, stream.name)
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": _milliseconds(stream.created_at),
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }
    first = next(read_forward(folder, Position()), None)
    if first is not None:
        last = read_last(folder, None, 1)[0]
        shown["firstEventTimestamp"] = _engine_time(ctx.host, first.milliseconds)
        shown["lastEventTimestamp"] = _engine_time(ctx.host, last.milliseconds)
        shown["lastIngestionTime"] = shown["lastEventTimestamp"]
    return shown


# -- events ------------------------------------------------------------------------------------------------------------


@OPERATIONS.operation("PutLogEvents")
def put_log_events(ctx: Context, request: Request) -> Response:
    """Append events, which must stand in the order of their times."""
    group = _need_group(ctx, request["logGroupName"])
    stream = _need_stream(ctx, group, request["logStreamName"])
    events = request["logEvents"]
    stamps = [event["timestamp"] for event in events]
    if stamps != sorted(stamps):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")

    def wall(milliseconds: int) -> int:
        return _milliseconds(ctx.host.to_wall(datetime.fromtimestamp(milliseconds / 1000, UTC)))

    append(_folder(ctx, group, stream.name), [(wall(e["timestamp"]), e["message"]) for e in events])
    return {"nextSequenceToken": ctx.ids.decimal(56)}


def _show_event(ctx: Context, record: Record) -> dict[str, Any]:
    moment = _engine_time(ctx.host, record.milliseconds)
    return {"timestamp": moment, "message": record.message, "ingestionTime": moment}


@OPERATIONS.operation("GetLogEvents")
def get_log_events(ctx: Context, request: Request) -> Response:
    """Events of one stream, from the end or from the head, and on by tokens. The same token again: nothing newer yet."""
    group = _group_of(ctx, request)
    stream = _need_stream(ctx, group, request["logStreamName"])
    folder = _folder(ctx, group, stream.name)
    limit = request.get("limit", MOST_EVENTS)
    token = request.get("nextToken")
    try:
        direction, position = (token[0], Position.parse(token[2:])) if token else ("", None)
    except (ValueError, IndexError):
        raise InvalidParameterException("The specified nextToken is invalid.") from None
    if direction == "f" or (not token and request.get("startFromHead")):
        records = _window(ctx, read_forward(folder, position or Position()), request, limit)
    else:
        records = read_last(folder, position, limit, lambda record: _within(ctx, record, request))
    if records:
        first, last = records[0].start, records[-1].end
    else:
        first = last = position or (Position() if request.get("startFromHead") else end_of(folder))
    return {
        "events": [_show_event(ctx, record) for record in records],
        "nextForwardToken": f"f/{last}",
        "nextBackwardToken": f"b/{first}",
    }


def _within(ctx: Context, record: Record, request: Mapping[str, Any]) -> bool:
    if request.get("startTime") is None and request.get("endTime") is None:
        return True
    moment = _engine_time(ctx.host, record.milliseconds)
    return bool(request.get("startTime", 0) <= moment < request.get("endTime", 1 << 62))


def _window(ctx: Context, records: Iterator[Record], request: Mapping[str, Any], limit: int) -> list[Record]:
    found: list[Record] = []
    size = 0
    for record in records:
        if _within(ctx, record, request):
            found.append(record)
            size += len(record.message)
            if len(found) >= limit or size >= MOST_ANSWERED_BYTES:
                break
    return found


@OPERATIONS.operation("FilterLogEvents")
def filter_log_events(ctx: Context, request: Request) -> Response:
    """Events of all, or of the named, streams of a group that match a pattern, in the order of their times."""
    group = _group_of(ctx, request)
    try:
        matches = compile_pattern(request.get("filterPattern", ""))
    except UnsupportedPattern as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error}") from None
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefix cannot both be given.")
    streams = [s.name for s in ctx.store.find(LOG_STREAMS, "group", group.arn) if s.name.startswith(prefix)]
    for name in names or ():
        _need_stream(ctx, group, name)
    positions = _positions(request.get("nextToken"))
    readers = [
        _named(name, read_forward(_folder(ctx, group, name), positions.get(name, Position())))
        for name in names or streams
    ]
    limit = request.get("limit", MOST_EVENTS)
    found: list[dict[str, Any]] = []
    size, more = 0, False
    for scanned, (_, name, record) in enumerate(heapq.merge(*readers, key=lambda item: (item[0], item[1]))):
        if len(found) >= limit or scanned >= MOST_SCANNED or size >= MOST_ANSWERED_BYTES:
            more = True
            break
        positions[name] = record.end
        if _within(ctx, record, request) and matches(record.message):
            size += len(record.message)
            found.append(_show_event(ctx, record) | {"logStreamName": name, "eventId": _event_id(name, record)})
    token = base64.urlsafe_b64encode(json.dumps({n: str(p) for n, p in positions.items()}).encode()).decode()
    return {"events": found, "searchedLogStreams": []} | ({"nextToken": token} if more else {})


def _named(name: str, records: Iterator[Record]) -> Iterator[tuple[int, str, Record]]:
    for record in records:
        yield record.milliseconds, name, record


def _event_id(name: str, record: Record) -> str:
    """A number that is the same whenever the event is read, and grows with its time."""
    return f"{record.milliseconds:020d}{record.start.segment:08d}{record.start.offset:012d}{sum(name.encode()) % 10**16:016d}"


def _positions(token: str | None) -> dict[str, Position]:
    if not token:
        return {}
    try:
        document = json.loads(base64.urlsafe_b64decode(token.encode()))
        return {name: Position.parse(text) for name, text in document.items()}
    except (ValueError, AttributeError):
        raise InvalidParameterException("The specified nextToken is invalid.") from None
