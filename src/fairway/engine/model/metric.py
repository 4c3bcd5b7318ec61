"""Metrics of CloudWatch: which they are, and what was measured of them in a span of time.

A distribution keeps each value with how often it occurred, so that percentiles are those of the values themselves. It is
exact for up to 200 different values in one span (a minute); with more of them values are put into logarithmic buckets of
+/- 1 % of the value, and only when even those are too many into buckets of twice the width, and so on. Count, sum, minimum
and maximum are always exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXACT_VALUES: Final = 200
"""Different values of a span that are kept as they are."""
MOST_BUCKETS: Final = 500
_GAMMA: Final = 1.02


@dataclass(frozen=True, slots=True, order=True)
class MetricKey:
    """A metric of one region: namespace, name and dimensions, which are sorted by their names."""

    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """What was measured in one span of time."""

    count: float
    total: float
    minimum: float
    maximum: float
    values: tuple[tuple[float, float], ...]
    """(value, how often), smallest first; empty when only a statistic set was given: then there are no percentiles."""
    level: int = 0
    """0: values are exact; n: they may be off by 2 ** (n - 1) percent."""

    @property
    def is_raw(self) -> bool:
        """Every value is known, so that percentiles are."""
        return bool(self.values)


@dataclass(frozen=True, slots=True)
class Datum:
    """Something measured, at a time."""

    key: MetricKey
    at: int
    """Epoch seconds."""
    measured: Distribution
    unit: str = "None"
    high_resolution: bool = False
    """Kept for each second, for three hours, beside the minute."""


@dataclass(frozen=True, slots=True)
class Point:
    """What is known of a metric in one span."""

    start: int
    """Epoch seconds."""
    unit: str
    measured: Distribution


def of_values(values: Mapping[float, float]) -> Distribution:
    """The distribution of (value -> how often); all counts above zero, at least one of them."""
    total = math.fsum(value * times for value, times in values.items())
    pairs, level = _reduce(dict(values), 0)
    return Distribution(math.fsum(values.values()), total, min(values), max(values), pairs, level)


def of_statistics(count: float, total: float, minimum: float, maximum: float) -> Distribution:
    """The distribution of a statistic set. Its values are known when it is one value, or all are the same.

    Source: CloudWatch API Reference, PutMetricData.
    """
    known = minimum == maximum and math.isclose(total, minimum * count, rel_tol=1e-9, abs_tol=1e-12)
    return Distribution(count, total, minimum, maximum, ((minimum, count),) if known else ())


def merge(parts: Iterable[Distribution]) -> Distribution | None:
    """All of them as one; None of nothing. Where one part's values are not known, those of the whole are not."""
    found = list(parts)
    if len(found) < 2:  # noqa: PLR2004 - nothing to merge
        return found[0] if found else None
    level = max(part.level for part in found)
    values: dict[float, float] = {}
    if all(part.is_raw for part in found):
        for part in found:
            for value, times in part.values:
                kept = value if part.level == level else _bucket(value, level)
                values[kept] = values.get(kept, 0.0) + times
    pairs, level = _reduce(values, level)
    return Distribution(
        math.fsum(part.count for part in found),
        math.fsum(part.total for part in found),
        min(part.minimum for part in found),
        max(part.maximum for part in found),
        pairs,
        level,
    )


def _reduce(values: dict[float, float], level: int) -> tuple[tuple[tuple[float, float], ...], int]:
    while len(values) > (MOST_BUCKETS if level else EXACT_VALUES):
        level += 1
        wider: dict[float, float] = {}
        for value, times in values.items():
            bucket = _bucket(value, level)
            wider[bucket] = wider.get(bucket, 0.0) + times
        values = wider
    return tuple(sorted(values.items())), level


def _bucket(value: float, level: int) -> float:
    """The value that stands for all values of a bucket: the middle of it."""
    if value == 0.0:
        return 0.0
    width = math.log(_GAMMA) * 2 ** (level - 1)
    middle = math.exp((math.floor(math.log(abs(value)) / width) + 0.5) * width)
    return math.copysign(middle, value)
