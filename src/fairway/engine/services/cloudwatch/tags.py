"""Tags of alarms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.engine.services.cloudwatch.table import OPERATIONS, InvalidParameterValue, ResourceNotFoundException
from fairway.engine.store.schema import ALARMS

if TYPE_CHECKING:
    from fairway.engine.model.alarm import Alarm
    from fairway.engine.services.operation import Context, Request, Response

_MOST = 50


def _need(ctx: Context, arn: str) -> Alarm:
    alarm = ctx.store.get(ALARMS, arn)
    if alarm is None or alarm.region != ctx.region:
        raise ResourceNotFoundException(f"Unknown resource: {arn}")
    return alarm


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags to an alarm."""
    alarm = _need(ctx, request["ResourceARN"])
    tags = {**alarm.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
    if len(tags) > _MOST:
        raise InvalidParameterValue(f"A resource can have at most {_MOST} tags.")
    with ctx.store.transaction() as tx:
        tx.put(ALARMS, replace(alarm, tags=tags))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags from an alarm."""
    alarm = _need(ctx, request["ResourceARN"])
    gone = set(request["TagKeys"])
    with ctx.store.transaction() as tx:
        tx.put(ALARMS, replace(alarm, tags={key: value for key, value in alarm.tags.items() if key not in gone}))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of an alarm."""
    alarm = _need(ctx, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}
