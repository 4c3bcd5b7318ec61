"""Facts reach the controller that knows what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.engine.model.facts import ProbeResult, TargetIdle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.engine.loops.kernel import Fact
    from fairway.engine.loops.targets import TargetsController
    from fairway.engine.loops.tasks import TasksController
    from fairway.engine.store.store import Store


def learn(store: Store, facts: Sequence[Fact], tasks: TasksController, targets: TargetsController) -> None:
    """Write down what happened, all of it or nothing."""
    with store.transaction() as tx:
        for fact in facts:
            match fact:
                case ProbeResult() | TargetIdle():
                    targets.learn(tx, fact)
                case _:
                    tasks.learn(tx, fact)
