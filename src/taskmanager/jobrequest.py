"""Counts how jobs end. In the worker's own process: those of its pool come and go."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from billiard.exceptions import WorkerLostError
from celery.exceptions import Ignore, Reject, Terminated
from celery.worker.request import Request

ended: Final[Counter[tuple[str, str]]] = Counter()
"""How often a job (first) ended so (second): the outcomes of `taskmanager.outbox.attempts`, and those below."""
FAILURES: Final = frozenset({"failed", "parked", "lost", "timeout"})


def outcome_of(error: BaseException) -> str:
    """How a job ended that did not simply return."""
    # celery wraps what came out of another process
    cause = getattr(error, "exc", None) if type(error).__name__ == "ExceptionWithTraceback" else error
    match cause:
        case Ignore():
            return str(cause)
        case Reject() | Terminated() | SystemExit():
            # told to, or ended by a stop: the broker gives it to another worker
            return "put-back"
        case WorkerLostError():
            return "lost"
        case _:
            return "failed"


class JobRequest(Request):
    """A job as the worker's own process sees it."""

    _counted = False

    def _count(self, outcome: str) -> None:
        if not self._counted:
            self._counted = True
            ended[str(self.name), outcome] += 1

    def acknowledge(self) -> None:
        self._count("done")
        super().acknowledge()  # type: ignore[no-untyped-call]

    def on_failure(self, exc_info: Any, *arguments: Any, **options: Any) -> Any:
        self._count(outcome_of(exc_info.exception))
        return super().on_failure(exc_info, *arguments, **options)  # type: ignore[no-untyped-call]

    def on_timeout(self, soft: bool, timeout: float) -> Any:  # noqa: FBT001  # celery calls it so
        if not soft:
            self._count("timeout")
        return super().on_timeout(soft, timeout)  # type: ignore[no-untyped-call]
