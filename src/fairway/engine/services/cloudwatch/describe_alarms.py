"""DescribeAlarms and DescribeAlarmsForMetric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.engine.control.alarm_rule import child_name, parse_rule
from fairway.engine.services.cloudwatch.queries import show_queries
from fairway.engine.services.cloudwatch.table import (
    OPERATIONS,
    ValidationError,
    paged,
    read_dimensions,
    show_dimensions,
)
from fairway.engine.store.schema import ALARMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.alarm import Alarm, Watch
    from fairway.engine.services.operation import Context, Request, Response

_RELATIVES = ("ChildrenOfAlarmName", "ParentsOfAlarmName")
_DEFAULT_TYPE = "MetricAlarm"


def show_alarm(alarm: Alarm) -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it."""
    shown: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmDescription": alarm.description,
        "AlarmConfigurationUpdatedTimestamp": alarm.updated_at,
        "ActionsEnabled": alarm.actions_enabled,
        "OKActions": list(alarm.ok_actions),
        "AlarmActions": list(alarm.alarm_actions),
        "InsufficientDataActions": list(alarm.insufficient_data_actions),
        "StateValue": str(alarm.state),
        "StateReason": alarm.reason,
        "StateReasonData": alarm.reason_data,
        "StateUpdatedTimestamp": alarm.state_updated_at,
        "StateTransitionedTimestamp": alarm.transitioned_at,
    }
    if alarm.watch is not None:
        shown |= _watch(alarm.watch)
    if alarm.rule is not None:
        shown["AlarmRule"] = alarm.rule
    return {name: value for name, value in shown.items() if value is not None}


def _watch(watch: Watch) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "EvaluationPeriods": watch.evaluation_periods,
        "Threshold": watch.threshold,
        "ComparisonOperator": watch.operator,
        "DatapointsToAlarm": watch.datapoints_to_alarm if watch.has_datapoints_to_alarm else None,
        "TreatMissingData": str(watch.missing) if watch.has_missing else None,
        "EvaluateLowSampleCountPercentile": watch.low_samples,
    }
    if watch.is_math:
        return shown | {"Metrics": show_queries(watch.queries)}
    (query,) = watch.queries
    plain = query.statistic in {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}
    return shown | {
        "MetricName": query.name,
        "Namespace": query.namespace,
        "Dimensions": show_dimensions(query.dimensions),
        "Period": query.period,
        "Unit": query.unit,
        ("Statistic" if plain else "ExtendedStatistic"): query.statistic,
    }


@OPERATIONS.operation("DescribeAlarms")
def describe_alarms(ctx: Context, request: Request) -> Response:
    """Alarms of the region in the order of their names; only metric alarms unless AlarmTypes or a name asks for more."""
    if request.get("AlarmNames") and request.get("AlarmNamePrefix"):
        raise ValidationError("AlarmNames and AlarmNamePrefix cannot both be specified.")
    relative = next((member for member in _RELATIVES if request.get(member)), None)
    if relative is not None:
        return _relatives(ctx, request, relative)
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
    types = request.get("AlarmTypes") or [_DEFAULT_TYPE]
    state, action = request.get("StateValue"), request.get("ActionPrefix")
    alarms = [
        alarm
        for alarm in _alarms(ctx)
        if alarm.type_name in types
        and alarm.name.startswith(prefix)
        and (not names or alarm.name in names)
        and state in (None, alarm.state)
        and (action is None or _acts(alarm, action))
    ]
    shown, token = paged(alarms, request, 50)
    return {
        "MetricAlarms": [show_alarm(alarm) for alarm in shown if not alarm.is_composite],
        "CompositeAlarms": [show_alarm(alarm) for alarm in shown if alarm.is_composite],
    } | token


def _alarms(ctx: Context) -> list[Alarm]:
    return sorted(ctx.store.find(ALARMS, "region", ctx.region), key=lambda alarm: alarm.name)


def _acts(alarm: Alarm, prefix: str) -> bool:
    arns = (*alarm.ok_actions, *alarm.alarm_actions, *alarm.insufficient_data_actions)
    return any(arn.startswith(prefix) for arn in arns)


def _relatives(ctx: Context, request: Request, member: str) -> Response:
    others = [name for name in request if name not in {member, "MaxRecords", "NextToken"}]
    if others:
        raise ValidationError(f"{member} goes with MaxRecords and NextToken alone, not with {others[0]}.")
    name, alarms = request[member], _alarms(ctx)
    brief: tuple[str, ...] = ("AlarmName", "AlarmArn")
    if member == "ChildrenOfAlarmName":
        parents = [alarm for alarm in alarms if alarm.name == name and alarm.rule is not None]
        wanted = {child_name(child) for parent in parents for child in parse_rule(parent.rule or "").children}
        found = [alarm for alarm in alarms if alarm.name in wanted]
        brief += ("StateValue", "StateUpdatedTimestamp")
    else:
        found = [alarm for alarm in alarms if alarm.rule is not None and _speaks_of(alarm.rule, name)]
    shown, token = paged(found, request, 50)

    def of(alarm: Alarm) -> dict[str, Any]:
        return {key: value for key, value in show_alarm(alarm).items() if key in brief}

    return {
        "MetricAlarms": [of(alarm) for alarm in shown if not alarm.is_composite],
        "CompositeAlarms": [of(alarm) for alarm in shown if alarm.is_composite],
    } | token


def _speaks_of(rule: str, name: str) -> bool:
    return name in {child_name(child) for child in parse_rule(rule).children}


@OPERATIONS.operation("DescribeAlarmsForMetric")
def describe_alarms_for_metric(ctx: Context, request: Request) -> Response:
    """The alarms that watch just this metric; expressions and composite alarms are not among them."""
    dimensions = read_dimensions(request.get("Dimensions", ()))
    found = [alarm for alarm in _alarms(ctx) if alarm.watch is not None and _watches(alarm.watch, request, dimensions)]
    return {"MetricAlarms": [show_alarm(alarm) for alarm in found]}


def _watches(watch: Watch, request: Mapping[str, Any], dimensions: tuple[tuple[str, str], ...]) -> bool:
    if watch.is_math:
        return False
    (query,) = watch.queries
    statistic = request.get("Statistic", request.get("ExtendedStatistic"))
    return (
        (query.namespace, query.name, query.dimensions) == (request["Namespace"], request["MetricName"], dimensions)
        and statistic in (None, query.statistic)
        and request.get("Period") in (None, query.period)
        and request.get("Unit") in (None, query.unit)
    )
