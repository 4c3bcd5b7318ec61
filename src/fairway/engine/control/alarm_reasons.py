"""What CloudWatch says of an alarm's state: `StateReason`, `StateReasonData`, and the items of its history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.alarms import starts, window_end
from fairway.engine.model.alarm import Alarm, AlarmHistory, AlarmState, MissingData

if TYPE_CHECKING:
    from fairway.engine.control.alarms import Point, Verdict
    from fairway.engine.model.alarm import Watch

_COMPARED: Final = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED: Final = {MissingData.BREACHING: "Breaching", MissingData.NOT_BREACHING: "NonBreaching"}
_MOST_REASON: Final = 1023


def reason(watch: Watch, verdict: Verdict) -> str:
    """`StateReason`, in CloudWatch's words."""
    if verdict.state is AlarmState.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_count(verdict.filled, 'datapoint')} {_was(verdict.filled)} unknown."
    if not verdict.points:
        return (
            f"Threshold Crossed: no datapoints were received for {_count(verdict.filled, 'period')} and "
            f"{_count(verdict.filled, 'missing datapoint')} {_was(verdict.filled)} treated as "
            f"[{_TREATED.get(watch.missing, 'Missing')}]."
        )
    alarmed = verdict.state is AlarmState.ALARM
    told = verdict.breaching if alarmed else len(verdict.points) - verdict.breaching
    shown = ", ".join(f"{point.value} ({_day(point.start)})" for point in verdict.points)
    needed = watch.datapoints_to_alarm if alarmed else max(1, watch.evaluation_periods - watch.datapoints_to_alarm + 1)
    text = (
        f"Threshold Crossed: {told} out of the last {len(verdict.points)} datapoints [{shown}] {_was(told)} "
        f"{'' if alarmed else 'not '}{_COMPARED[watch.operator]} the threshold ({watch.threshold}) "
        f"(minimum {_count(needed, 'datapoint')} for {'OK -> ALARM' if alarmed else 'ALARM -> OK'} transition)."
    )
    treated = _TREATED.get(watch.missing)
    if verdict.filled and treated:
        text += f" {_count(verdict.filled, 'missing datapoint')} {_was(verdict.filled)} treated as [{treated}]."
    return text[:_MOST_REASON]


def reason_data(watch: Watch, verdict: Verdict, now: datetime) -> str:
    """`StateReasonData`."""
    single = watch.queries[0] if not watch.is_math else None
    document: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now)}
    if verdict.points:
        document["startDate"] = _seconds(min(point.start for point in verdict.points))
    elif verdict.state is not AlarmState.INSUFFICIENT_DATA:
        document["startDate"] = _seconds(starts(watch, window_end(watch, now))[-watch.evaluation_periods])
    if single is not None and single.unit is not None:
        document["unit"] = single.unit
    if single is not None:
        document["statistic"] = single.statistic
    document |= {
        "period": watch.period,
        "recentDatapoints": [point.value for point in reversed(verdict.points)],
        "threshold": watch.threshold,
        "evaluatedDatapoints": [_point(point) for point in verdict.points],
    }
    return json.dumps(document, separators=(",", ":"))


def _point(point: Point) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": _seconds(point.start)}
    if point.samples is not None:
        shown["sampleCount"] = point.samples
    return shown | {"value": point.value}


def moved(alarm: Alarm, state: AlarmState, text: str, data: str | None, now: datetime) -> Alarm:
    """The alarm in a state."""
    changed = replace(alarm, state=state, reason=text, reason_data=data, state_updated_at=now)
    return changed if state is alarm.state else replace(changed, transitioned_at=now)


def state_update(before: Alarm, after: Alarm, identifier: str, now: datetime) -> AlarmHistory:
    """The history item of a change of state."""
    document = {"version": "1.0", "oldState": _state(before), "newState": _state(after)}
    return AlarmHistory(
        identifier,
        after.region,
        after.name,
        after.type_name,
        now,
        "StateUpdate",
        f"Alarm updated from {before.state} to {after.state}",
        json.dumps(document, separators=(",", ":")),
    )


def _state(alarm: Alarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": str(alarm.state), "stateReason": alarm.reason}
    if alarm.reason_data:
        try:
            shown["stateReasonData"] = json.loads(alarm.reason_data)
        except ValueError:
            shown["stateReasonData"] = alarm.reason_data  # SetAlarmState takes any text
    return shown


def configuration_update(
    alarm: Alarm, action: str, document: dict[str, Any], identifier: str, now: datetime
) -> AlarmHistory:
    """The history item of a change of the configuration; `action`: Create, Update or Delete."""
    data = {"version": "1.0", "type": action, f"{action.lower()}dAlarm": document}
    told = {"Create": "created", "Update": "updated", "Delete": "deleted"}[action]
    return AlarmHistory(
        identifier,
        alarm.region,
        alarm.name,
        alarm.type_name,
        now,
        "ConfigurationUpdate",
        f'Alarm "{alarm.name}" {told}',
        json.dumps(data, separators=(",", ":")),
    )


def stamp(moment: datetime) -> str:
    """A moment as 2026-01-31T12:00:00.000+0000."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _seconds(start: int) -> str:
    return stamp(datetime.fromtimestamp(start, UTC))


def _day(start: int) -> str:
    return datetime.fromtimestamp(start, UTC).strftime("%d/%m/%y %H:%M:%S")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
