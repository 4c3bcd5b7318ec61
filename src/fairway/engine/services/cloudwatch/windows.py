"""Statistics of a metric over periods: what both kinds of reading, and alarms, are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.control.statistics import compute
from fairway.engine.model.metric import Distribution, MetricKey, merge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.engine.control.statistics import Statistic
    from fairway.engine.model.metric import Point
    from fairway.engine.store.metrics import MetricStore

MINUTE: Final = 60
HIGH_RESOLUTION_PERIODS: Final = frozenset({1, 5, 10, 20, 30})


def is_period(seconds: int) -> bool:
    """A period that CloudWatch takes: 1, 5, 10, 20, 30, or a multiple of 60."""
    return seconds in HIGH_RESOLUTION_PERIODS or (seconds > 0 and seconds % MINUTE == 0)


def gather(
    store: MetricStore, key: MetricKey, starts: Iterable[int], period: int, unit: str | None = None
) -> dict[int, Distribution]:
    """What was measured in each of the periods that begin at `starts` (ascending, each one `period` long)."""
    begins = list(starts)
    if not begins:
        return {}
    first = begins[0]
    points = store.points(key, first, begins[-1] + period, resolution=_resolution(period), unit=unit)
    return {first + n * period: whole for n, whole in _by_period(points, first, period).items()}


def gather_by_unit(
    store: MetricStore, key: MetricKey, first: int, end: int, period: int, unit: str | None
) -> dict[tuple[int, str], Distribution]:
    """The same by start of the period and unit."""
    points = store.points(key, first, end, resolution=_resolution(period), unit=unit)
    found: dict[tuple[int, str], Distribution] = {}
    for name in dict.fromkeys(point.unit for point in points):
        own = [point for point in points if point.unit == name]
        found |= {(first + n * period, name): whole for n, whole in _by_period(own, first, period).items()}
    return found


def _resolution(period: int) -> int:
    return 1 if period < MINUTE else MINUTE


def _by_period(points: Iterable[Point], first: int, period: int) -> dict[int, Distribution]:
    parts: dict[int, list[Distribution]] = {}
    for point in points:
        parts.setdefault((point.start - first) // period, []).append(point.measured)
    merged = {n: merge(several) for n, several in sorted(parts.items())}
    return {n: whole for n, whole in merged.items() if whole is not None}


def values(measured: dict[int, Distribution], statistic: Statistic) -> dict[int, float]:
    """The statistic of each period that has one."""
    computed = ((start, compute(statistic, whole)) for start, whole in measured.items())
    return {start: value for start, value in computed if value is not None}
