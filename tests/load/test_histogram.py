from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.load.histogram import Histogram, _bucket, _highest


def of(*seconds):
    histogram = Histogram()
    for one in seconds:
        histogram.add(one)
    return histogram


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(50, 0.050), (95, 0.095), (99, 0.099), (100, 0.100), (0, 0.001)],
)
def test_percentiles_of_one_to_a_hundred_milliseconds(percent, expected):
    histogram = of(*(number / 1000 for number in range(1, 101)))
    assert histogram.percentile(percent) == pytest.approx(expected, rel=0.016)


def test_nothing_has_no_percentile():
    assert (of().percentile(50), of().mean) == (None, None)


def test_no_percentile_is_above_what_was_seen():
    assert of(0.123456).percentile(99) == 0.123456


def test_a_duration_below_zero_counts_as_zero():
    assert of(-0.001).percentile(100) <= 0


@given(st.integers(0, 10**10))
def test_a_bucket_is_no_wider_than_its_promise(microseconds):
    highest = _highest(_bucket(microseconds))
    assert microseconds <= highest <= microseconds * 1.016 + 1
    assert _bucket(highest) == _bucket(microseconds)
    assert _bucket(highest + 1) == _bucket(microseconds) + 1
