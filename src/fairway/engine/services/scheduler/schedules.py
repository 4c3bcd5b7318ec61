"""Schedules: create, update, show, list, delete. The loops run them (`loops.schedules`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.ecs_target import CLUSTER_ARN, InvalidInput, run_task_request
from fairway.engine.control.recurrence import first_anchor, plan_schedule
from fairway.engine.control.schedule_expression import (
    At,
    Dialect,
    Expression,
    InvalidExpression,
    parse_expression,
    read_zone,
)
from fairway.engine.model.schedule import ENABLED, Schedule, group_index, schedule_arn
from fairway.engine.services.fault import not_here
from fairway.engine.services.pages import page_of
from fairway.engine.services.scheduler.table import (
    DEFAULT_GROUP,
    OPERATIONS,
    ConflictException,
    ValidationException,
    need_group,
    need_schedule,
)
from fairway.engine.store.schema import SCHEDULES
from fairway.ids import chance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response

_EARLIEST_START: Final = timedelta(minutes=5)
_PAGE: Final = 100
_REFUSED: Final = (
    "Target.EventBridgeParameters",
    "Target.EventBridgePutEventsV2Parameters",
    "Target.EventBridgePutRawEventsParameters",
    "Target.KinesisParameters",
    "Target.SageMakerPipelineParameters",
    "Target.SqsParameters",
    "Target.EcsParameters.LaunchType=FARGATE",
    "Target.EcsParameters.PlacementConstraints",
    "Target.EcsParameters.PlacementStrategy",
    "Target.EcsParameters.ReferenceId",
)
_IGNORED: Final = ("KmsKeyArn", "Target.RoleArn", "Target.DeadLetterConfig")
_SHOWN: Final = {
    "Description": "description",
    "StartDate": "start_at",
    "EndDate": "end_at",
    "KmsKeyArn": "kms_key_arn",
    "ActionAfterCompletion": "after_completion",
}


@OPERATIONS.operation("CreateSchedule", refuses=_REFUSED, ignores=_IGNORED)
def create_schedule(ctx: Context, request: Request) -> Response:
    """Create a schedule; a repetition with the same token is answered alike."""
    group, token = request.get("GroupName", DEFAULT_GROUP), request.get("ClientToken")
    expression = _check(request)
    need_group(ctx, group)
    arn = schedule_arn(ctx.region, ctx.account, group, request["Name"])
    living = ctx.store.get(SCHEDULES, arn)
    made = _read(ctx, request, arn, expression)
    if living is not None:
        if token is None or not _is_same(made, living):
            raise ConflictException(f"Schedule {request['Name']} already exists.")
        return {"ScheduleArn": arn}
    _check_dates(request, ctx, expression)
    with ctx.store.transaction() as tx:
        tx.put(SCHEDULES, plan_schedule(made, ctx.now, chance(ctx.ids)))
    return {"ScheduleArn": arn}


@OPERATIONS.operation("UpdateSchedule", refuses=_REFUSED, ignores=(*_IGNORED, "ClientToken"))
def update_schedule(ctx: Context, request: Request) -> Response:
    """Replace everything that a schedule says: what is not given is empty, or the default, afterwards.

    A rate goes on in its step when only other things change. Source: Scheduler API Reference, UpdateSchedule.
    """
    group = request.get("GroupName", DEFAULT_GROUP)
    expression = _check(request)
    need_group(ctx, group)
    living = need_schedule(ctx, group, request["Name"])
    made = replace(
        _read(ctx, request, living.arn, expression),
        created_at=living.created_at,
        client_token=living.client_token,
    )
    if made.start_at != living.start_at or made.end_at != living.end_at:
        _check_dates(request, ctx, expression)
    if _times(made) == _times(living):
        made = replace(made, anchor_at=living.anchor_at, due_at=living.due_at, next_at=living.next_at)
    else:
        made = plan_schedule(made, ctx.now, chance(ctx.ids))
    with ctx.store.transaction() as tx:
        tx.put(SCHEDULES, made)
    return {"ScheduleArn": living.arn}


# -- what is given -----------------------------------------------------------------------------------------------------


def _check(request: Request) -> Expression:
    """What the model does not say of a schedule; the expression that it has.

    Raises:
        ValidationException: something is wrong.
    """
    text = request["ScheduleExpression"]
    try:
        expression = parse_expression(text, Dialect.SCHEDULER)
    except InvalidExpression:
        raise ValidationException(f"Invalid Schedule Expression {text}.") from None
    try:
        read_zone(request.get("ScheduleExpressionTimezone", "UTC"))
    except InvalidExpression:
        raise ValidationException(
            f"Invalid Schedule Expression Timezone {request['ScheduleExpressionTimezone']}."
        ) from None
    window = request["FlexibleTimeWindow"]
    if window["Mode"] == "FLEXIBLE" and "MaximumWindowInMinutes" not in window:
        raise ValidationException("MaximumWindowInMinutes must be provided when the flexible time window is FLEXIBLE.")
    if window["Mode"] == "OFF" and "MaximumWindowInMinutes" in window:
        raise ValidationException("MaximumWindowInMinutes cannot be provided when the flexible time window is OFF.")
    _check_target(request["Target"])
    return expression


def _check_target(target: Mapping[str, Any]) -> None:
    if not CLUSTER_ARN.fullmatch(target["Arn"]):
        raise ValidationException(not_here(f"Target.Arn {target['Arn']}: another target than an ECS cluster"))
    if "EcsParameters" not in target:
        raise ValidationException("EcsParameters must be provided for the ECS target.")
    try:
        run_task_request(target, "", target.get("Input"))
    except InvalidInput as error:
        raise ValidationException(f"Invalid Target.Input: {error}.") from None


def _check_dates(request: Request, ctx: Context, expression: Expression) -> None:
    """StartDate and EndDate of what recurs; they are not looked at for what runs once."""
    start, end = request.get("StartDate"), request.get("EndDate")
    if isinstance(expression, At):
        return
    if start is not None and start < ctx.now - _EARLIEST_START:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end is not None and end <= ctx.now:
        raise ValidationException("The EndDate you specify must be in the future.")
    if start is not None and end is not None and end <= start:
        raise ValidationException("The EndDate you specify must come after the StartDate.")


def _read(ctx: Context, request: Request, arn: str, expression: Expression) -> Schedule:
    window = request["FlexibleTimeWindow"]
    return Schedule(
        arn=arn,
        name=request["Name"],
        group=request.get("GroupName", DEFAULT_GROUP),
        region=ctx.region,
        expression=request["ScheduleExpression"],
        target=dict(request["Target"]),
        created_at=ctx.now,
        modified_at=ctx.now,
        anchor_at=first_anchor(expression, ctx.now, request.get("StartDate")),
        timezone=request.get("ScheduleExpressionTimezone", "UTC"),
        state=request.get("State", ENABLED),
        window_minutes=window.get("MaximumWindowInMinutes"),
        client_token=request.get("ClientToken"),
        **{field: request.get(member) for member, field in _SHOWN.items()},
    )


def _is_same(made: Schedule, living: Schedule) -> bool:
    """The same was asked for, whenever it was."""
    return living == replace(
        made,
        created_at=living.created_at,
        modified_at=living.modified_at,
        anchor_at=living.anchor_at,
        due_at=living.due_at,
        next_at=living.next_at,
    )


def _times(schedule: Schedule) -> tuple[object, ...]:
    """All that says when it runs."""
    return (
        schedule.expression,
        schedule.timezone,
        schedule.state,
        schedule.start_at,
        schedule.end_at,
        schedule.window_minutes,
    )


# -- show, list, delete ------------------------------------------------------------------------------------------------


@OPERATIONS.operation("GetSchedule")
def get_schedule(ctx: Context, request: Request) -> Response:
    """A schedule with all that it says."""
    schedule = need_schedule(ctx, request.get("GroupName", DEFAULT_GROUP), request["Name"])
    window: dict[str, Any] = {"Mode": "OFF"}
    if schedule.window_minutes is not None:
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": schedule.window_minutes}
    shown = {
        "Arn": schedule.arn,
        "Name": schedule.name,
        "GroupName": schedule.group,
        "ScheduleExpression": schedule.expression,
        "ScheduleExpressionTimezone": schedule.timezone,
        "State": schedule.state,
        "CreationDate": schedule.created_at,
        "LastModificationDate": schedule.modified_at,
        "FlexibleTimeWindow": window,
        "Target": _show_target(schedule.target),
    }
    optional = {member: getattr(schedule, field) for member, field in _SHOWN.items()}
    return shown | {member: value for member, value in optional.items() if value is not None}


def _show_target(target: Mapping[str, Any]) -> dict[str, Any]:
    policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    shown = {**target, "RetryPolicy": policy | target.get("RetryPolicy", {})}
    shown["EcsParameters"] = {"TaskCount": 1, **target["EcsParameters"]}
    return shown


@OPERATIONS.operation("ListSchedules")
def list_schedules(ctx: Context, request: Request) -> Response:
    """Schedules of a group, or of all groups, by name."""
    if "GroupName" in request:
        need_group(ctx, request["GroupName"])
        found = ctx.store.find(SCHEDULES, "group", group_index(ctx.region, request["GroupName"]))
    else:
        found = ctx.store.find(SCHEDULES, "region", ctx.region)
    passing = [
        schedule
        for schedule in sorted(found, key=lambda schedule: (schedule.group, schedule.name))
        if schedule.name.startswith(request.get("NamePrefix", ""))
        and request.get("State", schedule.state) == schedule.state
    ]
    page, token = page_of(passing, request.get("NextToken"), request.get("MaxResults", _PAGE), ValidationException)
    shown = [
        {
            "Arn": schedule.arn,
            "Name": schedule.name,
            "GroupName": schedule.group,
            "State": schedule.state,
            "CreationDate": schedule.created_at,
            "LastModificationDate": schedule.modified_at,
            "Target": {"Arn": schedule.target["Arn"]},
        }
        for schedule in page
    ]
    return {"Schedules": shown} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DeleteSchedule", ignores=("ClientToken",))
def delete_schedule(ctx: Context, request: Request) -> Response:
    """Delete a schedule; what it has started goes on."""
    schedule = need_schedule(ctx, request.get("GroupName", DEFAULT_GROUP), request["Name"])
    with ctx.store.transaction() as tx:
        tx.delete(SCHEDULES, schedule.arn)
    return {}
