"""Tags of clusters, services, tasks and task definitions, and account settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.ecs.faults import InvalidParameterException, ResourceNotFoundException
from fairway.engine.services.ecs.names import read_tags, show_tags
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.store.schema import CLUSTERS, NOTES, SERVICES, TASK_DEFINITIONS, TASKS, Note

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

_TABLES: Final[dict[str, Any]] = {
    "cluster": CLUSTERS,
    "service": SERVICES,
    "task": TASKS,
    "task-definition": TASK_DEFINITIONS,
}
_SETTINGS: Final = {
    "serviceLongArnFormat": "enabled",
    "taskLongArnFormat": "enabled",
    "containerInstanceLongArnFormat": "enabled",
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "dualStackIPv6": "enabled",
    "tagResourceAuthorization": "off",
    "defaultLogDriverMode": "non-blocking",
}


def _find(ctx: Context, arn: str) -> tuple[Any, Any]:
    """The table and the entity of an ARN.

    Raises:
        InvalidParameterException: not an ARN of a kind that has tags.
        ResourceNotFoundException: no such resource.
    """
    kind = arn.split(":", 5)[-1].partition("/")[0]
    table = _TABLES.get(kind)
    if table is None:
        raise InvalidParameterException(
            f"Invalid identifier: Identifier is for {kind}. Accepted types are: " + ", ".join(_TABLES)
        )
    entity = ctx.store.get(table, arn)
    if entity is None:
        raise ResourceNotFoundException(
            "The specified resource was not found. Specify a valid resource ARN and try again."
        )
    return table, entity


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags, or change their values."""
    table, entity = _find(ctx, request["resourceArn"])
    tags = {**entity.tags, **read_tags(request)}
    if len(tags) > 50:  # noqa: PLR2004 - AWS's limit
        raise InvalidParameterException("The number of tags exceeds the limit of 50.")
    with ctx.store.transaction() as tx:
        tx.put(table, replace(entity, tags=tags))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags by key."""
    table, entity = _find(ctx, request["resourceArn"])
    gone = set(request["tagKeys"])
    with ctx.store.transaction() as tx:
        tx.put(table, replace(entity, tags={k: v for k, v in entity.tags.items() if k not in gone}))
    return {}


@OPERATIONS.operation("ListTagsForResource")
def list_tags_for_resource(ctx: Context, request: Request) -> Response:
    """The tags of a resource."""
    _, entity = _find(ctx, request["resourceArn"])
    return {"tags": show_tags(entity.tags)}


@OPERATIONS.operation("ListAccountSettings", ignores=("effectiveSettings",))
def list_account_settings(ctx: Context, request: Request) -> Response:
    """The settings with their values, the defaults where nobody set any."""
    wanted = request.get("name")
    shown = []
    for name, default in _SETTINGS.items():
        note = ctx.store.get(NOTES, f"setting|{ctx.region}|{name}")
        value = default if note is None else note.value
        if wanted in {None, name} and request.get("value") in {None, value}:
            principal = f"arn:aws:iam::{ctx.account}:root"
            shown.append({"name": name, "value": value, "principalArn": principal, "type": "user"})
    return {"settings": shown}


@OPERATIONS.operation("PutAccountSetting")
def put_account_setting(ctx: Context, request: Request) -> Response:
    """Set a setting for the account."""
    name, value = request["name"], request["value"]
    if name not in _SETTINGS:
        raise InvalidParameterException(f"Unknown account setting {name}: this engine has {', '.join(_SETTINGS)}.")
    with ctx.store.transaction() as tx:
        tx.put(NOTES, Note(f"setting|{ctx.region}|{name}", value))
    return {
        "setting": {"name": name, "value": value, "principalArn": f"arn:aws:iam::{ctx.account}:root", "type": "user"}
    }
