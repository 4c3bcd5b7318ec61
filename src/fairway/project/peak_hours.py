"""Hours in which nobody deploys unless it is urgent. Pure.

[[peak_hours]]
days = ["mon-fri"]
from = "09:00"
to = "18:00"              # at or before `from`: on the next day
zone = "Europe/Berlin"    # wall time there, summer and winter
why = "customers work"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fairway.errors import UsageError
from fairway.project.tables import check_keys
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

KEY: Final = "peak_hours"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS: Final = {"days", "from", "to", "zone", "why"}
_TIME: Final = re.compile(r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)")
_END_OF_DAY: Final = "24:00"


@dataclass(frozen=True, slots=True)
class PeakHours:
    """A window on some days of the week, by the wall clock of a place."""

    days: frozenset[int]
    """On which it begins; Monday is 0."""
    start: time
    end: time
    """Not in it any more. At or before `start`: on the day after."""
    zone: str = "UTC"
    why: str = ""

    def __str__(self) -> str:
        days = " ".join(DAYS[day] for day in sorted(self.days))
        said = f"{days} {self.start:%H:%M}-{self.end:%H:%M} {self.zone}"
        return f"{said} ({self.why})" if self.why else said

    def has(self, moment: datetime) -> bool:
        """A moment (of any zone) lies in it.

        What counts is what the clock on the wall there shows: an hour that it shows twice, when summer ends, is in it twice,
        and one that it leaves out is not missed.
        """
        there = moment.astimezone(ZoneInfo(self.zone))
        today, clock = there.weekday(), there.time().replace(tzinfo=None)
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (there.date() - timedelta(days=1)).weekday()
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


def peak_at(windows: Iterable[PeakHours], moment: datetime) -> PeakHours | None:
    """The first window in which the moment lies."""
    return next((window for window in windows if window.has(moment)), None)


def read_peak_hours(document: Mapping[str, Any], path: Path) -> tuple[PeakHours, ...]:
    """`[[peak_hours]]` of an environment.

    Raises:
        UsageError: names file, line, key and remedy.
    """
    tables = document.get(KEY, [])
    if not isinstance(tables, list):
        raise UsageError(f"{place(path, KEY)}: {KEY} must be a list of tables", hint=f"write [[{KEY}]]")
    return tuple(_read(table, path) for table in tables)


def _read(table: Any, path: Path) -> PeakHours:
    check_keys(table, _KEYS, path, KEY)
    for key in ("days", "from", "to", "zone"):
        if key not in table:
            raise UsageError(f"{place(path, KEY)}: {KEY}.{key} is missing", hint=_HINTS[key])
    zone, why = table["zone"], table.get("why", "")
    if not isinstance(why, str):
        raise _refused(path, "why", why)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise UsageError(
            f"{place(path, KEY, 'zone')}: there is no time zone {zone!r} here",
            hint=f"{_HINTS['zone']}; where the system has none at all, install the package tzdata",
        ) from None
    return PeakHours(
        _days(table["days"], path), _time(table["from"], "from", path), _time(table["to"], "to", path), zone, why
    )


_HINTS: Final = {
    "days": 'days = ["mon-fri"], or ["sat", "sun"]',
    "from": 'from = "09:00"',
    "to": 'to = "18:00"; at or before `from` it is on the next day',
    "zone": 'zone = "Europe/Berlin": a name of the IANA time zone database',
    "why": 'why = "customers work"',
}


def _refused(path: Path, key: str, value: Any) -> UsageError:
    return UsageError(f"{place(path, KEY, key)}: {KEY}.{key} is {value!r}", hint=_HINTS[key])


def _days(value: Any, path: Path) -> frozenset[int]:
    """`["mon-wed", "sun"]` -> 0, 1, 2, 6; `fri-mon` goes over the week's end."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise _refused(path, "days", value)
    found: set[int] = set()
    for item in value:
        first, dash, last = item.lower().partition("-")
        for word in (first, last) if dash else (first,):
            if word not in DAYS:
                raise UsageError(f"{place(path, KEY, 'days')}: {item!r} is no day", hint=did_you_mean(word, DAYS))
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        found |= {day % len(DAYS) for day in range(begin, end + 1 if end >= begin else end + 1 + len(DAYS))}
    return frozenset(found)


def _time(value: Any, key: str, path: Path) -> time:
    """`"09:00"`, or TOML's own 09:00:00; `"24:00"` is the midnight that ends the day."""
    if isinstance(value, time):
        return value
    if key == "to" and value == _END_OF_DAY:
        return time(0)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refused(path, key, value)
    return time(int(match["hour"]), int(match["minute"]))
