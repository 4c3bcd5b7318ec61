"""When a reminder is due. Pure: the moment comes in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from taskmanager.problems import Problem

MOST: Final = 10
"""Reminders of one user at one task."""
FARTHEST: Final = timedelta(days=5 * 366)


def moment_of(
    moment: datetime, *, remind_at: datetime | None, minutes_before: int | None, due_at: datetime | None
) -> datetime:
    """When a new reminder is due.

    Raises:
        Problem: that lies in the past or too far away, or the task is not due at any time.
    """
    if minutes_before is not None:
        if due_at is None:
            raise Problem(422, "task-not-due", "the task has no due time from which minutes could be counted")
        remind_at = before_due(due_at, minutes_before)
    assert remind_at is not None
    if remind_at <= moment:
        raise Problem(422, "reminder-in-past", "a reminder lies in the future")
    if remind_at > moment + FARTHEST:
        raise Problem(422, "reminder-too-far", "a reminder lies within the next five years")
    return remind_at


def before_due(due_at: datetime, minutes_before: int) -> datetime:
    """So many minutes before it is due; at the beginning of all time at the earliest."""
    try:
        return due_at - timedelta(minutes=minutes_before)
    except OverflowError:
        return datetime.min.replace(tzinfo=due_at.tzinfo)


def moved(
    moment: datetime,
    *,
    minutes_before: int,
    due_at: datetime | None,
    remind_at: datetime | None,
    fired_at: datetime | None,
) -> tuple[datetime | None, datetime | None, bool]:
    """A relative reminder after its task has changed: `remind_at`, `fired_at`, and whether it is to be set anew.

    One that has fired is set anew when the due time moves so that it lies in the future again. One whose moment has passed
    before it could fire stays unfired: nobody is reminded of what was moved into the past.
    """
    if due_at is None:
        return None, fired_at, False
    new = before_due(due_at, minutes_before)
    if new == remind_at:
        return remind_at, fired_at, False
    if new <= moment:
        return new, fired_at, False
    return new, None, True
