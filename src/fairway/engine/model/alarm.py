"""CloudWatch alarms: metric alarms, composite alarms, and their history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class AlarmState(StrEnum):
    """`StateValue`."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class MissingData(StrEnum):
    """`TreatMissingData`."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One of `Metrics`, or of `MetricDataQueries`: a metric with its statistic, or an expression."""

    id: str
    namespace: str = ""
    name: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    period: int = 60
    """Seconds."""
    statistic: str = ""
    unit: str | None = None
    expression: str | None = None
    label: str | None = None
    returns_data: bool = True


@dataclass(frozen=True, slots=True)
class Watch:
    """What a metric alarm evaluates. Source: CloudWatch API Reference, PutMetricAlarm."""

    queries: tuple[MetricQuery, ...]
    """One metric; or metrics and expressions, one of which returns data."""
    is_math: bool
    """Given as `Metrics`."""
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    has_datapoints_to_alarm: bool
    """It was given, so that it is shown."""
    threshold: float
    operator: str
    missing: MissingData = MissingData.MISSING
    has_missing: bool = False
    ignore_low_samples: bool = False
    low_samples: str | None = None
    """As it was given."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, with a `watch` or with a `rule`."""

    arn: str
    name: str
    region: str
    updated_at: datetime
    """The configuration."""
    watch: Watch | None = None
    rule: str | None = None
    """Of a composite alarm."""
    description: str | None = None
    actions_enabled: bool = True
    ok_actions: tuple[str, ...] = ()
    alarm_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    state: AlarmState = AlarmState.INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    state_updated_at: datetime | None = None
    """The last time that its state was set, even to what it was."""
    transitioned_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_composite(self) -> bool:
        return self.rule is not None

    @property
    def type_name(self) -> str:
        return "CompositeAlarm" if self.is_composite else "MetricAlarm"

    def actions_for(self, state: AlarmState) -> tuple[str, ...]:
        """The ARNs that are to be told when it comes into `state`."""
        by_state = {
            AlarmState.OK: self.ok_actions,
            AlarmState.ALARM: self.alarm_actions,
            AlarmState.INSUFFICIENT_DATA: self.insufficient_data_actions,
        }
        return by_state[state] if self.actions_enabled else ()


@dataclass(frozen=True, slots=True)
class AlarmHistory:
    """One of `AlarmHistoryItems`; kept for 30 days, and after the alarm is deleted."""

    id: str
    region: str
    alarm_name: str
    alarm_type: str
    at: datetime
    kind: str
    """`ConfigurationUpdate`, `StateUpdate` or `Action`."""
    summary: str
    data: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """An alarm came into another state: what event rules and notifications are made of.

    Whoever wants to know subscribes to the store and gives the entities of each change to `state_change`.
    """

    alarm: Alarm
    previous: Alarm


def state_change(before: Any, after: Any) -> StateChange | None:
    """The state change in a change of the store, if it is one."""
    if isinstance(before, Alarm) and isinstance(after, Alarm) and before.state is not after.state:
        return StateChange(after, before)
    return None


def alarm_arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
