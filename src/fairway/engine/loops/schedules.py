"""Runs schedules of EventBridge Scheduler, and rules that have a schedule, when they are due.

A run is made first and written down then: after a crash in between it is left out, since runs that were due while no engine
lived are not made up for; after a full disk it is made again (AWS too invokes a target at least once).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.engine.control.ecs_target import started_by_rule, started_by_schedule
from fairway.engine.control.event_input import target_input
from fairway.engine.control.recurrence import (
    due_after_pause,
    following_due,
    recurrence_of_rule,
    recurrence_of_schedule,
    with_due,
)
from fairway.engine.loops.invoking import invoke
from fairway.engine.model.event import Event, EventRule, event_document
from fairway.engine.model.schedule import Schedule
from fairway.engine.store.schema import EVENT_RULES, SCHEDULES
from fairway.ids import chance, uuid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fairway.engine.loops.invoking import RunTask
    from fairway.engine.store.store import Change, Store, Transaction
    from fairway.ids import IdSource

log = logging.getLogger(__name__)


class SchedulesController:
    """One key is the ARN of a schedule or a rule."""

    name = "schedules"

    def __init__(self, store: Store, ids: IdSource, run_task: RunTask, *, account: str) -> None:
        self._store = store
        self._ids = ids
        self._run_task = run_task
        self._account = account

    def keys_of(self, change: Change) -> Iterable[str]:
        match change.after:
            case Schedule() | EventRule():
                return (change.after.arn,)
            case _:
                return ()

    def step(self, key: str, now: datetime) -> datetime | None:
        entity = self._store.get(SCHEDULES, key) or self._store.get(EVENT_RULES, key)
        if entity is None or not entity.is_enabled or entity.next_at is None:
            return None
        if now < entity.next_at:
            return entity.next_at
        if isinstance(entity, Schedule):
            return self._run_schedule(entity, now)
        return self._run_rule(entity, entity.next_at, now)

    def take_up(self, now: datetime) -> list[str]:
        """What was due while no engine lived is left out, but for schedules that run only once; the keys to look at."""
        with self._store.transaction() as tx:
            for schedule in self._store.all(SCHEDULES):
                if schedule.due_at is None or schedule.next_at is None or schedule.next_at > now:
                    continue
                due = due_after_pause(recurrence_of_schedule(schedule), schedule.due_at, now)
                if due != schedule.due_at:
                    log.warning("%s was due at %s, when no engine ran: left out", schedule.arn, schedule.due_at)
                    self._settle(tx, schedule, due)
            for rule in self._store.all(EVENT_RULES):
                recurrence = recurrence_of_rule(rule)
                if recurrence is not None and rule.next_at is not None and rule.next_at <= now:
                    log.warning("%s was due at %s, when no engine ran: left out", rule.arn, rule.next_at)
                    tx.put(EVENT_RULES, replace(rule, next_at=following_due(recurrence, rule.next_at, now)))
        schedules, rules = self._store.all(SCHEDULES), self._store.all(EVENT_RULES)
        return [*(schedule.arn for schedule in schedules), *(rule.arn for rule in rules)]

    # -- runs --------------------------------------------------------------------------------------------------------

    def _run_schedule(self, schedule: Schedule, now: datetime) -> datetime | None:
        started_by = started_by_schedule(schedule.name)
        invoke(self._run_task, schedule.region, schedule.target, started_by, schedule.target.get("Input"))
        recurrence = recurrence_of_schedule(schedule)
        due = following_due(recurrence, schedule.due_at or now, now)
        with self._store.transaction() as tx:
            following = self._settle(tx, schedule, due)
        return None if following is None else following.next_at

    def _settle(self, tx: Transaction, schedule: Schedule, due: datetime | None) -> Schedule | None:
        """Write down when it runs next; one that runs no more goes, if that was asked for."""
        if due is None and schedule.after_completion == "DELETE":
            tx.delete(SCHEDULES, schedule.arn)
            return None
        return tx.put(SCHEDULES, with_due(schedule, due, chance(self._ids)))

    def _run_rule(self, rule: EventRule, due: datetime, now: datetime) -> datetime | None:
        event = Event(
            id=uuid(self._ids),
            region=rule.region,
            account=self._account,
            bus=rule.bus,
            source="aws.events",
            detail_type="Scheduled Event",
            at=due,
            resources=(rule.arn,),
            detail={},
        )
        run_targets(self._run_task, rule, event)
        recurrence = recurrence_of_rule(rule)
        following = None if recurrence is None else following_due(recurrence, due, now)
        with self._store.transaction() as tx:
            tx.put(EVENT_RULES, replace(rule, next_at=following))
        return following


def run_targets(run_task: RunTask, rule: EventRule, event: Event) -> None:
    """Invoke all targets of a rule with what they take of an event."""
    document = event_document(event)
    for target in rule.targets:
        given = target_input(target, document, (rule.arn, rule.name))
        invoke(run_task, rule.region, target, started_by_rule(rule.name), given)
