"""Which tasks failed after their deployment had ended well: crashed, turned unhealthy, or killed for their memory. Pure.

ECS's rolling deployment calls a release SUCCESSFUL that dies a minute later: its tasks are replaced, again and again. Not
counted: what ECS stopped to scale in or to deploy, what somebody stopped, Spot's interruptions and retired hosts, and a task
that could not be started at all (no capacity, no image), for which the release is not to blame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.deployment.changes import is_failure
from fairway.deployment.failures import to_blame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from fairway.observed import Task

_NOT_ITS_FAULT: Final = frozenset({"SpotInterruption", "TerminationNotice", "UserInitiated", "TaskFailedToStart"})
_SHORT_ID: Final = 8


def task_failures(tasks: Iterable[Task], target: str, since: datetime) -> dict[str, str]:
    """ARN -> what happened, of each task of the revision `target` that failed after `since`; the oldest first."""
    found = sorted(
        ((task.stopped_at or since, task.arn, text) for task in tasks if (text := _failure(task, target, since))),
    )
    return {arn: text for _, arn, text in found}


def _failure(task: Task, target: str, since: datetime) -> str | None:
    if task.task_definition != target:
        return None
    if not task.stop_code:
        return f"task {task.id[:_SHORT_ID]} is UNHEALTHY" if task.health == "UNHEALTHY" else None
    if task.stop_code in _NOT_ITS_FAULT or not is_failure(task):
        return None
    if task.stopped_at is not None and task.stopped_at <= since:
        return None
    container = to_blame(task)
    why = task.stopped_reason
    if container is not None and container.exit_code is not None:
        why += (
            f" ({container.name}: exit code {container.exit_code}{', ' if container.reason else ''}{container.reason})"
        )
    elif container is not None and container.reason:
        why += f" ({container.name}: {container.reason})"
    return f"task {task.id[:_SHORT_ID]}: {why}"
