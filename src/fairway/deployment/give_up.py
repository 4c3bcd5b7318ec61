"""When a deployment is given up before ECS's circuit breaker would: at the first clear sign that no new task can ever start. Pure.

ECS's breaker waits for 3 to 200 failures, each after a start throttle that grows to 27 minutes; a broken release of a large
service is told after an hour. But a revision whose image or secret does not exist will not start at the fourth try either.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fairway.observed import Picture, Task

SAME_EXITS: Final = 3
"""So many tasks that ended with the same exit code in the same container, and none that ever became healthy."""
_NO_IMAGE: Final = re.compile(
    r"CannotPullContainer.*(?:not found|does not exist|manifest unknown|failed to resolve ref)",
    re.DOTALL | re.IGNORECASE,
)
_UNREACHABLE: Final = re.compile(r"time(?:d )?out|dial|connection|tls|denied|too ?many", re.IGNORECASE)
"""What else may stand behind a reference that cannot be resolved, and may pass."""
_NO_SECRET: Final = re.compile(
    r"ResourceInitializationError.*(?:can.t find the specified secret|check whether the secret exists|invalid parameters:)",
    re.DOTALL | re.IGNORECASE,
)
"""What AWS says of a secret or parameter that is not there.

Source: ECS Developer Guide, "Troubleshooting Amazon ECS ResourceInitializationError errors" and "CannotPullContainer task errors".
"""
_BY_SCHEDULER: Final = frozenset({"ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption"})


def clear_sign(picture: Picture) -> str | None:
    """Why no task of the revision that is brought in can ever start; None: it may.

    A revision of which a task became healthy can start: whatever happens to the others is for ECS's breaker to judge.
    """
    target = picture.target
    if target is None:
        return None
    if any(task.task_definition == target.arn and task.health == "HEALTHY" for task in picture.tasks):
        return None
    stopped = [task for task in picture.stopped if task.task_definition == target.arn and _is_of(task, picture)]
    if any(task.health == "HEALTHY" for task in stopped):
        return None
    for task in stopped:
        said = " ".join([task.stopped_reason, *(container.reason for container in task.containers)])
        if _NO_IMAGE.search(said) and not _UNREACHABLE.search(said):
            return "its image does not exist"
        if _NO_SECRET.search(said):
            return "a secret that it needs does not exist"
    return _same_exit(stopped)


def _is_of(task: Task, picture: Picture) -> bool:
    """Stopped in this deployment, not in an earlier one of the same revision."""
    record = picture.deployment
    return record is None or task.created_at >= record.created_at


def _same_exit(stopped: list[Task]) -> str | None:
    ends = Counter(
        (container.name, container.exit_code)
        for task in stopped
        if task.stop_code not in _BY_SCHEDULER
        for container in task.containers
        if container.exit_code not in {None, 0, 143}
    )
    for (container, code), count in ends.most_common(1):
        if count >= SAME_EXITS:
            return f"{count} of its tasks ended with exit code {code} in container {container}, and none became healthy"
    return None
