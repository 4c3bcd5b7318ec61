"""PutMetricAlarm, PutCompositeAlarm, DeleteAlarms, EnableAlarmActions, DisableAlarmActions.

Source: CloudWatch API Reference, PutMetricAlarm, PutCompositeAlarm.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.alarm_reasons import configuration_update
from fairway.engine.control.alarm_rule import InvalidRule, child_name, parse_rule
from fairway.engine.control.alarms import OPERATORS
from fairway.engine.model.alarm import Alarm, MetricQuery, MissingData, Watch, alarm_arn
from fairway.engine.services.cloudwatch.describe_alarms import show_alarm
from fairway.engine.services.cloudwatch.queries import check_statistic, period_of, read_queries
from fairway.engine.services.cloudwatch.table import (
    OPERATIONS,
    InvalidParameterCombination,
    LimitExceeded,
    ResourceNotFound,
    ValidationError,
    read_dimensions,
)
from fairway.engine.services.cloudwatch.windows import is_period
from fairway.engine.services.fault import not_here
from fairway.engine.store.schema import ALARM_HISTORY, ALARMS
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.services.operation import Context, Request, Response

MOST_DELETED: Final = 100
MOST_QUERIES: Final = 20
MOST_ALARMS: Final = 5000
"""Of a region. Source: CloudWatch User Guide, "CloudWatch service quotas"."""
_ACTIONS: Final = ("OKActions", "AlarmActions", "InsufficientDataActions")
_HIGH_RESOLUTION: Final = frozenset({10, 20, 30})
_HOUR, _DAY, _WEEK = 3600, 86_400, 604_800
_SINGLE: Final = (
    "MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic",
)  # fmt: skip


@OPERATIONS.operation(
    "PutMetricAlarm",
    refuses=(
        "ThresholdMetricId",
        "EvaluationWindow",
        "WarmUpConfiguration",
        "EvaluationCriteria",
        "EvaluationInterval",
        "ActionConfiguration",
    ),
    ignores=_ACTIONS,
)
def put_metric_alarm(ctx: Context, request: Request) -> Response:
    """Create an alarm, or replace the configuration of one, whose state stays."""
    watch = _watch(request)
    _put(
        ctx,
        request,
        Alarm(
            alarm_arn(ctx.region, ctx.account, request["AlarmName"]),
            request["AlarmName"],
            ctx.region,
            ctx.now,
            watch=watch,
        ),
    )
    return {}


@OPERATIONS.operation(
    "PutCompositeAlarm",
    refuses=(
        "ActionsSuppressor",
        "ActionsSuppressorWaitPeriod",
        "ActionsSuppressorExtensionPeriod",
        "ActionConfiguration",
    ),
    ignores=_ACTIONS,
)
def put_composite_alarm(ctx: Context, request: Request) -> Response:
    """Create or replace an alarm that goes by the states of others."""
    name = request["AlarmName"]
    try:
        rule = parse_rule(request["AlarmRule"])
    except InvalidRule as error:
        raise ValidationError(f"AlarmRule is not valid: {error}") from None
    for child in rule.children:
        arn = alarm_arn(ctx.region, ctx.account, child_name(child))
        if ctx.store.get(ALARMS, arn) is None:
            raise ValidationError(
                f"Could not save the composite alarm as alarms [{child_name(child)}] in the alarm rule do not exist"
            )
    own = alarm_arn(ctx.region, ctx.account, name)
    _put(ctx, request, Alarm(own, name, ctx.region, ctx.now, rule=request["AlarmRule"]))
    return {}


def _put(ctx: Context, request: Request, fresh: Alarm) -> None:
    living = ctx.store.get(ALARMS, fresh.arn)
    if living is None and len(ctx.store.find(ALARMS, "region", ctx.region)) >= MOST_ALARMS:
        raise LimitExceeded(f"The quota of {MOST_ALARMS} alarms in a region is reached.")
    if living is not None and living.is_composite is not fresh.is_composite:
        raise ValidationError(f"{fresh.name} exists already, and is an alarm of the other type")
    if len(fresh.name) > 1 and fresh.name.startswith(" "):
        raise ValidationError("AlarmName must not begin with a space")
    alarm = replace(
        fresh,
        description=request.get("AlarmDescription"),
        actions_enabled=request.get("ActionsEnabled", True),
        ok_actions=_action_arns(request, "OKActions"),
        alarm_actions=_action_arns(request, "AlarmActions"),
        insufficient_data_actions=_action_arns(request, "InsufficientDataActions"),
        state_updated_at=ctx.now,
        transitioned_at=ctx.now,
        tags={tag["Key"]: tag["Value"] for tag in request.get("Tags", ())},
    )
    if living is not None:
        alarm = replace(
            alarm,
            state=living.state,
            reason=living.reason,
            reason_data=living.reason_data,
            state_updated_at=living.state_updated_at,
            transitioned_at=living.transitioned_at,
            tags=living.tags,
        )
    _record(ctx, alarm, "Create" if living is None else "Update", alarm)


def _record(ctx: Context, alarm: Alarm, action: str, after: Alarm | None) -> None:
    """Change the alarm, and note it in its history."""
    document = {
        name: value if isinstance(value, bool | int | float | str | list) else str(value)
        for name, value in show_alarm(alarm).items()
    }
    with ctx.store.transaction() as tx:
        tx.put(ALARM_HISTORY, configuration_update(alarm, action, document, uuid(ctx.ids), ctx.now))
        if after is None:
            tx.delete(ALARMS, alarm.arn)
        else:
            tx.put(ALARMS, after)


def _action_arns(request: Request, member: str) -> tuple[str, ...]:
    arns = tuple(request.get(member, ()))
    for arn in arns:
        if not arn.startswith("arn:"):
            raise ValidationError(f"Invalid arn syntax: {arn}")
    return arns


# -- what it watches ---------------------------------------------------------------------------------------------------


def _watch(request: Request) -> Watch:
    operator = _needed(request, "ComparisonOperator")
    if operator not in OPERATORS:
        raise ValidationError(not_here(f"ComparisonOperator {operator} (anomaly detection)"))
    threshold, count = _needed(request, "Threshold"), _needed(request, "EvaluationPeriods")
    points = request.get("DatapointsToAlarm", count)
    if points > count:
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    is_math = bool(request.get("Metrics"))
    queries = _metrics(request) if is_math else (_single(request),)
    watched = next(query for query in queries if query.returns_data)
    period = period_of(watched, queries)
    _check_span(period, count)
    low = request.get("EvaluateLowSampleCountPercentile")
    if low not in {None, "evaluate", "ignore"}:
        raise ValidationError(f"Option {low} is not supported for EvaluateLowSampleCountPercentile: evaluate or ignore")
    if low is not None and (is_math or not queries[0].statistic.startswith("p")):
        raise ValidationError("EvaluateLowSampleCountPercentile is only allowed when ExtendedStatistic is a percentile")
    missing = request.get("TreatMissingData", "missing")
    if missing not in set(MissingData):
        raise ValidationError(
            f"Option {missing} is not supported for TreatMissingData: breaching, notBreaching, ignore or missing"
        )
    return Watch(
        queries=queries,
        is_math=is_math,
        period=period,
        evaluation_periods=count,
        datapoints_to_alarm=points,
        has_datapoints_to_alarm="DatapointsToAlarm" in request,
        threshold=threshold,
        operator=operator,
        missing=MissingData(missing),
        has_missing="TreatMissingData" in request,
        ignore_low_samples=low == "ignore",
        low_samples=low,
    )


def _needed(request: Mapping[str, Any], member: str) -> Any:
    if member not in request:
        raise ValidationError(f"The parameter {member} is required.")
    return request[member]


def _single(request: Request) -> MetricQuery:
    name, namespace, period = (_needed(request, member) for member in ("MetricName", "Namespace", "Period"))
    given = [request[member] for member in ("Statistic", "ExtendedStatistic") if member in request]
    if len(given) != 1:
        raise InvalidParameterCombination("Exactly one of Statistic and ExtendedStatistic must be specified.")
    statistic: str = given[0]
    check_statistic(statistic, "ExtendedStatistic")
    if period not in _HIGH_RESOLUTION and period % 60:
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60")
    return MetricQuery(
        "m1",
        namespace,
        name,
        read_dimensions(request.get("Dimensions", ())),
        period,
        statistic,
        request.get("Unit"),
    )


def _metrics(request: Request) -> tuple[MetricQuery, ...]:
    mixed = [member for member in _SINGLE if member in request]
    if mixed:
        raise InvalidParameterCombination(f"The parameters Metrics and {mixed[0]} cannot both be specified.")
    if len(request["Metrics"]) > MOST_QUERIES:
        raise ValidationError(f"The collection Metrics must not have a size greater than {MOST_QUERIES}.")
    queries = read_queries(request["Metrics"], "Metrics")
    watched = [query for query in queries if query.returns_data]
    if len(watched) != 1:
        raise ValidationError("Exactly one element of the metrics list should return data.")
    if all(query.expression is not None for query in queries):
        raise ValidationError("Metrics list must contain at least one metric.")
    return queries


def _check_span(period: int, count: int) -> None:
    if period not in _HIGH_RESOLUTION and (not is_period(period) or period % 60):
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60")
    most = _DAY if period < _HOUR else _WEEK
    if period * count > most:
        raise ValidationError(f"EvaluationPeriods * Period must be <= {most}")


# -- without a new configuration ---------------------------------------------------------------------------------------


@OPERATIONS.operation("DeleteAlarms")
def delete_alarms(ctx: Context, request: Request) -> Response:
    """Delete alarms; those that are there go even when others are not."""
    names: Sequence[str] = request["AlarmNames"]
    if len(names) > MOST_DELETED:
        raise ValidationError(f"At most {MOST_DELETED} alarms can be deleted at once.")
    found = [ctx.store.get(ALARMS, alarm_arn(ctx.region, ctx.account, name)) for name in dict.fromkeys(names)]
    alarms = [alarm for alarm in found if alarm is not None]
    if sum(alarm.is_composite for alarm in alarms) > 1:
        raise ValidationError("At most one composite alarm can be deleted at once.")
    for alarm in alarms:
        parents = [name for name in parents_of(ctx, alarm.name) if name not in names]
        if parents:
            raise ValidationError(
                f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it: {', '.join(parents)}"
            )
    for alarm in alarms:
        _record(ctx, alarm, "Delete", None)
    return {}


def parents_of(ctx: Context, name: str) -> list[str]:
    """The composite alarms whose rules speak of an alarm."""
    composites = [alarm for alarm in ctx.store.find(ALARMS, "region", ctx.region) if alarm.rule is not None]
    return [
        alarm.name
        for alarm in composites
        if name in {child_name(child) for child in parse_rule(alarm.rule or "").children}
    ]


@OPERATIONS.operation("EnableAlarmActions")
def enable_alarm_actions(ctx: Context, request: Request) -> Response:
    """Let alarms act on changes of state again."""
    return _switch(ctx, request["AlarmNames"], enabled=True)


@OPERATIONS.operation("DisableAlarmActions")
def disable_alarm_actions(ctx: Context, request: Request) -> Response:
    """Let alarms change state without acting."""
    return _switch(ctx, request["AlarmNames"], enabled=False)


def _switch(ctx: Context, names: Sequence[str], *, enabled: bool) -> Response:
    for name in names:
        alarm = ctx.store.get(ALARMS, alarm_arn(ctx.region, ctx.account, name))
        if alarm is not None and alarm.actions_enabled is not enabled:
            changed = replace(alarm, actions_enabled=enabled, updated_at=ctx.now)
            _record(ctx, changed, "Update", changed)
    return {}


def need_alarm(ctx: Context, name: str) -> Alarm:
    """The alarm of a name.

    Raises:
        ResourceNotFound: there is none.
    """
    alarm = ctx.store.get(ALARMS, alarm_arn(ctx.region, ctx.account, name))
    if alarm is None:
        raise ResourceNotFound(f"Unknown alarm: {name}")
    return alarm
