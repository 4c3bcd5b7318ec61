"""Fairway: deploys services to Amazon ECS, and rehearses the same deployment on one machine first.

The package is lazy (PEP 562): importing it, or one of its pure parts, loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fairway.api import Deployed, WentBack, deploy, plan, rollback
    from fairway.deployment.outcome import Ending, Outcome
    from fairway.deployment.pipeline import Options, Result
    from fairway.deployment.progress import Change, Listener
    from fairway.deployment.release import Choices
    from fairway.deployment.steps import Step, choose_steps
    from fairway.deployment.subject import Finding, Health
    from fairway.errors import (
        DeploymentFailed,
        DeploymentHeld,
        DeploymentRolledBack,
        DeploymentSuperseded,
        FairwayError,
        UsageError,
    )
    from fairway.lint.project import lint_project
    from fairway.project.load import load_project
    from fairway.project.model import Project

_EXPORTS: Final[dict[str, str]] = {
    "Change": "fairway.deployment.progress",
    "Choices": "fairway.deployment.release",
    "Deployed": "fairway.api",
    "DeploymentFailed": "fairway.errors",
    "DeploymentHeld": "fairway.errors",
    "DeploymentRolledBack": "fairway.errors",
    "DeploymentSuperseded": "fairway.errors",
    "Ending": "fairway.deployment.outcome",
    "FairwayError": "fairway.errors",
    "Finding": "fairway.deployment.subject",
    "Health": "fairway.deployment.subject",
    "Listener": "fairway.deployment.progress",
    "Options": "fairway.deployment.pipeline",
    "Outcome": "fairway.deployment.outcome",
    "Project": "fairway.project.model",
    "Result": "fairway.deployment.pipeline",
    "Step": "fairway.deployment.steps",
    "UsageError": "fairway.errors",
    "WentBack": "fairway.api",
    "choose_steps": "fairway.deployment.steps",
    "deploy": "fairway.api",
    "lint_project": "fairway.lint.project",
    "load_project": "fairway.project.load",
    "plan": "fairway.api",
    "rollback": "fairway.api",
}

__all__ = [
    "Change",
    "Choices",
    "Deployed",
    "DeploymentFailed",
    "DeploymentHeld",
    "DeploymentRolledBack",
    "DeploymentSuperseded",
    "Ending",
    "FairwayError",
    "Finding",
    "Health",
    "Listener",
    "Options",
    "Outcome",
    "Project",
    "Result",
    "Step",
    "UsageError",
    "WentBack",
    "choose_steps",
    "deploy",
    "lint_project",
    "load_project",
    "plan",
    "rollback",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
