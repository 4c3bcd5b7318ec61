"""Looks after target groups: probes targets, and lets the health rules make of it what a load balancer would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fairway.engine.control.target_health import TargetGroupView, apply_probe, reconcile
from fairway.engine.model.elb import Listener, LoadBalancer, Rule, Target, TargetGroup, target_row_key
from fairway.engine.store.schema import TARGET_GROUPS, TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fairway.engine.model.facts import ProbeResult, TargetIdle
    from fairway.engine.store.store import Change, Store, Transaction


class Prober(Protocol):
    """Sends one health check; the result arrives as a fact."""

    def probe(self, group: TargetGroup, target: Target) -> None:
        """Begin it and return at once."""


class TargetsController:
    """One key is the ARN of a target group."""

    name = "targets"

    def __init__(
        self,
        store: Store,
        prober: Prober,
        *,
        rate: Callable[[], float],
        is_used: Callable[[str], bool],
    ) -> None:
        """`is_used`: whether a listener or a rule sends traffic to a target group."""
        self._store = store
        self._prober = prober
        self._rate = rate
        self._is_used = is_used
        self._probing: set[str] = set()

    def keys_of(self, change: Change) -> Iterable[str]:
        entity = change.after if change.after is not None else change.before
        match entity:
            case TargetGroup():
                return (entity.arn,)
            case Target():
                return (entity.target_group_arn,)
            case Listener() | Rule() | LoadBalancer():
                return tuple(group.arn for group in self._store.all(TARGET_GROUPS))
            case _:
                return ()

    def step(self, key: str, now: datetime) -> datetime | None:
        group = self._store.get(TARGET_GROUPS, key)
        if group is None:
            return None
        targets = self._store.find(TARGETS, "target_group", key)
        if not targets:
            return None
        view = TargetGroupView(
            group=group,
            targets=tuple(targets),
            in_use=self._is_used(key),
            probing=frozenset(t.key for t in targets if target_row_key(t) in self._probing),
            rate=self._rate(),
        )
        decision = reconcile(view, now)
        with self._store.transaction() as tx:
            for target in decision.targets:
                tx.put(TARGETS, target)
            for target in decision.removed:
                tx.delete(TARGETS, target_row_key(target))
        for target in decision.probes:
            self._probing.add(target_row_key(target))
            self._prober.probe(group, target)
        return decision.next_check

    def learn(self, tx: Transaction, fact: ProbeResult | TargetIdle) -> None:
        """Take in what was found at a target."""
        key = f"{fact.target_group_arn}|{fact.target_key}"
        self._probing.discard(key)
        target = self._store.get(TARGETS, key)
        group = self._store.get(TARGET_GROUPS, fact.target_group_arn)
        if target is None or group is None:
            return
        tx.put(TARGETS, apply_probe(target, fact, group.health_check))

    def forget(self) -> None:
        """Nothing is being probed any more."""
        self._probing.clear()
