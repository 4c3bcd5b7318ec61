"""The engine is told to end: its tasks end because it does, and what is written down says so.

Nothing failed: a stop code of EssentialContainerExited would be counted by a circuit breaker, and a deployment under way
could not go on when the engine starts again. The code is UserInitiated, as if whoever stopped the engine had stopped each
task. Source: ECS API Reference, Task (`stopCode`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.engine.control.task_lifecycle import stop
from fairway.engine.loops.services import listed, tell
from fairway.engine.model.task import StopCode, Task, TaskStatus
from fairway.engine.store.schema import SERVICES, TASKS

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.engine.store.store import Store
    from fairway.ids import IdSource

ENGINE_STOPPED: Final = "Task stopped by user: the local engine was stopped"


def tell_all_to_stop(store: Store, ids: IdSource, now: datetime) -> list[str]:
    """Write down that every living task is to end, and why; the ARNs of those that live."""
    living = [task for task in store.all(TASKS) if task.status is not TaskStatus.STOPPED]
    of_services: dict[str, list[Task]] = {}
    with store.transaction() as tx:
        for task in living:
            if not task.stopping:
                tx.put(TASKS, stop(task, StopCode.USER_INITIATED, ENGINE_STOPPED, now))
                of_services.setdefault(task.service_arn or "", []).append(task)
        for arn, tasks in of_services.items():
            service = store.get(SERVICES, arn)
            if service is not None:
                text = f"has stopped {len(tasks)} running tasks, since the local engine was stopped: {listed(tasks)}."
                tell(tx, store, ids, service, [text], now)
    return [task.arn for task in living]
