"""Statistics of distributions, exact and in buckets."""

from __future__ import annotations

import math
import random

import pytest

from fairway.engine.control.statistics import UnknownStatistic, compute, needed_samples, read_statistic
from fairway.engine.model.metric import EXACT_VALUES, MOST_BUCKETS, merge, of_statistics, of_values

TEN = of_values({float(n): 1.0 for n in range(1, 11)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SampleCount", 10.0),
        ("Sum", 55.0),
        ("Average", 5.5),
        ("Minimum", 1.0),
        ("Maximum", 10.0),
        ("p0", 1.0),
        ("p10", 1.0),
        ("p50", 5.0),
        ("p90", 9.0),
        ("p90.1", 10.0),
        ("p100", 10.0),
        ("tm90", 5.0),
        ("TM(:90%)", 5.0),
        ("TM(20%:80%)", 5.5),
        ("TM(2:4)", 3.5),
        ("IQM", 5.5),
        ("tc90", 9.0),
        ("TC(2:4)", 2.0),
        ("ts90", 45.0),
        ("TS(80%:)", 19.0),
        ("wm90", 5.4),
        ("WM(10%:90%)", 5.4),
        ("PR(:3)", 30.0),
        ("PR(3:5)", 20.0),
        ("PR(8:)", 20.0),
    ],
)
def test_of_one_to_ten(name: str, value: float) -> None:
    assert compute(read_statistic(name), TEN) == pytest.approx(value)


@pytest.mark.parametrize(
    "name", ["", "average", "p101", "p", "pNN", "tm", "TM90", "PR(1%:2%)", "PR(:)", "TM(5:1)", "TM(1%:2)", "p1.2.3"]
)
def test_no_statistic(name: str) -> None:
    with pytest.raises(UnknownStatistic):
        read_statistic(name)


def test_values_with_counts_weigh() -> None:
    measured = of_values({0.01: 990.0, 2.0: 10.0})
    assert compute(read_statistic("p99"), measured) == 0.01
    assert compute(read_statistic("p99.1"), measured) == 2.0
    assert compute(read_statistic("Average"), measured) == pytest.approx((990 * 0.01 + 20) / 1000)


def test_a_statistic_set_has_no_percentiles_unless_all_its_values_are_the_same() -> None:
    assert compute(read_statistic("p50"), of_statistics(3, 9, 1, 5)) is None
    assert compute(read_statistic("p50"), of_statistics(1, 4, 4, 4)) == 4
    assert compute(read_statistic("p50"), of_statistics(3, 12, 4, 4)) == 4
    assert compute(read_statistic("Average"), of_statistics(3, 9, 1, 5)) == 3
    both = merge([of_statistics(3, 9, 1, 5), of_values({1.0: 1.0})])
    assert both is not None
    assert (both.count, both.total, both.maximum, both.is_raw) == (4, 10, 5, False)


def test_negative_values_have_no_percentiles() -> None:
    measured = of_values({-1.0: 1.0, 3.0: 1.0})
    assert compute(read_statistic("p50"), measured) is None
    assert compute(read_statistic("Minimum"), measured) == -1.0


@pytest.mark.parametrize("spread", [3.0, 9.0], ids=["1 %", "a few %"])
def test_many_values_stay_within_the_error_that_is_promised(spread: float) -> None:
    chance = random.Random(7)
    values = [math.exp(chance.gauss(-3, spread)) for _ in range(20_000)]
    parts = [of_values(dict.fromkeys(values[n : n + 1000], 1.0)) for n in range(0, len(values), 1000)]
    measured = merge(parts)
    assert measured is not None
    assert measured.level > 0
    assert len(measured.values) <= MOST_BUCKETS
    bound = 2 ** (measured.level - 1) * 0.011
    values.sort()
    for percent in (1, 25, 50, 90, 95, 99, 99.9):
        exact = values[math.ceil(len(values) * percent / 100) - 1]
        assert compute(read_statistic(f"p{percent}"), measured) == pytest.approx(exact, rel=bound)
    assert measured.total == pytest.approx(math.fsum(values))
    assert (measured.count, measured.minimum, measured.maximum) == (20_000, values[0], values[-1])


def test_few_values_are_exact() -> None:
    measured = merge([of_values({n / 7: 1.0}) for n in range(EXACT_VALUES)])
    assert measured is not None
    assert measured.level == 0
    assert compute(read_statistic("p50"), measured) == (EXACT_VALUES // 2 - 1) / 7


@pytest.mark.parametrize(("percent", "samples"), [(99, 1000), (50, 20), (10, 100), (90, 100), (100, math.inf)])
def test_how_many_samples_a_percentile_needs(percent: float, samples: float) -> None:
    assert needed_samples(percent) == pytest.approx(samples)
