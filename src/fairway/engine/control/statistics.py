"""Statistics of what was measured: Sum, Average, p99, TM(10%:90%), PR(:300) and their like.

Source: CloudWatch User Guide, "CloudWatch statistics definitions". How CloudWatch interpolates between two values is not
documented: here a percentile is the smallest value that so many percent of all values do not exceed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairway.engine.model.metric import Distribution

_PLAIN: Final[dict[str, Callable[[Distribution], float]]] = {
    "SampleCount": lambda d: d.count,
    "Sum": lambda d: d.total,
    "Average": lambda d: d.total / d.count,
    "Minimum": lambda d: d.minimum,
    "Maximum": lambda d: d.maximum,
}
PLAIN: Final = frozenset(_PLAIN)
"""The statistics that need no values."""
_SINGLE: Final = re.compile(r"(p|tm|tc|ts|wm)([0-9]{1,3}(?:\.[0-9]{1,10})?)")
_RANGE: Final = re.compile(r"(TM|TC|TS|WM|PR)\(([0-9.]*)(%?):([0-9.]*)(%?)\)")


class UnknownStatistic(ValueError):
    """CloudWatch has no such statistic."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic, read from its name."""

    name: str
    kind: str
    """A plain name, or one of p, TM, TC, TS, WM, PR."""
    low: float = 0.0
    high: float = math.inf
    percent: bool = False
    """The bounds are percentages of the values, not values."""

    @property
    def percentile(self) -> float | None:
        """95.0 of p95; None of everything else."""
        return self.high if self.kind == "p" else None


def read_statistic(name: str) -> Statistic:
    """The statistic of a name.

    Raises:
        UnknownStatistic: there is none.
    """
    if name in _PLAIN:
        return Statistic(name, name)
    if name == "IQM":
        return Statistic(name, "TM", 25.0, 75.0, percent=True)
    single = _SINGLE.fullmatch(name)
    if single is not None:
        kind = single[1] if single[1] == "p" else single[1].upper()
        return Statistic(name, kind, 0.0, _percent(name, single[2]), percent=True)
    match = _RANGE.fullmatch(name)
    if match is None or not (match[2] or match[4]) or (match[2] and match[4] and match[3] != match[5]):
        raise UnknownStatistic(name)
    percent = bool(match[3] or match[5])
    if match[1] == "PR" and percent:
        raise UnknownStatistic(name)
    read = _percent if percent else _number
    low = read(name, match[2]) if match[2] else (0.0 if percent else -math.inf)
    high = read(name, match[4]) if match[4] else (100.0 if percent else math.inf)
    if low > high:
        raise UnknownStatistic(name)
    return Statistic(name, match[1], low, high, percent)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UnknownStatistic(name) from None


def _percent(name: str, text: str) -> float:
    value = _number(name, text)
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise UnknownStatistic(name)
    return value


def compute(statistic: Statistic, measured: Distribution) -> float | None:
    """The statistic's value; None where there is none: values that are not known, or negative ones, have no percentiles."""
    plain = _PLAIN.get(statistic.kind)
    if plain is not None:
        return plain(measured)
    if not measured.is_raw or measured.minimum < 0:
        return None
    match statistic.kind:
        case "p":
            return percentile(measured, statistic.high)
        case "WM":
            return _winsorized_mean(measured, statistic)
        case "PR":
            inside = _inside(measured, statistic)
            return 100.0 * math.fsum(times for _, times in inside) / measured.count
    inside = _inside(measured, statistic)
    count = math.fsum(times for _, times in inside)
    total = math.fsum(value * times for value, times in inside)
    match statistic.kind:
        case "TC":
            return count
        case "TS":
            return total
        case _:
            return total / count if count else None


def percentile(measured: Distribution, percent: float) -> float:
    """The smallest value that `percent` of all values do not exceed; p0 is the smallest, p100 the largest."""
    if percent <= 0:
        return measured.minimum
    if percent >= 100:  # noqa: PLR2004 - percent
        return measured.maximum
    wanted = measured.count * percent / 100
    seen = 0.0
    for value, times in measured.values:
        seen += times
        if seen >= wanted - 1e-9:
            return min(max(value, measured.minimum), measured.maximum)
    return measured.maximum


def _inside(measured: Distribution, statistic: Statistic) -> list[tuple[float, float]]:
    """The values, with how much of each, that lie within the bounds."""
    if not statistic.percent:
        return [(value, times) for value, times in measured.values if statistic.low < value <= statistic.high]
    first, last = measured.count * statistic.low / 100, measured.count * statistic.high / 100
    found, seen = [], 0.0
    for value, times in measured.values:
        share = min(seen + times, last) - max(seen, first)
        if share > 0:
            found.append((value, share))
        seen += times
    return found


def _winsorized_mean(measured: Distribution, statistic: Statistic) -> float:
    if statistic.percent:
        low, high = percentile(measured, statistic.low), percentile(measured, statistic.high)
    else:
        low, high = statistic.low, statistic.high
    clamped = math.fsum(min(max(value, low), high) * times for value, times in measured.values)
    return clamped / measured.count


def needed_samples(percent: float) -> float:
    """Below so many values a percentile says little.

    p99 -> 1000     p50 -> 20     p10 -> 100
    Source: CloudWatch User Guide, "Percentile-based alarms and low data samples".
    """
    share = percent / 100
    tail = 1 - share if share >= 0.5 else share  # noqa: PLR2004 - the page's border
    return math.inf if tail <= 0 else round(10 / tail, 6)
