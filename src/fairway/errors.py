"""The errors that a user of Fairway meets.

    FairwayError                     exit 1   error in Fairway or AWS, nothing decided
    ├── UsageError                   exit 2   invalid usage or file: nothing changed
    ├── DeploymentRolledBack         exit 4   failed and rolled back, all of it
    ├── DeploymentFailed             exit 5   failed and not, or not wholly, rolled back
    ├── DeploymentHeld               exit 6   inconclusive, held or handed over while ECS goes on
    └── DeploymentSuperseded         exit 7   locked, aborted or superseded

Each has a stable `code`, a message (what happened, to which resource) and a `hint` (the next command or the remedy).
"""

from __future__ import annotations

from typing import ClassVar


class FairwayError(Exception):
    """An error with a stable code, a process exit code and a hint at the remedy."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FairwayError):
    """Invalid usage or an invalid file; nothing was changed."""

    code, exit_code = "usage", 2


class DeploymentRolledBack(FairwayError):
    """ECS undid the service deployment that we started (circuit breaker, alarm or failed hook)."""

    code, exit_code = "deployment-rolled-back", 4


class DeploymentFailed(FairwayError):
    """The deployment failed and was not, or not wholly, rolled back."""

    code, exit_code = "deployment-failed", 5


class DeploymentHeld(FairwayError):
    """No verdict yet: held, inconclusive, or handed over at a time-out while ECS goes on."""

    code, exit_code = "deployment-held", 6


class DeploymentSuperseded(FairwayError):
    """Locked by somebody, aborted, or overtaken by a newer deployment that is not ours."""

    code, exit_code = "deployment-superseded", 7
