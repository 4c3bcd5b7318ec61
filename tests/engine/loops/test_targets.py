from __future__ import annotations

from datetime import timedelta

from tests.engine.control.builders import T0
from tests.engine.control.test_target_health import GROUP, a_target

from fairway.engine.loops.targets import TargetsController
from fairway.engine.model.elb import TargetState
from fairway.engine.model.facts import ProbeResult
from fairway.engine.store.schema import TABLES, TARGET_GROUPS, TARGETS
from fairway.engine.store.store import Store


class Probes:
    """Counts checks that were sent, and answers none."""

    def __init__(self):
        self.sent = []

    def probe(self, group, target):
        self.sent.append((group.arn, target.key))


def test_a_target_is_checked_again_only_after_the_last_check_was_answered():
    store, probes = Store(TABLES), Probes()
    controller = TargetsController(store, probes, rate=lambda: 1.0, is_used=lambda _arn: True)
    with store.transaction() as tx:
        tx.put(TARGET_GROUPS, GROUP)
        target = tx.put(TARGETS, a_target())
    for seconds in (0, 1, 2, 60):
        controller.step(GROUP.arn, T0 + timedelta(seconds=seconds))
    assert probes.sent == [(GROUP.arn, target.key)]
    with store.transaction() as tx:
        controller.learn(tx, ProbeResult(GROUP.arn, target.key, None, "connection", 0.01, T0 + timedelta(seconds=60)))
    assert store.all(TARGETS)[0].state is TargetState.INITIAL
    controller.step(GROUP.arn, T0 + timedelta(seconds=61))
    assert len(probes.sent) == 1
    controller.step(GROUP.arn, T0 + timedelta(seconds=91))
    assert len(probes.sent) == 2
