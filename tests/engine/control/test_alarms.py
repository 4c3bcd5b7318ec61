"""When an alarm goes where. The tables are those of the page "Configuring how CloudWatch alarms treat missing data"."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairway.engine.control import alarm_reasons
from fairway.engine.control.alarm_rule import InvalidRule, child_name, parse_rule
from fairway.engine.control.alarms import (
    Point,
    breaches,
    evaluate,
    interval_seconds,
    next_evaluation,
    starts,
    window_end,
)
from fairway.engine.model.alarm import AlarmState, MetricQuery, MissingData, Watch

T0 = datetime(2026, 1, 1, 12, 5, tzinfo=UTC)


def watch(points: int = 3, periods: int = 3, **changes: object) -> Watch:
    query = MetricQuery("m1", "shop", "errors", (), 60, "Sum")
    made = Watch((query,), False, 60, periods, points, True, 1.0, "GreaterThanOrEqualToThreshold")
    return replace(made, **changes)  # type: ignore[arg-type]


def read(text: str, samples: float | None = 1.0) -> list[Point]:
    """`0` does not breach, `X` breaches, `-` is missing; the newest is on the right."""
    values = {"0": 0.0, "X": 5.0, "-": None}
    end = int(T0.timestamp())
    marks = text.replace(" ", "")
    return [
        Point(end - 60 * (len(marks) - n), values[mark], samples if values[mark] is not None else None)
        for n, mark in enumerate(marks)
    ]


KEEP = "Retain current state"
_INSUFFICIENT, _OK, _ALARM = "INSUFFICIENT_DATA", "OK", "ALARM"


@pytest.mark.parametrize(
    ("needed", "text", "missing", "ignore", "breaching", "not_breaching"),
    [
        (3, "0 - X - X", _OK, _OK, _OK, _OK),
        (3, "0 - - - -", _OK, _OK, _OK, _OK),
        (3, "- - - - -", _INSUFFICIENT, KEEP, _ALARM, _OK),
        (3, "0 X X - X", _ALARM, _ALARM, _ALARM, _ALARM),
        (3, "- - X - -", _ALARM, KEEP, _ALARM, _OK),
        (2, "0 - X - X", _ALARM, _ALARM, _ALARM, _ALARM),
        (2, "0 0 X 0 X", _ALARM, _ALARM, _ALARM, _ALARM),
        (2, "0 - X - -", _OK, _OK, _ALARM, _OK),
        (2, "- - - - 0", _OK, _OK, _ALARM, _OK),
        (2, "- - - X -", _ALARM, KEEP, _ALARM, _OK),
        # "Avoiding premature transitions to alarm state"
        (3, "- - - - X", KEEP, KEEP, _ALARM, _OK),
        (3, "- - - X -", KEEP, KEEP, _ALARM, _OK),
        (3, "- - - X 0", _OK, _OK, _OK, _OK),
        (3, "- - X - 0", _OK, _OK, _OK, _OK),
        # nothing is missing: the newest three decide
        (3, "X X 0 0 0", _OK, _OK, _OK, _OK),
        (3, "0 0 X X X", _ALARM, _ALARM, _ALARM, _ALARM),
    ],
)
@pytest.mark.parametrize("state", list(AlarmState))
def test_missing_data(
    needed: int, text: str, missing: str, ignore: str, breaching: str, not_breaching: str, state: AlarmState
) -> None:
    expected = {
        MissingData.MISSING: missing,
        MissingData.IGNORE: ignore,
        MissingData.BREACHING: breaching,
        MissingData.NOT_BREACHING: not_breaching,
    }
    found = {treated: evaluate(watch(points=needed, missing=treated), read(text), state) for treated in MissingData}
    shown = {treated: KEEP if verdict.keeps else str(verdict.state) for treated, verdict in found.items()}
    assert shown == expected
    assert all(verdict.state is state for verdict in found.values() if verdict.keeps)


@pytest.mark.parametrize(
    ("operator", "below", "at", "above"),
    [
        ("GreaterThanOrEqualToThreshold", False, True, True),
        ("GreaterThanThreshold", False, False, True),
        ("LessThanThreshold", True, False, False),
        ("LessThanOrEqualToThreshold", True, True, False),
    ],
)
def test_operators(operator: str, *, below: bool, at: bool, above: bool) -> None:
    subject = watch(operator=operator)
    assert [breaches(subject, value) for value in (0.5, 1.0, 1.5)] == [below, at, above]


@pytest.mark.parametrize(
    ("samples", "ignores", "percentile", "keeps"),
    [(300.0, True, 99.0, True), (400.0, True, 99.0, False), (1.0, False, 99.0, False), (1.0, True, None, False)],
)
def test_few_samples_of_a_percentile(samples: float, *, ignores: bool, percentile: float | None, keeps: bool) -> None:
    verdict = evaluate(watch(ignore_low_samples=ignores), read("XXXXX", samples), AlarmState.OK, percentile)
    assert (verdict.keeps, verdict.state) == (keeps, AlarmState.OK if keeps else AlarmState.ALARM)


@pytest.mark.parametrize(
    ("period", "periods", "interval", "end", "following"),
    [
        (60, 3, 60, "12:05:00", "12:06:00"),
        (300, 1, 60, "12:05:00", "12:06:00"),
        (10, 3, 10, "12:05:20", "12:05:30"),
        (86_400, 3, 3600, "12:00:00", "13:00:00"),
    ],
)
def test_when_it_is_evaluated(period: int, periods: int, interval: int, end: str, following: str) -> None:
    subject, now = watch(periods=periods, period=period), T0.replace(second=27)
    assert interval_seconds(subject) == interval
    assert f"{datetime.fromtimestamp(window_end(subject, now), UTC):%H:%M:%S}" == end
    assert f"{next_evaluation(subject, now):%H:%M:%S}" == following
    begins = starts(subject, window_end(subject, now))
    assert len(begins) == periods + 2
    assert begins[-1] + period == window_end(subject, now)


@pytest.mark.parametrize(
    ("text", "missing", "reason"),
    [
        (
            "000XX",
            "missing",
            (
                "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (01/01/26 12:04:00), 5.0 (01/01/26 12:03:00), "
                "0.0 (01/01/26 12:02:00)] were greater than or equal to the threshold (1.0) "
                "(minimum 2 datapoints for OK -> ALARM transition)."
            ),
        ),
        (
            "XXX00",
            "missing",
            (
                "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (01/01/26 12:04:00), 0.0 (01/01/26 12:03:00), "
                "5.0 (01/01/26 12:02:00)] were not greater than or equal to the threshold (1.0) "
                "(minimum 2 datapoints for ALARM -> OK transition)."
            ),
        ),
        (
            "-----",
            "notBreaching",
            (
                "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as "
                "[NonBreaching]."
            ),
        ),
        ("-----", "missing", "Insufficient Data: 3 datapoints were unknown."),
        (
            "----0",
            "breaching",
            (
                "Threshold Crossed: 0 out of the last 1 datapoints [0.0 (01/01/26 12:04:00)] were greater than or equal to the "
                "threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition). 2 missing datapoints were treated as "
                "[Breaching]."
            ),
        ),
    ],
)
def test_reasons(text: str, missing: str, reason: str) -> None:
    subject = watch(points=2, missing=MissingData(missing))
    verdict = evaluate(subject, read(text), AlarmState.OK)
    assert alarm_reasons.reason(subject, verdict) == reason


def test_reason_data_names_the_points() -> None:
    subject = watch(periods=1, points=1)
    verdict = evaluate(subject, read("--X"), AlarmState.OK)
    assert alarm_reasons.reason_data(subject, verdict, T0) == (
        '{"version":"1.0","queryDate":"2026-01-01T12:05:00.000+0000","startDate":"2026-01-01T12:04:00.000+0000",'
        '"statistic":"Sum","period":60,"recentDatapoints":[5.0],"threshold":1.0,"evaluatedDatapoints":'
        '[{"timestamp":"2026-01-01T12:04:00.000+0000","sampleCount":1.0,"value":5.0}]}'
    )


# -- composite alarms ----------------------------------------------------------------------------------------------------

STATES = {"a": AlarmState.ALARM, "b c": AlarmState.OK, "d": AlarmState.INSUFFICIENT_DATA}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("OK('b c')", True),
        ("ALARM('b c')", False),
        ("INSUFFICIENT_DATA(d)", True),
        ("ALARM(a) AND ALARM(d)", False),
        ("ALARM(d) OR ALARM(a)", True),
        ("NOT ALARM(a)", False),
        ("NOT ALARM(d) AND NOT OK(a)", True),
        ("TRUE OR FALSE AND FALSE", True),
        ("(TRUE OR FALSE) AND FALSE", False),
        ("ALARM(gone)", False),
        ("ALARM(a) AND (OK(a) OR NOT (FALSE))", True),
    ],
)
def test_rules(text: str, *, holds: bool) -> None:
    assert parse_rule(text).holds(STATES.get) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ALARM",
        "ALARM()",
        "ALARM(a",
        "ALARM(a) b",
        "a",
        "AND",
        "ALARM(a) AND",
        "(TRUE",
        "BROKEN(a)",
        "NOT",
        "(" * 99,
    ],
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(InvalidRule):
        parse_rule(text)


def test_children_of_a_rule() -> None:
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:high"
    rule = parse_rule(f'ALARM("{arn}") OR OK(low) OR ALARM(low)')
    assert [child_name(child) for child in rule.children] == ["high", "low"]
