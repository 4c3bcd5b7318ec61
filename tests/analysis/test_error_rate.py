"""The statistics against their references, and their risks against simulation."""

from __future__ import annotations

import math
import random
from itertools import product

import pytest

from fairway.analysis.error_rate import (
    ENOUGH,
    RISK,
    chance_of_so_few,
    evidence,
    is_shown_below,
    requests_needed,
    upper_bound,
)


@pytest.mark.parametrize(
    ("minutes", "limit", "expected"),
    [
        pytest.param([], 0.001, 1.0, id="nothing seen says nothing"),
        pytest.param([(3, 40)], 0.01, 18.0089, id="as computed by the reference"),
        pytest.param([(10, 1000)], 0.01, 4.94219e-05, id="exactly at the limit speaks against it"),
    ],
)
def test_evidence_without_the_cut(minutes, limit, expected):
    assert evidence(minutes, limit, most=math.inf) == pytest.approx(expected, rel=1e-5)


def test_the_order_of_minutes_does_not_matter():
    assert evidence([(3, 40), (0, 90), (7, 20)], 0.01) == pytest.approx(evidence([(7, 20), (3, 40), (0, 90)], 0.01))


def test_no_single_minute_decides_and_two_can():
    assert evidence([(1000, 1000)], 0.001) == pytest.approx(math.exp(3))
    assert evidence([(1000, 1000)], 0.001) < ENOUGH < evidence([(1000, 1000)] * 2, 0.001)


def test_a_good_beginning_does_not_hide_what_goes_wrong_later():
    seen = [(0, 1000)] * 10 + [(50, 1000)] * 3
    assert evidence(seen, 0.001) < 0.001, "begun once only, it would"
    assert evidence(seen[:-1], 0.001, planned=15) < ENOUGH
    assert evidence(seen, 0.001, planned=15) == pytest.approx(319.8, rel=1e-3)


def test_a_day_of_minutes_overflows_nothing():
    assert evidence([(50, 100)] * 1440, 0.001) > ENOUGH
    assert evidence([(0, 10**6)] * 1440, 0.001) == 0.0
    assert evidence([(50, 100)] * 1440, 0.001, planned=1440) > ENOUGH


@pytest.mark.parametrize("limit", [0.001, 0.05, 0.3])
@pytest.mark.parametrize("most", [3.0, math.inf])
@pytest.mark.parametrize("planned", [1, 2, 15])
def test_the_mean_of_the_evidence_is_at_most_one_whatever_rate_keeps_the_limit(limit, most, planned):
    """By enumeration of every outcome of two minutes: this is all that Ville's inequality needs."""
    sizes = (7, 5)
    for share in (0.1, 0.5, 0.9, 1.0):
        rate = share * limit
        mean = 0.0
        for counts in product(*(range(size + 1) for size in sizes)):
            chance = math.prod(
                math.comb(n, x) * rate**x * (1 - rate) ** (n - x) for x, n in zip(counts, sizes, strict=True)
            )
            mean += chance * evidence(list(zip(counts, sizes, strict=True)), limit, planned=planned, most=most)
        assert mean <= 1 + 1e-12


@pytest.mark.parametrize(
    ("failed", "limit", "expected"),
    [
        (0, 0.001, 2995), (1, 0.001, 4742), (2, 0.001, 6294), (3, 0.001, 7752),
        (0, 0.01, 299), (1, 0.01, 473), (0, 1.0, 1),
    ],
)  # fmt: skip
def test_requests_that_show_a_rate_below_a_limit(failed, limit, expected):
    assert requests_needed(failed, limit) == expected
    assert is_shown_below(failed, expected, limit)
    assert not is_shown_below(failed, expected - 1, limit)


@pytest.mark.parametrize(
    ("failed", "requests", "rate"), [(0, 10, 0.1), (3, 20, 0.4), (12, 20, 0.4), (19, 20, 0.9), (5, 5, 0.5)]
)
def test_the_binomial_sum_is_exact(failed, requests, rate):
    expected = sum(math.comb(requests, k) * rate**k * (1 - rate) ** (requests - k) for k in range(failed + 1))
    assert chance_of_so_few(failed, requests, rate) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("failed", "requests", "expected"), [(0, 2995, 0.001), (0, 10, 0.2589), (1, 10, 0.3942), (5, 5, 1.0)]
)
def test_the_upper_bound_is_clopper_and_pearsons(failed, requests, expected):
    assert upper_bound(failed, requests) == pytest.approx(expected, rel=1e-3)


def _minutes(chance, rate, per_minute, count):
    """Requests of each minute vary by half; of each some fail."""
    for _ in range(count):
        requests = chance.randint(per_minute // 2, per_minute * 3 // 2)
        yield (
            chance.binomialvariate(requests, rate)
            if hasattr(chance, "binomialvariate")
            else _binomial(chance, requests, rate),
            requests,
        )


def _binomial(chance, requests, rate):
    """By the gaps between failures, which are geometric: few draws where few fail."""
    count, at = 0, 0
    while True:
        at += 1 + int(math.log(1.0 - chance.random()) / math.log1p(-rate))
        if at > requests:
            return count
        count += 1


RUNS = 1500


@pytest.mark.parametrize(("per_minute", "seed"), [(60, 1), (600, 2), (6000, 3)])
def test_a_release_at_its_limit_is_rarely_called_over_it_however_often_one_looks(per_minute, seed):
    chance, limit = random.Random(seed), 0.001
    wrong = 0
    for _ in range(RUNS):
        seen = []
        for minute in _minutes(chance, limit, per_minute, 15):
            seen.append(minute)
            if evidence(seen, limit, planned=15) >= ENOUGH:
                wrong += 1
                break
    assert wrong <= 0.01 * RUNS, "the bound is 1 %, and the measured rate lies below it"


@pytest.mark.parametrize(("per_minute", "seed"), [(600, 4), (6000, 5)])
def test_a_release_at_its_limit_is_rarely_shown_below_it(per_minute, seed):
    chance, limit = random.Random(seed), 0.001
    wrong = 0
    for _ in range(RUNS):
        seen = list(_minutes(chance, limit, per_minute, 15))
        wrong += is_shown_below(sum(x for x, _ in seen), sum(n for _, n in seen), limit)
    assert wrong <= (RISK + 3 * math.sqrt(RISK * (1 - RISK) / RUNS)) * RUNS


@pytest.mark.parametrize(
    ("rate", "per_minute", "within", "seed"),
    [
        pytest.param(0.05, 300, 3, 6, id="5 % at 5 requests a second"),
        pytest.param(0.01, 600, 5, 7, id="1 % at 10 requests a second"),
        pytest.param(0.005, 3000, 5, 8, id="0.5 % at 50 requests a second"),
    ],
)
def test_a_bad_release_is_found_soon(rate, per_minute, within, seed):
    chance = random.Random(seed)
    found = sum(
        evidence(list(_minutes(chance, rate, per_minute, within)), 0.001, planned=15) >= ENOUGH for _ in range(200)
    )
    assert found >= 190
