"""Evaluates alarms: metric alarms each minute of engine time, composite ones whenever an alarm that they speak of changes.

Who wants to know of a change subscribes to the store, as everybody does, and asks `model.alarm.state_change`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.engine.control.alarm_reasons import moved, reason, reason_data, state_update
from fairway.engine.control.alarm_rule import child_name, parse_rule
from fairway.engine.control.alarms import Point, evaluate, next_evaluation, starts, window_end
from fairway.engine.control.statistics import compute, read_statistic
from fairway.engine.model.alarm import Alarm, AlarmState
from fairway.engine.services.cloudwatch.queries import answer, key_of
from fairway.engine.services.cloudwatch.windows import gather
from fairway.engine.services.fault import AwsFault
from fairway.engine.store.schema import ALARM_HISTORY, ALARMS
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fairway.engine.model.alarm import Watch
    from fairway.engine.store.metrics import MetricStore
    from fairway.engine.store.store import Change, Store
    from fairway.ids import IdSource


class AlarmsController:
    """One key is the ARN of an alarm."""

    name = "alarms"

    def __init__(self, store: Store, metrics: MetricStore, ids: IdSource) -> None:
        self._store = store
        self._metrics = metrics
        self._ids = ids

    def keys_of(self, change: Change) -> Iterable[str]:
        before, after = change.before, change.after
        alarm = after if after is not None else before
        if not isinstance(alarm, Alarm):
            return ()
        keys = [alarm.arn] if before is None or after is None or _configuration(before) != _configuration(after) else []
        if before is None or after is None or before.state is not after.state:
            keys += [parent.arn for parent in self._composites(alarm.region) if alarm.name in _children(parent)]
        return keys

    def step(self, key: str, now: datetime) -> datetime | None:
        alarm = self._store.get(ALARMS, key)
        if alarm is None:
            return None
        if alarm.watch is None:
            self._evaluate_rule(alarm, now)
            return None
        self._evaluate(alarm, alarm.watch, now)
        return next_evaluation(alarm.watch, now)

    # -- metric alarms -----------------------------------------------------------------------------------------------

    def _evaluate(self, alarm: Alarm, watch: Watch, now: datetime) -> None:
        try:
            points, percentile = self._points(alarm, watch, now)
        except AwsFault as error:
            self._move(alarm, AlarmState.INSUFFICIENT_DATA, error.message, None, now)
            return
        verdict = evaluate(watch, points, alarm.state, percentile)
        if not verdict.keeps:
            self._move(alarm, verdict.state, reason(watch, verdict), reason_data(watch, verdict, now), now)

    def _points(self, alarm: Alarm, watch: Watch, now: datetime) -> tuple[list[Point], float | None]:
        """The points of the evaluation range; and which percentile they are, if they are one.

        Raises:
            AwsFault: the expression does not make sense over what was measured.
        """
        begins = starts(watch, window_end(watch, now))
        if watch.is_math:
            watched = next(query for query in watch.queries if query.returns_data)
            found = answer(self._metrics, alarm.region, watch.queries, {query.id: begins for query in watch.queries})
            series = found[watched.id]
            values = series[0].points if series else {}
            return [Point(start, values.get(start)) for start in begins], None
        (query,) = watch.queries
        statistic = read_statistic(query.statistic)
        measured = gather(self._metrics, key_of(query, alarm.region), begins, query.period, query.unit)
        points = [
            Point(start, compute(statistic, measured[start]), measured[start].count)
            if start in measured
            else Point(start, None)
            for start in begins
        ]
        return points, statistic.percentile

    # -- composite alarms --------------------------------------------------------------------------------------------

    def _evaluate_rule(self, alarm: Alarm, now: datetime) -> None:
        if self._is_in_circle(alarm):
            return  # CloudWatch stops evaluating there as well
        known = {other.name: other for other in self._store.find(ALARMS, "region", alarm.region)}

        def state_of(reference: str) -> AlarmState | None:
            child = known.get(child_name(reference))
            return None if child is None else child.state

        state = AlarmState.ALARM if parse_rule(alarm.rule or "").holds(state_of) else AlarmState.OK
        if state is alarm.state:
            return
        children = [known[name] for name in _children(alarm) if name in known]
        newest = max(children, key=lambda child: child.transitioned_at or child.updated_at, default=None)
        text = f"The rule of {alarm.name} {'holds' if state is AlarmState.ALARM else 'does not hold'}."
        if newest is not None:
            at = newest.transitioned_at or newest.updated_at
            text = f"{newest.arn} transitioned to {newest.state} at {at:%A %d %B, %Y %H:%M:%S} UTC"
        self._move(alarm, state, text, None, now)

    def _is_in_circle(self, alarm: Alarm) -> bool:
        rules = {parent.name: _children(parent) for parent in self._composites(alarm.region)}
        waiting, seen = list(rules.get(alarm.name, ())), set[str]()
        while waiting:
            name = waiting.pop()
            if name == alarm.name:
                return True
            if name not in seen:
                seen.add(name)
                waiting += rules.get(name, ())
        return False

    def _composites(self, region: str) -> list[Alarm]:
        return [alarm for alarm in self._store.find(ALARMS, "region", region) if alarm.is_composite]

    def _move(self, alarm: Alarm, state: AlarmState, text: str, data: str | None, now: datetime) -> None:
        if state is alarm.state:
            return
        changed = moved(alarm, state, text, data, now)
        with self._store.transaction() as tx:
            tx.put(ALARMS, changed)
            tx.put(ALARM_HISTORY, state_update(alarm, changed, uuid(self._ids), now))


def _children(alarm: Alarm) -> set[str]:
    return set() if alarm.rule is None else {child_name(child) for child in parse_rule(alarm.rule).children}


def _configuration(alarm: Alarm) -> Alarm:
    """The alarm without its state."""
    return replace(
        alarm,
        state=AlarmState.OK,
        reason="",
        reason_data=None,
        state_updated_at=None,
        transitioned_at=None,
        tags={},
        actions_enabled=True,
    )
