"""Expressions over time series."""

from __future__ import annotations

import pytest

from fairway.engine.control.metric_functions import Scope, evaluate
from fairway.engine.control.metric_math import InvalidExpression, parse
from fairway.engine.control.metric_series import Series

MOMENTS = (0, 60, 120, 180, 240)


def series(*values: float | None) -> Series:
    return Series("", {60 * n: float(value) for n, value in enumerate(values) if value is not None})


METRICS = {
    "m1": series(30, 20, 0, 0),
    "m2": series(20, None, 20, None),
    "errors": series(1, None, 3, 4, None),
    "requests": series(100, 100, None, 50, 10),
    "truth": series(1, 1, 0, 0, None),
    "thirty": series(30, None, 0, 0, 30),
    "twenty": series(0, 0, 20, None, 20),
}
SCOPE = Scope(METRICS, MOMENTS, 60, dict.fromkeys(METRICS, 60))


def of(text: str) -> list[list[float | None]]:
    found = evaluate(parse(text), SCOPE)
    several = found if isinstance(found, list) else [found]
    return [[one.points.get(at) for at in MOMENTS] for one in several]


N = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 < m2", [0, 0, 1, 0, N]),
        ("m1 >= 30", [1, 0, 0, 0, N]),
        ("m1 > 15 AND m2 > 15", [1, 0, 0, 0, N]),
        ("m1 > 15 && m2 > 15 || m1 == 0", [1, 0, 1, 1, N]),
        ("m1 + m2", [50, 20, 20, 0, N]),
        ("m1 + 2 * 3 ^ 2", [48, 38, 18, 18, N]),
        ("(m1 + 2) * 2", [64, 44, 4, 4, N]),
        ("-m1 - -1", [-29, -19, 1, 1, N]),
        ("errors / requests * 100", [1, 0, N, 8, 0]),
        ("100 / m1", [100 / 30, 5, N, N, N]),
        ("SUM([m1, m2])", [50, 20, 20, 0, N]),
        ("AVG([m1, m2])", [25, 10, 10, 0, N]),
        ("MIN([m1, m2])", [20, 20, 0, 0, N]),
        ("MAX([m1, m2])", [30, 20, 20, 0, N]),
        ("m1 - MIN(m1)", [30, 20, 0, 0, N]),
        ("m1 / SUM(m1)", [0.6, 0.4, 0, 0, N]),
        ("m1 * DATAPOINT_COUNT(m2)", [60, 40, 0, 0, N]),
        ("SUM(METRICS('err'))", [1, N, 3, 4, N]),
        ('SUM([METRICS("err"), METRICS("requ")])', [101, 100, 3, 54, 10]),
        ("FILL(errors, 0)", [1, 0, 3, 4, 0]),
        ("FILL(errors, REPEAT)", [1, 1, 3, 4, 4]),
        ("FILL(errors, LINEAR)", [1, 2, 3, 4, N]),
        ("FILL(errors, MIN(errors))", [1, 1, 3, 4, 1]),
        ("IF(truth, thirty, twenty)", [30, 0, 20, 0, N]),
        ("IF(truth, 5, twenty)", [5, 5, 20, N, N]),
        ("IF(truth, thirty, 5)", [30, 0, 5, 5, N]),
        ("IF(truth, thirty)", [30, 0, N, N, N]),
        ("IF(m1 < 15, 10, 2)", [2, 2, 10, 10, N]),
        ("IF(1, m1, m2)", [30, 20, 0, 0, N]),
        ("RATE(m1)", [N, -10 / 60, -20 / 60, 0, N]),
        ("DIFF(errors)", [N, N, 2, 1, N]),
        ("DIFF_TIME(errors)", [N, N, 120, 60, N]),
        ("RUNNING_SUM(errors)", [1, N, 4, 8, N]),
        ("ABS(m1 - 25)", [5, 5, 25, 25, N]),
        ("CEIL(m1 / 7)", [5, 3, 0, 0, N]),
        ("PERIOD(m1) + 0 * m1", [60, 60, 60, 60, N]),
        ("TIME_SERIES(MAX(m1))", [30, 30, 30, 30, 30]),
        ("MINUTE(errors)", [0, 1, 2, 3, 4]),
        ("FIRST(SORT([m1, m2, errors], SUM, DESC))", [30, 20, 0, 0, N]),
        ("m1 / METRIC_COUNT([m1, m2])", [15, 10, 0, 0, N]),
        ("STDDEV([m1, m2])", [5, 0, 10, 0, N]),
    ],
)
def test_one_series(text: str, expected: list[float | None]) -> None:
    (found,) = of(text)
    assert found == [None if value is None else pytest.approx(value) for value in expected]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("METRICS() * 100", 7),
        ("[m1, m2] / 2", 2),
        ("SLICE(SORT(METRICS(), AVG, ASC), 5)", 2),
        ("REMOVE_EMPTY([m1])", 1),
    ],
)
def test_several_series(text: str, count: int) -> None:
    assert len(of(text)) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m1 +",
        "(m1",
        "m1 m2",
        "SUM(m1)",
        "5",
        '"text"',
        "nobody + 1",
        "sum(m1)",
        "SUM(m1, m2)",
        "m1 + 'a'",
        "METRICS() + METRICS()",
        "PERIOD(m1 + m2)",
        "SORT(METRICS(), MEDIAN, ASC)",
        "m1 # 2",
        "1 / 0 * m1",
        "[1, 2]",
        "(" * 100 + "m1" + ")" * 100,
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InvalidExpression):
        evaluate(parse(text), SCOPE)
