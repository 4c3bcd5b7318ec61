"""Moments as somebody reads and writes them: in their own time zone. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class NoSuchTime(ValueError):
    """What was written is no day, or no time of that day; the text says which, to whoever wrote it."""


def day_text(day: date) -> str:
    """A day in words, such as 5 Mar 2027."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment_text(moment: datetime, zone: tzinfo) -> str:
    """A moment in words: 2027-03-05T13:04Z is "5 Mar 2027, 14:04" in Berlin."""
    local = _local(moment, zone)
    return f"{day_text(local)}, {local:%H:%M}"


def day_and_time(moment: datetime | None, zone: tzinfo) -> tuple[str, str]:
    """A moment as the fields of a form hold it."""
    if moment is None:
        return "", ""
    local = _local(moment, zone)
    return local.date().isoformat(), f"{local:%H:%M}"


def moment_at(day: str, clock: str, zone: tzinfo) -> datetime:
    """The moment of a day and a time in the zone, of the two that a time has when clocks go back the first.

    Raises:
        NoSuchTime: the day or the time is none, or clocks jump over it.
    """
    try:
        local = datetime.combine(day_at(day), time.fromisoformat(clock.strip()).replace(tzinfo=None), zone)
        moment = local.astimezone(UTC)
        back = moment.astimezone(zone)
    except OverflowError:
        raise NoSuchTime("This day is too far away.") from None
    except NoSuchTime:
        raise
    except ValueError:
        raise NoSuchTime("Write a time such as 09:30.") from None
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        raise NoSuchTime("This time does not exist on that day: the clocks go forward.")
    return moment


def day_at(day: str) -> date:
    """The day that was written.

    Raises:
        NoSuchTime: it is none.
    """
    try:
        return date.fromisoformat(day.strip())
    except ValueError:
        raise NoSuchTime("Write a day such as 2027-03-05.") from None


def is_overdue(task: Mapping[str, Any], moment: datetime, zone: tzinfo) -> bool:
    """The task is late and not done; a day ends where the user is."""
    if task["status"] == "done":
        return False
    if task["due_at"] is not None:
        return bool(task["due_at"] < moment)
    return task["due_on"] is not None and bool(task["due_on"] < moment.astimezone(zone).date())


def _local(moment: datetime, zone: tzinfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # at the ends of all days
        return moment
