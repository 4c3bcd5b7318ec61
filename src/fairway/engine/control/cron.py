"""Cron expressions as EventBridge and EventBridge Scheduler have them: six fields, names, ranges, steps, `?`, `L`, `W`, `#`.

Source: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler"; EventBridge User Guide, "Setting a
schedule pattern for scheduled rules". What these pages do not name (`L-3`, `1,L`, a step of weekdays) is not read here.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, assert_never

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199
_FIELDS: Final = 6
_SATURDAY: Final = 7
_SUNDAY: Final = 1
_MOST_INSTANCES: Final = 5


class InvalidCron(ValueError):
    """Not an expression that EventBridge takes."""


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """By number, 1 to 31."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class LastDay:
    """`L`: the last day of the month; `LW`: its last weekday."""

    weekday: bool = False


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """`3W`: the weekday closest to the third day, in the same month."""

    day: int


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """By number: 1 is Sunday, 7 is Saturday."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class LastOfMonth:
    """`6L`: the last Friday of the month."""

    weekday: int


@dataclass(frozen=True, slots=True)
class NthOfMonth:
    """`3#2`: the second Tuesday of the month."""

    weekday: int
    number: int


Days = DaysOfMonth | LastDay | NearestWeekday | DaysOfWeek | LastOfMonth | NthOfMonth


@dataclass(frozen=True, slots=True)
class Cron:
    """When it runs, in the local time of a zone."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: frozenset[int]
    years: frozenset[int]


# -- reading -----------------------------------------------------------------------------------------------------------


def parse_cron(fields: str) -> Cron:
    """The expression between the brackets of `cron(…)`.

    Raises:
        InvalidCron: it is none.
    """
    parts = fields.upper().split()
    if len(parts) != _FIELDS:
        raise InvalidCron(f"{len(parts)} fields instead of six")
    minutes, hours, day, month, weekday, year = parts
    return Cron(
        minutes=tuple(sorted(_numbers(minutes, 0, 59))),
        hours=tuple(sorted(_numbers(hours, 0, 23))),
        days=_days(day, weekday),
        months=_numbers(month, 1, 12, _MONTHS),
        years=_numbers(year, _FIRST_YEAR, _LAST_YEAR, wraps=False),
    )


def _days(day: str, weekday: str) -> Days:
    """Exactly one of the two fields says something; the other one is `?`."""
    if (day == "?") == (weekday == "?"):
        raise InvalidCron("one of day-of-month and day-of-week must be ?, and the other must not")
    return _weekday_field(weekday) if day == "?" else _day_field(day)


def _day_field(text: str) -> Days:
    if text in {"L", "LW"}:
        return LastDay(weekday=text == "LW")
    if text.endswith("W"):
        (day,) = _numbers(text[:-1], 1, 31) if text[:-1].isdigit() else (0,)
        if not day:
            raise InvalidCron(f"{text}: W stands behind one day")
        return NearestWeekday(day)
    return DaysOfMonth(_numbers(text, 1, 31))


def _weekday_field(text: str) -> Days:
    if text == "L":
        return DaysOfWeek(frozenset({_SATURDAY}))
    if text.endswith("L"):
        return LastOfMonth(_number(text[:-1], 1, 7, _WEEKDAYS))
    if "#" in text:
        weekday, _, number = text.partition("#")
        return NthOfMonth(_number(weekday, 1, 7, _WEEKDAYS), _number(number, 1, _MOST_INSTANCES))
    if "/" in text:
        raise InvalidCron(f"{text}: weekdays have no steps")
    return DaysOfWeek(_numbers(text, 1, 7, _WEEKDAYS))


def _numbers(text: str, low: int, high: int, names: tuple[str, ...] = (), *, wraps: bool = True) -> frozenset[int]:
    """`*`, `5`, `1-5`, `0/15`, `1-31/2`, and several of them with commas. A range may go over the end: `20-2`."""
    found: set[int] = set()
    for item in text.split(","):
        span, slash, step_text = item.partition("/")
        step = _number(step_text, 1, high) if slash else 1
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _number(first, low, high, names)
            end = _number(last, low, high, names) if dash else (high if slash else begin)
        if end < begin:
            if not wraps:
                raise InvalidCron(f"{item}: it ends before it begins")
            end += high - low + 1
        found.update((number - low) % (high - low + 1) + low for number in range(begin, end + 1, step))
    return frozenset(found)


def _number(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> int:
    if text in names:
        return names.index(text) + low
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not low <= int(text) <= high:
        raise InvalidCron(f"{text!r} is not between {low} and {high}")
    return int(text)


# -- next run ----------------------------------------------------------------------------------------------------------


def next_cron(cron: Cron, after: datetime, zone: tzinfo) -> datetime | None:
    """The first run after `after` (UTC), in UTC; None: there is none any more.

    A local time that a shift forward leaves out is skipped; of one that comes twice only the first counts.
    Source: EventBridge Scheduler User Guide, "Daylight savings time on EventBridge Scheduler".
    """
    local = after.astimezone(zone).replace(tzinfo=None)
    for day in _dates(cron, local.date()):
        for hour in cron.hours:
            for minute in cron.minutes:
                wanted = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - local, the zone follows
                if wanted <= local:
                    continue
                moment = wanted.replace(tzinfo=zone).astimezone(UTC)
                exists = moment.astimezone(zone).replace(tzinfo=None) == wanted
                if exists and moment > after:
                    return moment
    return None


def _dates(cron: Cron, first: date) -> Iterator[date]:
    """The days on which it runs, from `first` on."""
    for year in range(max(first.year, _FIRST_YEAR), _LAST_YEAR + 1):
        if year not in cron.years:
            continue
        for month in sorted(cron.months):
            if (year, month) < (first.year, first.month):
                continue
            for number in sorted(days_of(cron.days, year, month)):
                day = date(year, month, number)
                if day >= first:
                    yield day


def days_of(rule: Days, year: int, month: int) -> list[int]:
    """The days of a month that a rule means."""
    length = monthrange(year, month)[1]
    match rule:
        case DaysOfMonth():
            return [day for day in rule.numbers if day <= length]
        case LastDay():
            return [_nearest(year, month, length) if rule.weekday else length]
        case NearestWeekday():
            return [_nearest(year, month, rule.day)] if rule.day <= length else []
        case DaysOfWeek():
            return [day for day in range(1, length + 1) if _weekday(year, month, day) in rule.numbers]
        case LastOfMonth():
            return [day for day in range(length - 6, length + 1) if _weekday(year, month, day) == rule.weekday]
        case NthOfMonth():
            same = [day for day in range(1, length + 1) if _weekday(year, month, day) == rule.weekday]
            return same[rule.number - 1 : rule.number]
        case _:
            assert_never(rule)


def _weekday(year: int, month: int, day: int) -> int:
    """1 is Sunday."""
    return date(year, month, day).isoweekday() % 7 + 1


def _nearest(year: int, month: int, day: int) -> int:
    """The weekday closest to a day, without leaving the month."""
    there = date(year, month, day)
    match _weekday(year, month, day):
        case 7:
            moved = there + timedelta(days=-1 if day > 1 else 2)
        case 1:
            moved = there + timedelta(days=1)
            if moved.month != month:
                moved = there - timedelta(days=2)
        case _:
            moved = there
    return moved.day
