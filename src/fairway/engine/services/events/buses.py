"""Event buses, and events of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from fairway.engine.control.event_pattern import InvalidPattern, matches, parse_pattern
from fairway.engine.model.event import DEFAULT_BUS, Event, EventBus, bus_arn, bus_index
from fairway.engine.services.events.table import (
    OPERATIONS,
    InvalidEventPatternException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    ValidationException,
    bus_name,
)
from fairway.engine.services.events.tags import read_tags
from fairway.engine.services.pages import page_of
from fairway.engine.store.schema import EVENT_BUSES, EVENT_RULES, EVENTS
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

_PAGE: Final = 100
_MOST_ENTRY_BYTES: Final = 1024 * 1024
_ELSEWHERE: Final = ("EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


@OPERATIONS.operation("CreateEventBus", refuses=_ELSEWHERE)
def create_event_bus(ctx: Context, request: Request) -> Response:
    """Create a custom event bus."""
    name, arn = request["Name"], bus_arn(ctx.region, ctx.account, request["Name"])
    if name == DEFAULT_BUS or ctx.store.get(EVENT_BUSES, arn) is not None:
        raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
    if "/" in name:
        raise ValidationException("Event bus name must not contain '/'.")
    bus = EventBus(arn, name, ctx.region, ctx.now, ctx.now, request.get("Description"), read_tags(request))
    with ctx.store.transaction() as tx:
        tx.put(EVENT_BUSES, bus)
    return {"EventBusArn": arn} | ({"Description": bus.description} if bus.description else {})


def _show(ctx: Context, name: str) -> dict[str, Any]:
    arn = bus_arn(ctx.region, ctx.account, name)
    shown: dict[str, Any] = {"Name": name, "Arn": arn}
    bus = ctx.store.get(EVENT_BUSES, arn)
    if bus is not None and name != DEFAULT_BUS:
        shown |= {"CreationTime": bus.created_at, "LastModifiedTime": bus.modified_at}
        shown |= {"Description": bus.description} if bus.description else {}
    return shown


@OPERATIONS.operation("DescribeEventBus")
def describe_event_bus(ctx: Context, request: Request) -> Response:
    """An event bus; the default one if none is named."""
    return _show(ctx, bus_name(ctx, request, "Name"))


@OPERATIONS.operation("ListEventBuses")
def list_event_buses(ctx: Context, request: Request) -> Response:
    """All event buses by name."""
    names = sorted({DEFAULT_BUS, *(bus.name for bus in ctx.store.find(EVENT_BUSES, "region", ctx.region))})
    passing = [name for name in names if name.startswith(request.get("NamePrefix", ""))]
    shown, token = page_of(passing, request.get("NextToken"), request.get("Limit", _PAGE), ValidationException)
    return {"EventBuses": [_show(ctx, name) for name in shown]} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DeleteEventBus")
def delete_event_bus(ctx: Context, request: Request) -> Response:
    """Delete a custom event bus without rules; what is not there is deleted already."""
    name = request["Name"]
    if name == DEFAULT_BUS:
        raise ValidationException("Cannot delete event bus default.")
    if ctx.store.find(EVENT_RULES, "bus", bus_index(ctx.region, name)):
        raise ValidationException(f"Cannot delete event bus {name} with rules on it.")
    with ctx.store.transaction() as tx:
        tx.delete(EVENT_BUSES, bus_arn(ctx.region, ctx.account, name))
    return {}


@OPERATIONS.operation("PutEvents", refuses=("EndpointId",), ignores=("Entries.TraceHeader",))
def put_events(ctx: Context, request: Request) -> Response:
    """Hand events to their buses: each entry is taken or refused by itself."""
    entries: list[dict[str, Any]] = []
    with ctx.store.transaction() as tx:
        for entry in request["Entries"]:
            problem = _problem(ctx, entry)
            if problem is None:
                event = tx.put(EVENTS, _event(ctx, entry))
                entries.append({"EventId": event.id})
            else:
                entries.append({"ErrorCode": problem[0], "ErrorMessage": problem[1]})
    return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}


def _problem(ctx: Context, entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why an entry is refused: code and text. Source: EventBridge User Guide, "Sending events with PutEvents"."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            return "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
    if entry["Source"].startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    if len(entry["Detail"].encode()) > _MOST_ENTRY_BYTES:
        return "InvalidArgument", "Total size of the entry exceeds the maximum."
    try:
        if isinstance(orjson.loads(entry["Detail"]), dict):
            bus_name(ctx, entry)
            return None
    except orjson.JSONDecodeError:
        pass
    except ResourceNotFoundException as error:
        return "InternalFailure", error.message
    return "MalformedDetail", "Detail is malformed."


def _event(ctx: Context, entry: Mapping[str, Any]) -> Event:
    return Event(
        id=uuid(ctx.ids),
        region=ctx.region,
        account=ctx.account,
        bus=bus_name(ctx, entry),
        source=entry["Source"],
        detail_type=entry["DetailType"],
        at=entry.get("Time", ctx.now),
        resources=tuple(entry.get("Resources", ())),
        detail=orjson.loads(entry["Detail"]),
    )


@OPERATIONS.operation("TestEventPattern")
def try_event_pattern(ctx: Context, request: Request) -> Response:
    """Whether an event matches a pattern."""
    del ctx
    try:
        event = orjson.loads(request["Event"])
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise ValidationException("Parameter Event is not valid.")
    try:
        pattern = parse_pattern(request["EventPattern"])
    except InvalidPattern as error:
        raise InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None
    return {"Result": matches(pattern, event)}
