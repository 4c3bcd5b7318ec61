"""What CloudWatch sends to the default bus when an alarm changes its state.

Source: CloudWatch User Guide, "Alarm events and EventBridge".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.engine.loops.events import Happened
from fairway.engine.model.alarm import state_change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from fairway.engine.model.alarm import Alarm, MetricQuery, StateChange
    from fairway.engine.store.store import Change, Store


def alarm_events(store: Store, change: Change) -> Iterator[Happened]:
    """The event of one change, if it is a change of an alarm's state."""
    del store
    changed = state_change(change.before, change.after)
    if changed is not None:
        alarm = changed.alarm
        kind = "CloudWatch Alarm State Change"
        yield Happened(alarm.region, "aws.cloudwatch", kind, (alarm.arn,), lambda: state_detail(changed))


def state_detail(changed: StateChange) -> dict[str, Any]:
    """The `detail` of a change of state."""
    return {
        "alarmName": changed.alarm.name,
        "state": _state(changed.alarm),
        "previousState": _state(changed.previous),
        "configuration": _configuration(changed.alarm),
    }


def _state(alarm: Alarm) -> dict[str, Any]:
    shown = {"value": str(alarm.state), "reason": alarm.reason}
    shown["timestamp"] = _stamp(alarm.state_updated_at or alarm.updated_at)
    return shown | ({"reasonData": alarm.reason_data} if alarm.reason_data else {})


def _configuration(alarm: Alarm) -> dict[str, Any]:
    shown: dict[str, Any] = {} if alarm.description is None else {"description": alarm.description}
    if alarm.watch is None:
        return shown | {"alarmRule": alarm.rule}
    return shown | {"metrics": [_query(query, alarm.watch.is_math) for query in alarm.watch.queries]}


def _query(query: MetricQuery, is_math: bool) -> dict[str, Any]:  # noqa: FBT001 - which of two kinds of alarm
    shown: dict[str, Any] = {"id": query.id or "m1", "returnData": query.returns_data or not is_math}
    if query.label is not None:
        shown["label"] = query.label
    if query.expression is not None:
        return shown | {"expression": query.expression}
    metric = {"namespace": query.namespace, "name": query.name, "dimensions": dict(query.dimensions)}
    return shown | {"metricStat": {"metric": metric, "period": query.period, "stat": query.statistic}}


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"
