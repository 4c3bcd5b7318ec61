"""Counts durations in buckets whose width grows with the duration: any percentile within 1.6 %, in little memory.

As HdrHistogram does it: 64 buckets for each doubling; up to 127 microseconds each has its own.
"""

from __future__ import annotations

from typing import Final

_EXACT_BITS: Final = 7
_PER_DOUBLING: Final = 1 << (_EXACT_BITS - 1)
_MICROSECONDS: Final = 1_000_000


class Histogram:
    """Durations in seconds; one below zero counts as zero."""

    __slots__ = ("_buckets", "count", "greatest", "total_seconds")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.greatest = 0.0
        self.total_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        index = _bucket(int(seconds * _MICROSECONDS))
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self.count += 1
        self.total_seconds += seconds
        self.greatest = max(self.greatest, seconds)

    def percentile(self, percent: float) -> float | None:
        """The duration that `percent` of all did not exceed, in seconds; None: nothing was counted."""
        if self.count == 0:
            return None
        wanted = max(1.0, self.count * percent / 100)
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= wanted:
                return min(_highest(index) / _MICROSECONDS, self.greatest)
        return self.greatest

    @property
    def mean(self) -> float | None:
        return self.total_seconds / self.count if self.count else None


def _bucket(microseconds: int) -> int:
    value = max(microseconds, 0)
    doublings = max(value.bit_length() - _EXACT_BITS, 0)
    return doublings * _PER_DOUBLING + (value >> doublings)


def _highest(bucket: int) -> int:
    """The greatest number of microseconds that falls into a bucket."""
    doublings = max(bucket // _PER_DOUBLING - 1, 0)
    return ((bucket - doublings * _PER_DOUBLING + 1) << doublings) - 1
