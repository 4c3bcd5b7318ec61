"""When a deployment has failed too often.

Source: ECS Developer Guide, "How the Amazon ECS deployment circuit breaker detects failures".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.engine.model.service import CircuitBreaker, ThresholdType
from fairway.engine.model.task import StopCode

if TYPE_CHECKING:
    from fairway.engine.model.task import Task

LEAST: Final = 3
MOST: Final = 200


def threshold(breaker: CircuitBreaker, desired: int) -> int:
    """How many failures trip it, at the newest desired count. Percentages round up; only BOUNDED_PERCENT is clamped to 3..200.

    BOUNDED 50: desired=1 -> 3, 7 -> 4, 25 -> 13, 800 -> 200     UNBOUNDED 50: 800 -> 400     COUNT 5: 5
    """
    match breaker.threshold_type:
        case ThresholdType.COUNT:
            return breaker.threshold_value
        case ThresholdType.UNBOUNDED_PERCENT:
            return max(1, -(-desired * breaker.threshold_value // 100))
        case ThresholdType.BOUNDED_PERCENT:
            return min(MOST, max(LEAST, -(-desired * breaker.threshold_value // 100)))


def failed_at_launch(task: Task) -> bool:
    """The task ended, or is ending, without having reached RUNNING, and nobody asked for it (stage 1)."""
    return task.stopping and task.started_at is None and task.stop_code is StopCode.TASK_FAILED_TO_START


def failed_after_start(task: Task, *, failed_checks: bool) -> bool:
    """A task that started failed its health checks, or an essential container exited before it ever counted as healthy (stage 2).

    Once a task has counted as healthy, an exit of an essential container is an ordinary replacement.
    """
    if failed_checks:
        return True
    return task.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED and not task.became_healthy


@dataclass(frozen=True, slots=True)
class FailureCount:
    """What the breaker remembers of a deployment."""

    failures: int = 0
    reached_running: bool = False
    """Stage 2: failed launches no longer count."""

    def running(self) -> FailureCount:
        """A task reached RUNNING: the first one ends stage 1, whose failures are forgotten."""
        return self if self.reached_running else FailureCount(0, reached_running=True)

    def launch_failed(self, tasks: int) -> FailureCount:
        return self if self.reached_running else FailureCount(self.failures + tasks, reached_running=False)

    def failed(self, tasks: int) -> FailureCount:
        return FailureCount(self.failures + tasks, self.reached_running)

    def healthy(self, breaker: CircuitBreaker) -> FailureCount:
        """A task counted as healthy for the first time."""
        return FailureCount(0, self.reached_running) if breaker.reset_on_healthy_task else self
