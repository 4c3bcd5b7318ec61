"""Is the error rate over a limit, or below it? Two questions, two tests, each with its own known risk of being wrong.

**Over: asked each minute.** For a limit L, n requests of a minute and x failed ones, and a factor a > 1,

    e = a^x / (1 + L (a - 1))^n

is the likelihood ratio of an error rate whose odds are a times those of L against L itself. If the rate is L or less, its mean
is at most 1: E[a^X] = (1 + p (a - 1))^n grows with p. So the product over the minutes is a supermartingale, and by Ville's
inequality it ever reaches 1 / alpha with a chance of at most alpha, however often and whenever somebody looks (Ville 1939;
Wald, *Sequential Tests of Statistical Hypotheses*, 1945; Johari et al., "Always Valid Inference", Operations Research 2022).
The mean over several factors keeps that, and finds small excesses as well as large ones. The logarithm of each minute's e is
cut at 3: e only gets smaller, so the bound stays, and no single minute can decide (e^3 = 20 < 100).

What goes wrong late must not be outweighed by a good beginning. So the product is also begun anew with each minute of the
watch, and the weighted mean of all is what counts: half of the weight for the one from the first minute, the other half shared
by the later ones; one that has not begun is 1. A mean of such processes with weights fixed beforehand is one too (Shin, Ramdas,
Rinaldo, "E-detectors", arXiv 2203.03532). A clear excess is found in its second minute at
the beginning of a watch of 15 minutes, in its third later.

**Below: asked once, at the end.** Clopper and Pearson's exact bound (Biometrika 26, 1934): the rate is shown to be below L with
95 % when x failures or fewer would come about with a chance of at most 5 % if it were L:

    P(X <= x | n, L) <= 0.05        n = 2,995 for x = 0 and L = 0.1 %; 4,742 for x = 1; 6,294 for x = 2

Both take requests to fail independently. Retries of one client do not: that is what the cut is for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ALPHA: Final = 0.01
"""The chance that a release whose error rate is at the limit is ever called over it."""
ENOUGH: Final = 1 / ALPHA
RISK: Final = 0.05
"""The chance that a release whose error rate is at the limit is called below it."""
FACTORS: Final = (3.0, 8.0, 20.0)
MOST_OF_A_MINUTE: Final = 3.0
_LARGEST: Final = 600.0
_NEGLIGIBLE: Final = 1e-17
_STEPS: Final = 60


def evidence(
    minutes: Sequence[tuple[int, int]], limit: float, *, planned: int = 1, most: float = MOST_OF_A_MINUTE
) -> float:
    """How strongly (failed, requests) of each minute speak for an error rate over the limit; at 100 it is decided.

    `planned`: how many minutes the watch has in all, which must not be chosen by what was seen; 1 begins only once.

    [(0, 1000)] at 0.1 %                               0.05
    [(10, 1000)] at 0.1 %                              20      (a minute alone is never enough)
    [(10, 1000), (10, 1000)]                           403
    [(10, 1000), (10, 1000)], planned 15               203
    ten times (0, 1000), three times (50, 1000)        0       and 320, planned 15
    """
    begins = min(len(minutes), max(planned, 1))
    by_begin = [0.0] * begins
    for factor in FACTORS:
        total, after = 0.0, list[float]()
        for failed, requests in reversed(minutes):
            total += min(failed * math.log(factor) - requests * math.log1p(limit * (factor - 1)), most)
            after.append(total)
        for begin in range(begins):
            by_begin[begin] += math.exp(min(after[-1 - begin], _LARGEST)) / len(FACTORS)
    first = 1.0 if planned <= 1 else 0.5
    later = 0.0 if planned <= 1 else 0.5 / (planned - 1)
    weights = [first, *[later] * (begins - 1)]
    not_begun = 1.0 - sum(weights) if begins else 1.0
    return not_begun + sum(weight * found for weight, found in zip(weights, by_begin, strict=False))


def chance_of_so_few(failed: int, requests: int, rate: float) -> float:
    """P(X <= failed) of `requests` that fail independently with `rate`."""
    if failed >= requests:
        return 1.0
    if rate >= 1.0:
        return 0.0
    if rate <= 0.0 or failed > requests * rate:
        return 1.0 - _tail_above(failed, requests, rate)
    odds = rate / (1 - rate)
    term = math.exp(_log_chance(failed, requests, rate))
    total, count = term, failed
    while count > 0 and term > total * _NEGLIGIBLE:
        term *= count / ((requests - count + 1) * odds)
        total += term
        count -= 1
    return min(1.0, total)


def _tail_above(failed: int, requests: int, rate: float) -> float:
    """P(X > failed), where that is the smaller side."""
    if rate <= 0.0:
        return 0.0
    odds = rate / (1 - rate)
    count = failed + 1
    term = math.exp(_log_chance(count, requests, rate))
    total = term
    while count < requests and term > total * _NEGLIGIBLE:
        term *= (requests - count) * odds / (count + 1)
        total += term
        count += 1
    return min(1.0, total)


def _log_chance(count: int, requests: int, rate: float) -> float:
    choose = math.lgamma(requests + 1) - math.lgamma(count + 1) - math.lgamma(requests - count + 1)
    return choose + count * math.log(rate) + (requests - count) * math.log1p(-rate)


def is_shown_below(failed: int, requests: int, limit: float) -> bool:
    """The error rate is below the limit with 95 % certainty."""
    return chance_of_so_few(failed, requests, limit) <= RISK


def upper_bound(failed: int, requests: int) -> float:
    """The error rate that is not exceeded with 95 % certainty."""
    if failed >= requests:
        return 1.0
    low, high = failed / requests, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if chance_of_so_few(failed, requests, middle) <= RISK:
            high = middle
        else:
            low = middle
    return high


def requests_needed(failed: int, limit: float) -> int:
    """The number of requests that show a rate below the limit when `failed` of them fail and no more."""
    low, high = failed, failed + 1
    while not is_shown_below(failed, high, limit):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if is_shown_below(failed, middle, limit):
            high = middle
        else:
            low = middle
    return high
