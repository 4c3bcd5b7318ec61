"""Starts the ECS tasks of rules and schedules, by the code that answers RunTask.

What RunTask refuses is logged, and not tried again: here it would be refused again. AWS shows a failed invocation in metrics
alone. Source: EventBridge User Guide, "How EventBridge retries delivering events"; EventBridge Scheduler User Guide,
"Monitoring Amazon EventBridge Scheduler with Amazon CloudWatch".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from fairway.engine.control.ecs_target import InvalidInput, run_task_request
from fairway.engine.services.fault import AwsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


class RunTask(Protocol):
    """RunTask for a request of the engine's own."""

    def __call__(self, region: str, request: dict[str, Any], caller_arn: str) -> dict[str, Any]:
        """Its answer.

        Raises:
            AwsFault: it is refused.
            StoreUnavailable: nothing was changed.
        """


def invoke(run_task: RunTask, region: str, target: Mapping[str, Any], started_by: str, given: str | None) -> None:
    """Start the tasks of a target. `given`: its input.

    Raises:
        StoreUnavailable: nothing was started; it is worth another attempt.
    """
    try:
        answer = run_task(region, run_task_request(target, started_by, given), target.get("RoleArn", ""))
    except (AwsFault, InvalidInput) as error:
        code = error.code if isinstance(error, AwsFault) else "InvalidInput"
        log.warning("%s did not start a task in %s: %s: %s", started_by, target["Arn"], code, error)
        return
    for failure in answer["failures"]:
        log.warning("%s did not start a task in %s: %s", started_by, target["Arn"], failure.get("reason"))
    tasks = [task["taskArn"] for task in answer["tasks"]]
    log.info("%s started %s", started_by, ", ".join(tasks))
