"""In which state a metric alarm is, by its newest data points. Pure.

    evaluate(watch, points, state) -> Verdict

Source: CloudWatch User Guide, "Alarm evaluation", "Configuring how CloudWatch alarms treat missing data", "Percentile-based
alarms and low data samples".
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.control.statistics import needed_samples
from fairway.engine.model.alarm import AlarmState, MissingData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fairway.engine.model.alarm import Watch

_BREACHES: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
OPERATORS: Final = frozenset(_BREACHES)
"""The others compare with bands of anomaly detection."""
EXTRA_POINTS: Final = 2
"""The page gives one example of how many more points than EvaluationPeriods are looked at: 5 for 3."""
MINUTE: Final = 60
_DAY: Final = 86_400
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Point:
    """The statistic of one period."""

    start: int
    """Epoch seconds."""
    value: float | None
    """None: missing."""
    samples: float | None = None
    """How many values it is made of; None for expressions."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state that the points ask for, and which points decided."""

    state: AlarmState
    points: tuple[Point, ...] = ()
    """Real points that were evaluated, newest first."""
    breaching: int = 0
    """How many of them breach."""
    filled: int = 0
    """Missing points that were treated as TreatMissingData says."""
    keeps: bool = False
    """The current state is retained, whatever it is."""


def breaches(watch: Watch, value: float) -> bool:
    return _BREACHES[watch.operator](value, watch.threshold)


def range_of(watch: Watch) -> int:
    """How many points are looked at: the evaluation range."""
    return watch.evaluation_periods + EXTRA_POINTS


def evaluate(watch: Watch, points: Sequence[Point], state: AlarmState, percentile: float | None = None) -> Verdict:
    """The verdict over the points of the evaluation range, oldest first. `percentile`: 99.0 when the statistic is p99."""
    real = [point for point in points if point.value is not None][-watch.evaluation_periods :]
    newest_first = tuple(reversed(real))
    if _too_few_samples(watch, real, percentile):
        return Verdict(state, newest_first, keeps=True)
    breaching = sum(breaches(watch, point.value) for point in real if point.value is not None)
    filled = watch.evaluation_periods - len(real)
    if filled <= 0:
        return _judged(watch, newest_first, breaching, breaching, 0)
    match watch.missing:
        case MissingData.BREACHING:
            return _judged(watch, newest_first, breaching, breaching + filled, filled)
        case MissingData.NOT_BREACHING:
            return _judged(watch, newest_first, breaching, breaching, filled)
    if not real:
        if watch.missing is MissingData.MISSING:
            return Verdict(AlarmState.INSUFFICIENT_DATA, filled=filled)
        return Verdict(state, filled=filled, keeps=True)
    if breaching >= watch.datapoints_to_alarm or breaching < len(real):
        return _judged(watch, newest_first, breaching, breaching, filled)
    # every point that is there breaches, and there are too few of them: that is premature unless the oldest is old enough
    oldest = next(age for age, point in enumerate(points) if point.value is not None)
    if watch.missing is MissingData.MISSING and len(points) - oldest >= watch.datapoints_to_alarm:
        return Verdict(AlarmState.ALARM, newest_first, breaching, filled)
    return Verdict(state, newest_first, breaching, filled, keeps=True)


def _judged(watch: Watch, points: tuple[Point, ...], breaching: int, counted: int, filled: int) -> Verdict:
    alarmed = counted >= watch.datapoints_to_alarm
    return Verdict(AlarmState.ALARM if alarmed else AlarmState.OK, points, breaching, filled)


def _too_few_samples(watch: Watch, real: Sequence[Point], percentile: float | None) -> bool:
    if not watch.ignore_low_samples or percentile is None or not real:
        return False
    return sum(point.samples or 0.0 for point in real) < needed_samples(percentile)


# -- when --------------------------------------------------------------------------------------------------------------


def interval_seconds(watch: Watch) -> int:
    """How often an alarm is evaluated: each minute; each 10 s when its period is shorter; each hour when it looks at days."""
    if watch.period < MINUTE:
        return 10
    if watch.period * watch.evaluation_periods > _DAY:
        return _HOUR
    return MINUTE


def window_end(watch: Watch, now: datetime) -> int:
    """Where the newest period ends, in epoch seconds: the last full minute (10 s, hour) before now."""
    step = interval_seconds(watch)
    return int(now.timestamp()) // step * step


def next_evaluation(watch: Watch, now: datetime) -> datetime:
    return datetime.fromtimestamp(window_end(watch, now), UTC) + timedelta(seconds=interval_seconds(watch))


def starts(watch: Watch, end: int) -> list[int]:
    """Where the periods of the evaluation range begin, oldest first."""
    return [end - watch.period * n for n in range(range_of(watch), 0, -1)]
