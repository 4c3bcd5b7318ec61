"""Brings events to the rules of their bus: events of clients, and those of the engine itself.

An event of a client stands in the store until it has been seen. The engine's own (what ECS and CloudWatch send to the default
bus) are made of changes of the store and live in memory alone: a crash may lose the last of them, as ECS promises them only
on a best-effort basis. They are made only where a rule waits for events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairway.engine.control.event_pattern import matches, parse_pattern
from fairway.engine.loops.schedules import run_targets
from fairway.engine.model.event import DEFAULT_BUS, Event, EventRule, bus_index, event_document
from fairway.engine.store.schema import EVENT_RULES, EVENTS
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from fairway.engine.loops.invoking import RunTask
    from fairway.engine.store.store import Change, Store
    from fairway.ids import IdSource

    Source = Callable[[Store, Change], Iterable["Happened"]]


@dataclass(frozen=True, slots=True)
class Happened:
    """Something of which AWS sends an event to the default bus. `detail` is made only where somebody waits for it."""

    region: str
    source: str
    """`aws.ecs`, `aws.cloudwatch`."""
    detail_type: str
    resources: tuple[str, ...]
    detail: Callable[[], dict[str, Any]]


class EventsController:
    """One key is the id of an event."""

    name = "events"

    def __init__(
        self,
        store: Store,
        ids: IdSource,
        run_task: RunTask,
        *,
        sources: Sequence[Source],
        account: str,
        now: Callable[[], datetime],
    ) -> None:
        """`sources` tell what happened in a change of the store."""
        self._store = store
        self._ids = ids
        self._run_task = run_task
        self._sources = sources
        self._account = account
        self._now = now
        self._own: dict[str, Event] = {}

    def forget(self) -> None:
        """Nothing is on its way."""
        self._own.clear()

    def keys_of(self, change: Change) -> Iterable[str]:
        if isinstance(change.after, Event):
            return (change.after.id,)
        if not self._store.count(EVENT_RULES):
            return ()
        happened = (one for source in self._sources for one in source(self._store, change))
        return [self._take_in(one) for one in happened if self._waiting(one.region, DEFAULT_BUS)]

    def _take_in(self, happened: Happened) -> str:
        event = Event(
            id=uuid(self._ids),
            region=happened.region,
            account=self._account,
            bus=DEFAULT_BUS,
            source=happened.source,
            detail_type=happened.detail_type,
            at=self._now(),
            resources=happened.resources,
            detail=happened.detail(),
        )
        self._own[event.id] = event
        return event.id

    def step(self, key: str, now: datetime) -> datetime | None:
        del now
        stored = self._store.get(EVENTS, key)
        event = stored or self._own.get(key)
        if event is None:
            return None
        document = event_document(event)
        for rule in self._waiting(event.region, event.bus):
            if rule.pattern is not None and matches(parse_pattern(rule.pattern), document):
                run_targets(self._run_task, rule, event)
        self._own.pop(key, None)
        if stored is not None:
            with self._store.transaction() as tx:
                tx.delete(EVENTS, key)
        return None

    def _waiting(self, region: str, bus: str) -> list[EventRule]:
        rules = self._store.find(EVENT_RULES, "bus", bus_index(region, bus))
        return [rule for rule in rules if rule.is_enabled and rule.pattern is not None and rule.targets]
