"""`rate(…)`, `cron(…)` and `at(…)`: what they say, and when they run next.

Source: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler"; EventBridge User Guide, "Setting a
schedule pattern for scheduled rules".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, assert_never
from zoneinfo import ZoneInfo

from fairway.engine.control.cron import Cron, InvalidCron, next_cron, parse_cron

if TYPE_CHECKING:
    from datetime import tzinfo

_CALL: Final = re.compile(r"(rate|cron|at)\((.*)\)", re.ASCII)
_RATE: Final = re.compile(r"([1-9]\d{0,8})\s+(minute|hour|day)(s?)", re.ASCII)
_AT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", re.ASCII)
_UNITS: Final = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_LONGEST: Final = timedelta(days=365 * 200)


class InvalidExpression(ValueError):
    """Not an expression that AWS takes."""


class Dialect(StrEnum):
    """Whose expressions: they differ a little."""

    RULE = "rule"
    """Of event rules: no `at`, always UTC, and `rate(1 minute)` against `rate(2 minutes)`."""
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Rate:
    """Again and again. A day is 24 hours, whatever the clocks do."""

    period: timedelta


@dataclass(frozen=True, slots=True)
class At:
    """Once, at a local time."""

    local: datetime


Expression = Rate | Cron | At


@lru_cache(maxsize=512)
def parse_expression(text: str, dialect: Dialect) -> Expression:
    """What an expression says.

    Raises:
        InvalidExpression: it is none.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        raise InvalidExpression(f"{text} is neither rate(…) nor cron(…)")
    match call[1]:
        case "rate":
            return _rate(call[2], dialect)
        case "cron":
            try:
                return parse_cron(call[2])
            except InvalidCron as error:
                raise InvalidExpression(str(error)) from None
        case _:
            return _at(call[2], dialect)


def _rate(text: str, dialect: Dialect) -> Rate:
    found = _RATE.fullmatch(text)
    if found is None:
        raise InvalidExpression(f"rate({text}): a positive number and minutes, hours or days")
    number = int(found[1])
    if dialect is Dialect.RULE and (number == 1) == bool(found[3]):
        raise InvalidExpression(f"rate({text}): the unit is singular for 1 and plural for more")
    if number > _LONGEST / _UNITS[found[2]]:
        raise InvalidExpression(f"rate({text}) is too long")
    return Rate(number * _UNITS[found[2]])


def _at(text: str, dialect: Dialect) -> At:
    if dialect is Dialect.RULE:
        raise InvalidExpression("rules have no at(…)")
    try:
        if _AT.fullmatch(text):
            return At(datetime.fromisoformat(text))
    except ValueError:
        pass
    raise InvalidExpression(f"at({text}): yyyy-mm-ddThh:mm:ss")


@lru_cache(maxsize=64)
def read_zone(name: str) -> tzinfo:
    """A time zone of the IANA database.

    Raises:
        InvalidExpression: it has none of this name.
    """
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise InvalidExpression(f"{name} is not a time zone") from None


def next_run(expression: Expression, after: datetime, *, zone: tzinfo, anchor: datetime) -> datetime | None:
    """The first run after `after` (UTC), in UTC; None: there is none any more.

    `anchor` is the first run of a rate, from which the others are counted.
    """
    match expression:
        case Rate():
            if after < anchor:
                return anchor
            return anchor + ((after - anchor) // expression.period + 1) * expression.period
        case Cron():
            return next_cron(expression, after, zone)
        case At():
            # a time that a shift forward leaves out is taken as before the shift: 02:30 is 03:30 then
            moment = expression.local.replace(tzinfo=zone).astimezone(UTC)
            return moment if moment > after else None
        case _:
            assert_never(expression)
