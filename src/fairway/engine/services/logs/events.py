"""Log events: appended by clients, read from the head, from the end, and over all streams of a group."""

from __future__ import annotations

import base64
import heapq
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.logs.batch import event_bytes, judge_batch
from fairway.engine.services.logs.groups import expires_before
from fairway.engine.services.logs.patterns import UnsupportedPattern, compile_pattern
from fairway.engine.services.logs.segments import Position, Record, append, end_of, read_forward, read_last
from fairway.engine.services.logs.table import (
    OPERATIONS,
    InvalidParameterException,
    engine_time,
    folder_of,
    group_of,
    milliseconds,
    need_group,
    need_stream,
)
from fairway.engine.store.schema import LOG_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fairway.engine.model.vault import LogGroup
    from fairway.engine.services.operation import Context, Host, Request, Response

MOST_EVENTS: Final = 10_000
MOST_SCANNED: Final = 50_000
"""Records looked at in one FilterLogEvents call; then its token goes on."""
MOST_ANSWERED_BYTES: Final = 1024 * 1024


@OPERATIONS.operation("PutLogEvents", ignores=("sequenceToken", "entity"))
def put_log_events(ctx: Context, request: Request) -> Response:
    """Append events, which must stand in the order of their times; those that are too old or too new are left out, and told."""
    group = need_group(ctx, request["logGroupName"])
    stream = need_stream(ctx, group, request["logStreamName"])
    events = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    taken = judge_batch(events, milliseconds(ctx.now), group.retention_days)

    def wall(stamp: int) -> int:
        return milliseconds(ctx.host.to_wall(datetime.fromtimestamp(stamp / 1000, UTC)))

    kept = [(wall(stamp), message) for stamp, message in events[taken.first : taken.end]]
    if kept:
        append(folder_of(ctx, group, stream.name), kept)
    rejected = {"rejectedLogEventsInfo": taken.rejected} if taken.rejected else {}
    return {"nextSequenceToken": ctx.ids.decimal(56)} | rejected


def _show_event(ctx: Context, record: Record) -> dict[str, Any]:
    moment = engine_time(ctx.host, record.milliseconds)
    return {"timestamp": moment, "message": record.message, "ingestionTime": moment}


@OPERATIONS.operation("GetLogEvents", ignores=("unmask",))
def get_log_events(ctx: Context, request: Request) -> Response:
    """Events of one stream, from the end or from the head, and on by tokens. The same token again: nothing newer yet."""
    group = group_of(ctx, request)
    stream = need_stream(ctx, group, request["logStreamName"])
    folder = folder_of(ctx, group, stream.name)
    limit = request.get("limit", MOST_EVENTS)
    token = request.get("nextToken")
    try:
        direction, position = (token[0], Position.parse(token[2:])) if token else ("", None)
    except (ValueError, IndexError):
        raise InvalidParameterException("The specified nextToken is invalid.") from None
    window = _Window.of(ctx, request, group)
    if direction == "f" or (not token and request.get("startFromHead")):
        inside = (record for record in read_forward(folder, position or Position()) if window.has(record))
        records = _page(islice(inside, limit))
    else:
        records = _page(reversed(read_last(folder, position, limit, window.has)))[::-1]
    if records:
        first, last = records[0].start, records[-1].end
    else:
        first = last = position or (Position() if request.get("startFromHead") else end_of(folder))
    return {
        "events": [_show_event(ctx, record) for record in records],
        "nextForwardToken": f"f/{last}",
        "nextBackwardToken": f"b/{first}",
    }


@dataclass(frozen=True, slots=True)
class _Window:
    """Which records are asked for and not expired."""

    start: int
    end: int
    """Engine milliseconds, this one not included."""
    oldest: int
    """Wall milliseconds: what is older has expired, though its segment may still be there."""
    host: Host

    @classmethod
    def of(cls, ctx: Context, request: Mapping[str, Any], group: LogGroup) -> _Window:
        oldest = expires_before(ctx.host, group, ctx.now)
        return cls(request.get("startTime") or 0, request.get("endTime", 1 << 62), oldest, ctx.host)

    def has(self, record: Record) -> bool:
        return record.milliseconds >= self.oldest and (
            self.start <= engine_time(self.host, record.milliseconds) < self.end
        )


def _page(records: Iterable[Record]) -> list[Record]:
    """So many of them as one answer may hold; at least one.

    Source: CloudWatch Logs API Reference, GetLogEvents (a response of 1 MB, up to 10,000 events).
    """
    found: list[Record] = []
    size = 0
    for record in records:
        size += event_bytes(record.message)
        if found and size > MOST_ANSWERED_BYTES:
            break
        found.append(record)
    return found


@OPERATIONS.operation("FilterLogEvents", ignores=("interleaved", "unmask"))
def filter_log_events(ctx: Context, request: Request) -> Response:
    """Events of all, or of the named, streams of a group that match a pattern, in the order of their times."""
    group = group_of(ctx, request)
    try:
        matches = compile_pattern(request.get("filterPattern", ""))
    except UnsupportedPattern as error:
        raise InvalidParameterException(f"Invalid filter pattern: {error}") from None
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix", "")
    if names and prefix:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefix cannot both be given.")
    streams = [s.name for s in ctx.store.find(LOG_STREAMS, "group", group.arn) if s.name.startswith(prefix)]
    for name in names or ():
        need_stream(ctx, group, name)
    positions = _positions(request.get("nextToken"))
    readers = [
        _named(name, read_forward(folder_of(ctx, group, name), positions.get(name, Position())))
        for name in names or streams
    ]
    limit = request.get("limit", MOST_EVENTS)
    window = _Window.of(ctx, request, group)
    found: list[dict[str, Any]] = []
    size, more = 0, False
    for scanned, (_, name, record) in enumerate(heapq.merge(*readers, key=lambda item: (item[0], item[1]))):
        wanted = window.has(record) and matches(record.message)
        size += event_bytes(record.message) if wanted else 0
        if len(found) >= limit or scanned >= MOST_SCANNED or (found and size > MOST_ANSWERED_BYTES):
            more = True
            break
        positions[name] = record.end
        if wanted:
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
