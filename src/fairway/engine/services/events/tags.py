"""Tags of rules and event buses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.event import DEFAULT_BUS, EventBus, bus_arn
from fairway.engine.services.events.table import OPERATIONS, ResourceNotFoundException, ValidationException
from fairway.engine.store.schema import EVENT_BUSES, EVENT_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

_MOST: Final = 50


def read_tags(request: Request, before: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags of a request, beside those that were there.

    Raises:
        ValidationException: too many, or a reserved key.
    """
    given = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
    if any(key.lower().startswith("aws:") for key in given):
        raise ValidationException("Tag keys that begin with aws: are reserved for AWS use.")
    tags = {**(before or {}), **given}
    if len(tags) > _MOST:
        raise ValidationException(f"A resource has at most {_MOST} tags.")
    return tags


def _find(ctx: Context, arn: str) -> tuple[Any, Any]:
    """The table and the entity of an ARN."""
    rule = ctx.store.get(EVENT_RULES, arn)
    if rule is not None:
        return EVENT_RULES, rule
    bus = ctx.store.get(EVENT_BUSES, arn)
    if bus is None and arn == bus_arn(ctx.region, ctx.account, DEFAULT_BUS):
        bus = EventBus(arn, DEFAULT_BUS, ctx.region, ctx.now, ctx.now)
    if bus is None:
        raise ResourceNotFoundException(f"Resource {arn} does not exist.")
    return EVENT_BUSES, bus


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags, or change their values."""
    table, entity = _find(ctx, request["ResourceARN"])
    with ctx.store.transaction() as tx:
        tx.put(table, replace(entity, tags=read_tags(request, entity.tags)))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags by key."""
    table, entity = _find(ctx, request["ResourceARN"])
    left = {key: value for key, value in entity.tags.items() if key not in request["TagKeys"]}
    with ctx.store.transaction() as tx:
        tx.put(table, replace(entity, tags=left))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a rule or a bus."""
    _, entity = _find(ctx, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in entity.tags.items()]}
