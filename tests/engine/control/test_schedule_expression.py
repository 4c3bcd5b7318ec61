"""When expressions run next: the rows are those of AWS's documentation, and what lies beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairway.engine.control.cron import days_of, parse_cron
from fairway.engine.control.recurrence import (
    Recurrence,
    due_after_pause,
    first_due,
    following_due,
    spread,
)
from fairway.engine.control.schedule_expression import (
    Dialect,
    InvalidExpression,
    next_run,
    parse_expression,
    read_zone,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def runs(text: str, after: str, count: int, zone: str = "UTC", anchor: str | None = None) -> list[str]:
    """The next runs in local time with the offset."""
    moment, found = utc(after), []
    expression = parse_expression(text, Dialect.SCHEDULER)
    for _ in range(count):
        following = next_run(expression, moment, zone=read_zone(zone), anchor=utc(anchor or after))
        if following is None:
            break
        moment = following
        found.append(moment.astimezone(read_zone(zone)).strftime("%Y-%m-%d %H:%M %z"))
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        pytest.param("cron(0 10 * * ? *)", "2026-01-01 10:00", ["01-02 10:00", "01-03 10:00"], id="10 am every day"),
        pytest.param("cron(15 12 * * ? *)", "2026-01-01 10:00", ["01-01 12:15", "01-02 12:15"], id="12:15 every day"),
        pytest.param(
            "cron(0 18 ? * MON-FRI *)", "2026-01-02 17:00", ["01-02 18:00", "01-05 18:00"], id="Monday through Friday"
        ),
        pytest.param(
            "cron(0 8 1 * ? *)", "2026-01-01 08:00", ["02-01 08:00", "03-01 08:00"], id="the 1st of the month"
        ),
        pytest.param("cron(0/15 * * * ? *)", "2026-01-01 00:14", ["01-01 00:15", "01-01 00:30"], id="every 15 minutes"),
        pytest.param(
            "cron(0/5 8-17 ? * MON-FRI *)",
            "2026-01-02 17:54",
            ["01-02 17:55", "01-05 08:00"],
            id="between 8:00 and 17:55",
        ),
        pytest.param(
            "cron(0/30 20-2 ? * MON-FRI *)",
            "2026-01-02 23:30",
            ["01-05 00:00", "01-05 00:30"],
            id="hours over midnight: 12:00 am to 2:00 am on Monday morning",
        ),
        pytest.param(
            "cron(0/30 20-2 ? * MON-FRI *)", "2026-01-05 02:00", ["01-05 02:30", "01-05 20:00"], id="and its evening"
        ),
        pytest.param("cron(5,35 14 * * ? *)", "2026-01-01 14:05", ["01-01 14:35", "01-02 14:05"], id="two minutes"),
        pytest.param(
            "cron(1/10 0 1 1 ? *)", "2026-01-01 00:01", ["01-01 00:11", "01-01 00:21"], id="11th, 21st minute"
        ),
        pytest.param(
            "cron(0 0 ? * 3#2 *)", "2026-01-01 00:00", ["01-13 00:00", "02-10 00:00"], id="the second Tuesday"
        ),
        pytest.param("cron(0 0 ? * MON#5 *)", "2026-01-01 00:00", ["03-30 00:00", "06-29 00:00"], id="a fifth Monday"),
        pytest.param(
            "cron(0 0 3W * ? *)", "2026-01-01 00:00", ["01-02 00:00", "02-03 00:00"], id="3W: Saturday the 3rd"
        ),
        pytest.param(
            "cron(0 0 1W * ? *)", "2026-01-31 00:00", ["02-02 00:00", "03-02 00:00"], id="1W stays in the month"
        ),
        pytest.param("cron(0 0 31W * ? *)", "2026-01-31 00:00", ["03-31 00:00", "05-29 00:00"], id="31W: a Sunday"),
        pytest.param("cron(0 0 L * ? *)", "2026-01-31 00:00", ["02-28 00:00", "03-31 00:00"], id="L: the last day"),
        pytest.param(
            "cron(0 0 LW * ? *)", "2026-01-01 00:00", ["01-30 00:00", "02-27 00:00"], id="LW: its last weekday"
        ),
        pytest.param("cron(0 0 ? * L *)", "2026-01-01 00:00", ["01-03 00:00", "01-10 00:00"], id="L: Saturday"),
        pytest.param("cron(0 0 ? JAN,mar sun *)", "2026-01-20 00:00", ["01-25 00:00", "03-01 00:00"], id="names"),
        pytest.param(
            "cron(0-15/5 8-8 ? * 2,3 *)", "2026-01-05 08:10", ["01-05 08:15", "01-06 08:00"], id="range and step"
        ),
    ],
)
def test_cron(text: str, after: str, expected: list[str]) -> None:
    assert runs(text, after, 2) == [f"2026-{moment} +0000" for moment in expected]


def test_the_last_friday_of_each_month_of_two_years() -> None:
    found = runs("cron(15 10 ? * 6L 2022-2023)", "2022-01-01 00:00", 99)
    assert len(found) == 24
    assert (found[0], found[-1]) == ("2022-01-28 10:15 +0000", "2023-12-29 10:15 +0000")


def test_a_leap_day_and_a_day_that_never_comes() -> None:
    assert runs("cron(0 0 29 2 ? *)", "2026-01-01 00:00", 2) == ["2028-02-29 00:00 +0000", "2032-02-29 00:00 +0000"]
    assert runs("cron(0 0 30 2 ? *)", "2026-01-01 00:00", 1) == []
    assert days_of(parse_cron("0 0 30W 2 ? *").days, 2026, 2) == []


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        pytest.param(
            "cron(30 2 * * ? *)",
            "America/Los_Angeles",
            "2026-03-07 12:00",
            ["2026-03-09 02:30 -0700", "2026-03-10 02:30 -0700"],
            id="spring forward: 2:30 does not exist on the 8th, and is skipped",
        ),
        pytest.param(
            "cron(30 1 * * ? *)",
            "America/Los_Angeles",
            "2026-10-31 12:00",
            ["2026-11-01 01:30 -0700", "2026-11-02 01:30 -0800"],
            id="fall back: 1:30 comes twice, and only the first counts",
        ),
        pytest.param(
            "cron(0/30 * * * ? *)",
            "America/Los_Angeles",
            "2026-11-01 08:20",
            ["2026-11-01 01:30 -0700", "2026-11-01 02:00 -0800"],
            id="fall back: the hour that comes again is not run through again",
        ),
        pytest.param(
            "cron(30 8 * * ? *)",
            "America/New_York",
            "2026-03-07 13:30",
            ["2026-03-08 08:30 -0400", "2026-03-09 08:30 -0400"],
            id="8:30 in New York, before and after",
        ),
        pytest.param(
            "at(2022-11-20T13:00:00)", "America/Los_Angeles", "2022-11-20 20:59", ["2022-11-20 13:00 -0800"], id="at"
        ),
        pytest.param("at(2022-11-20T13:00:00)", "America/Los_Angeles", "2022-11-20 21:00", [], id="at: only once"),
        pytest.param(
            "at(2026-03-08T02:30:00)",
            "America/Los_Angeles",
            "2026-03-01 00:00",
            ["2026-03-08 03:30 -0700"],
            id="at: in the hour that is left out",
        ),
        pytest.param(
            "rate(1 days)",
            "America/Los_Angeles",
            "2026-03-07 20:00",
            ["2026-03-08 13:00 -0700", "2026-03-09 13:00 -0700"],
            id="a day of a rate is 24 hours on the clock",
        ),
    ],
)
def test_time_zones(text: str, zone: str, after: str, expected: list[str]) -> None:
    assert runs(text, after, 2, zone) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [("00:00", "00:10"), ("00:10", "00:15"), ("00:12", "00:15"), ("00:15", "00:20")],
)
def test_rates_count_from_their_first_run(after: str, expected: str) -> None:
    found = runs("rate(5 minutes)", f"2026-01-01 {after}", 1, anchor="2026-01-01 00:10")
    assert found == [f"2026-01-01 {expected} +0000"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cron(0 10 * * *)",
        "cron(0 10 * * ? * *)",
        "cron(7 20 * * 1-7 *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 ? * 3#6 *)",
        "cron(0 0 ? * MON/2 *)",
        "cron(0 0 1,L * ? *)",
        "cron(0 0 W * ? *)",
        "cron(0/0 0 * * ? *)",
        "cron(0/5, 9-18, ?, *, MON-FRI, *)",
        "cron(0 0 * * ? 2023-2022)",
        "cron(0 0 * * ? 1969)",
        "rate(0 minutes)",
        "rate(5)",
        "rate(5 seconds)",
        "rate(-1 hours)",
        "rate(99999999 days)",
        "at(2022-13-20T13:00:00)",
        "at(2022-11-20 13:00:00)",
        "at(2022-11-20T13:00:00Z)",
        "every 5 minutes",
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(InvalidExpression):
        parse_expression(text, Dialect.SCHEDULER)


@pytest.mark.parametrize(
    ("text", "rule", "scheduler"),
    [
        ("rate(1 minute)", True, True),
        ("rate(1 minutes)", False, True),
        ("rate(5 minute)", False, True),
        ("rate(5 hours)", True, True),
        ("at(2026-01-01T00:00:00)", False, True),
        ("cron(0 12 * * ? *)", True, True),
    ],
)
def test_rules_and_the_scheduler_differ(text: str, *, rule: bool, scheduler: bool) -> None:
    def takes(dialect: Dialect) -> bool:
        try:
            parse_expression(text, dialect)
        except InvalidExpression:
            return False
        return True

    assert (takes(Dialect.RULE), takes(Dialect.SCHEDULER)) == (rule, scheduler)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "PST8PDT\0"])
def test_what_is_no_time_zone(name: str) -> None:
    with pytest.raises(InvalidExpression):
        read_zone(name)


# -- what bounds it ----------------------------------------------------------------------------------------------------


def recurrence(text: str, **bounds: object) -> Recurrence:
    return Recurrence(parse_expression(text, Dialect.SCHEDULER), T0, **bounds)  # type: ignore[arg-type]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_rate_runs_at_once_and_then_in_its_step() -> None:
    every = recurrence("rate(5 minutes)")
    assert first_due(every, T0) == T0
    assert following_due(every, T0, T0) == T0 + minutes(5)


def test_start_and_end_bound_what_recurs() -> None:
    bounded = recurrence("cron(0/5 * * * ? *)", start=T0 + minutes(5), end=T0 + minutes(15))
    assert first_due(bounded, T0) == T0 + minutes(5)
    assert following_due(bounded, T0 + minutes(5), T0 + minutes(5)) == T0 + minutes(10)
    assert following_due(bounded, T0 + minutes(10), T0 + minutes(10)) is None, "before the EndDate, not at it"


def test_start_and_end_do_not_bound_what_runs_once() -> None:
    once = recurrence("at(2026-01-01T01:00:00)", start=T0 + timedelta(days=1), end=T0)
    assert first_due(once, T0) == T0 + minutes(60)
    assert following_due(once, T0 + minutes(60), T0 + minutes(60)) is None


@pytest.mark.parametrize(
    ("text", "pause", "expected"),
    [
        pytest.param("rate(5 minutes)", 3, 5, id="nothing was missed"),
        pytest.param("rate(5 minutes)", 17, 20, id="what was missed is left out"),
        pytest.param("at(2026-01-01T00:05:00)", 60, 5, id="what runs once is made up for"),
        pytest.param("at(2026-01-01T00:05:00)", 24 * 60 + 5, 5, id="at the age of a day"),
        pytest.param("at(2026-01-01T00:05:00)", 24 * 60 + 6, None, id="and not when it is older"),
    ],
)
def test_a_pause(text: str, pause: int, expected: int | None) -> None:
    after = due_after_pause(recurrence(text), T0 + minutes(5), T0 + minutes(pause))
    assert after == (None if expected is None else T0 + minutes(expected))


def test_a_flexible_window() -> None:
    flexible = recurrence("rate(1 minute)", window=minutes(5))
    assert spread(T0, minutes(5), 0.5) == T0 + minutes(2.5)
    assert following_due(flexible, T0, T0 + minutes(3)) == T0 + minutes(1), "its window is still open"
    assert following_due(flexible, T0, T0 + minutes(9)) == T0 + minutes(5), "those whose window is over are left out"
