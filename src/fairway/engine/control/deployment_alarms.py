"""How CloudWatch alarms fail a rolling deployment, and how long it is watched after its tasks stand.

Source: ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.model.alarm import AlarmState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.alarm import Alarm
    from fairway.engine.model.service import DeploymentConfiguration

REASON: Final = "ECS deployment alarms: alarm detected."
"""`rolloutStateReason`; AWS's own text is not known, that of the service event is."""
FAILED: Final = "deployment failed: alarm detected."
SHORTEST_BAKE: Final = timedelta(seconds=60)
LONGEST_BAKE: Final = timedelta(seconds=290)
"""By default it is "less than 5 minutes", and computed from the alarms."""


@dataclass(frozen=True, slots=True)
class WatchedAlarm:
    """What the scheduler sees of an alarm that a deployment names."""

    state: AlarmState
    window: timedelta = SHORTEST_BAKE
    """How far back it looks: its period times its evaluation periods."""


def observe(alarm: Alarm) -> WatchedAlarm:
    watch = alarm.watch
    if watch is None:
        return WatchedAlarm(alarm.state)
    return WatchedAlarm(alarm.state, timedelta(seconds=watch.period * watch.evaluation_periods))


def first_status(configuration: DeploymentConfiguration, alarms: Mapping[str, WatchedAlarm]) -> str:
    """`alarms.status` of a deployment that begins: with an alarm in ALARM already, none of them counts for all of it."""
    if not configuration.alarms_enable or triggered(configuration, alarms):
        return "DISABLED"
    return "MONITORING"


def triggered(configuration: DeploymentConfiguration, alarms: Mapping[str, WatchedAlarm]) -> tuple[str, ...]:
    """The alarms of a deployment that are in ALARM; one that does not exist is in no state."""
    states = {name: alarm.state for name, alarm in alarms.items()}
    return tuple(name for name in configuration.alarm_names if states.get(name) is AlarmState.ALARM)


def bake_time(configuration: DeploymentConfiguration, alarms: Mapping[str, WatchedAlarm]) -> timedelta:
    """How long alarms are watched after the new tasks stand and the old ones are scaled to zero.

    `bakeTimeInMinutes`; else the longest window of an alarm, within 60 and 290 s.
    """
    if configuration.bake_minutes:
        return timedelta(minutes=configuration.bake_minutes)
    windows = [alarms[name].window for name in configuration.alarm_names if name in alarms]
    return min(LONGEST_BAKE, max([SHORTEST_BAKE, *windows]))
