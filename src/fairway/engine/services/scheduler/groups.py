"""Schedule groups, and their tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.schedule import ScheduleGroup, group_arn, group_index
from fairway.engine.services.pages import page_of
from fairway.engine.services.scheduler.table import (
    DEFAULT_GROUP,
    OPERATIONS,
    ConflictException,
    ResourceNotFoundException,
    ValidationException,
    find_group,
    need_group,
)
from fairway.engine.store.schema import SCHEDULE_GROUPS, SCHEDULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

_MOST_TAGS: Final = 50
_PAGE: Final = 100


def _read_tags(items: list[Mapping[str, str]], before: Mapping[str, str] | None = None) -> dict[str, str]:
    tags = {**(before or {}), **{item["Key"]: item["Value"] for item in items}}
    if len(tags) > _MOST_TAGS:
        raise ValidationException(f"A schedule group has at most {_MOST_TAGS} tags.")
    if any(item["Key"].lower().startswith("aws:") for item in items):
        raise ValidationException("Tag keys that begin with aws: are reserved for AWS use.")
    return tags


def _show(group: ScheduleGroup) -> dict[str, Any]:
    return {
        "Arn": group.arn,
        "Name": group.name,
        "State": "ACTIVE",
        "CreationDate": group.created_at,
        "LastModificationDate": group.modified_at,
    }


@OPERATIONS.operation("CreateScheduleGroup")
def create_schedule_group(ctx: Context, request: Request) -> Response:
    """Create a group; a repetition with the same token is answered alike."""
    name, token = request["Name"], request.get("ClientToken")
    arn, tags = group_arn(ctx.region, ctx.account, name), _read_tags(request.get("Tags", []))
    living = find_group(ctx, name)
    if living is not None:
        if token is None or token != living.client_token or tags != living.tags:
            raise ConflictException(f"Schedule group {name} already exists.")
        return {"ScheduleGroupArn": arn}
    with ctx.store.transaction() as tx:
        tx.put(SCHEDULE_GROUPS, ScheduleGroup(arn, name, ctx.region, ctx.now, ctx.now, tags, token))
    return {"ScheduleGroupArn": arn}


@OPERATIONS.operation("GetScheduleGroup")
def get_schedule_group(ctx: Context, request: Request) -> Response:
    """A group."""
    return _show(need_group(ctx, request["Name"]))


@OPERATIONS.operation("ListScheduleGroups")
def list_schedule_groups(ctx: Context, request: Request) -> Response:
    """The groups of the region by name."""
    stored = {group.name: group for group in ctx.store.find(SCHEDULE_GROUPS, "region", ctx.region)}
    groups = {DEFAULT_GROUP: need_group(ctx, DEFAULT_GROUP), **stored}
    named = [groups[name] for name in sorted(groups) if name.startswith(request.get("NamePrefix", ""))]
    shown, token = page_of(named, request.get("NextToken"), request.get("MaxResults", _PAGE), ValidationException)
    return {"ScheduleGroups": [_show(group) for group in shown]} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DeleteScheduleGroup", ignores=("ClientToken",))
def delete_schedule_group(ctx: Context, request: Request) -> Response:
    """Delete a group and its schedules; it takes no time here, so that nobody sees it in the state DELETING.

    Source: EventBridge Scheduler User Guide, "Deleting a schedule group".
    """
    name = request["Name"]
    if name == DEFAULT_GROUP:
        raise ValidationException("The default schedule group cannot be deleted.")
    group = need_group(ctx, name)
    with ctx.store.transaction() as tx:
        for schedule in ctx.store.find(SCHEDULES, "group", group_index(ctx.region, name)):
            tx.delete(SCHEDULES, schedule.arn)
        tx.delete(SCHEDULE_GROUPS, group.arn)
    return {}


# -- tags: of groups alone ---------------------------------------------------------------------------------------------


def _tagged(ctx: Context, arn: str) -> ScheduleGroup:
    group = find_group(ctx, arn.rsplit("/", 1)[-1])
    if group is None or group.arn != arn:
        raise ResourceNotFoundException(f"Resource {arn} does not exist.")
    return group


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags to a group, or change their values."""
    group = _tagged(ctx, request["ResourceArn"])
    with ctx.store.transaction() as tx:
        tx.put(SCHEDULE_GROUPS, replace(group, tags=_read_tags(request["Tags"], group.tags)))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags of a group by key."""
    group = _tagged(ctx, request["ResourceArn"])
    left = {key: value for key, value in group.tags.items() if key not in request["TagKeys"]}
    with ctx.store.transaction() as tx:
        tx.put(SCHEDULE_GROUPS, replace(group, tags=left))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a group."""
    group = _tagged(ctx, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in group.tags.items()]}
