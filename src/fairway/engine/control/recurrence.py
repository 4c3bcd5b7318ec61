"""When schedules and scheduled rules run: the first time, the next time, and after a time in which nobody looked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from fairway.engine.control.schedule_expression import (
    At,
    Dialect,
    Expression,
    Rate,
    next_run,
    parse_expression,
    read_zone,
)

if TYPE_CHECKING:
    from fairway.engine.model.event import EventRule
    from fairway.engine.model.schedule import Schedule

_MOMENT: Final = timedelta(microseconds=1)
OLDEST_SECONDS: Final = 86_400
"""How long an invocation that was not delivered is kept by default. Source: Scheduler API Reference, RetryPolicy."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An expression with all that bounds it."""

    expression: Expression
    anchor: datetime
    zone: tzinfo = UTC
    start: datetime | None = None
    end: datetime | None = None
    window: timedelta = timedelta()
    oldest: timedelta = timedelta(seconds=OLDEST_SECONDS)

    @property
    def is_once(self) -> bool:
        return isinstance(self.expression, At)


def recurrence_of_rule(rule: EventRule) -> Recurrence | None:
    """When a rule runs; None: it has no schedule."""
    if rule.schedule is None:
        return None
    return Recurrence(parse_expression(rule.schedule, Dialect.RULE), rule.anchor_at)


def recurrence_of_schedule(schedule: Schedule) -> Recurrence:
    """When a schedule runs."""
    policy = schedule.target.get("RetryPolicy", {})
    return Recurrence(
        expression=parse_expression(schedule.expression, Dialect.SCHEDULER),
        anchor=schedule.anchor_at,
        zone=read_zone(schedule.timezone),
        start=schedule.start_at,
        end=schedule.end_at,
        window=timedelta(minutes=schedule.window_minutes or 0),
        oldest=timedelta(seconds=policy.get("MaximumEventAgeInSeconds", OLDEST_SECONDS)),
    )


def first_anchor(expression: Expression, now: datetime, start: datetime | None) -> datetime:
    """The first run of a schedule's rate: its StartDate, or at once.

    Source: EventBridge Scheduler User Guide, "Rate-based schedules".
    """
    return start if isinstance(expression, Rate) and start is not None else now


def first_due(recurrence: Recurrence, now: datetime) -> datetime | None:
    """The first run at `now` or later."""
    return _due(recurrence, now - _MOMENT)


def following_due(recurrence: Recurrence, due: datetime, now: datetime) -> datetime | None:
    """The run after the one that was due at `due`.

    What is over is not made up for, but for those whose flexible time window is still open.
    """
    return None if recurrence.is_once else _due(recurrence, max(due, now - recurrence.window))


def due_after_pause(recurrence: Recurrence, due: datetime, now: datetime) -> datetime | None:
    """What is due next when nobody looked for a while: the runs in between are left out, but one that runs only once.

    That one is still made, as a delivery that failed would be: until its event is too old. Source: EventBridge Scheduler
    User Guide, "Managing a schedule" (retry policy).
    """
    if due > now:
        return due
    if recurrence.is_once:
        return due if now - due <= recurrence.oldest else None
    return following_due(recurrence, due, now)


def spread(due: datetime, window: timedelta, fraction: float) -> datetime:
    """The moment of a flexible time window at which a run is made. `fraction`: within [0, 1), drawn at random."""
    return due + window * fraction


def _due(recurrence: Recurrence, after: datetime) -> datetime | None:
    """StartDate and EndDate do not count for what runs once. Source: EventBridge Scheduler User Guide, "One-time schedules"."""
    if recurrence.is_once:
        return next_run(recurrence.expression, after, zone=recurrence.zone, anchor=recurrence.anchor)
    if recurrence.start is not None:
        after = max(after, recurrence.start - _MOMENT)
    due = next_run(recurrence.expression, after, zone=recurrence.zone, anchor=recurrence.anchor)
    ended = due is not None and recurrence.end is not None and due >= recurrence.end
    return None if ended else due


# -- of what is stored -------------------------------------------------------------------------------------------------


def plan_schedule(schedule: Schedule, now: datetime, fraction: float) -> Schedule:
    """The schedule with its first run from now on. `fraction`: as of `spread`."""
    due = first_due(recurrence_of_schedule(schedule), now) if schedule.is_enabled else None
    return with_due(schedule, due, fraction)


def with_due(schedule: Schedule, due: datetime | None, fraction: float) -> Schedule:
    """The schedule with the run that is due at `due`."""
    window = timedelta(minutes=schedule.window_minutes or 0)
    return replace(schedule, due_at=due, next_at=None if due is None else spread(due, window, fraction))


def plan_rule(rule: EventRule, now: datetime) -> EventRule:
    """The rule with its first run after now; a rate's is one period after it began to count.

    Source: EventBridge User Guide, "Rate expressions" ("starts when you create the scheduled event rule").
    """
    recurrence = recurrence_of_rule(rule)
    if recurrence is None or not rule.is_enabled:
        return replace(rule, next_at=None)
    return replace(rule, next_at=following_due(recurrence, now, now))
