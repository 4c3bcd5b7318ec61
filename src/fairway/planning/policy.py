"""The IAM policy of a role, from the table of permissions and the project's resources. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.planning.permissions import PERMISSIONS
from fairway.planning.resources import resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.planning.permissions import Permission, Role
    from fairway.project.model import Project

LIMIT: Final = 6144
"""Characters of a managed policy without white space. Source: IAM User Guide, "IAM and AWS STS quotas"."""


def permissions(role: Role, project: Project, scheduled_roles: Sequence[str] = ()) -> list[Permission]:
    """The rows that count for a role: those that the project has resources for."""
    found = resources(project, scheduled_roles)
    return [row for row in PERMISSIONS if role in row.roles and found[row.on]]


def policy(role: Role, project: Project, scheduled_roles: Sequence[str] = ()) -> dict[str, Any]:
    """The least policy for a role: actions on the same resources under the same condition make one statement."""
    found = resources(project, scheduled_roles)
    statements: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in permissions(role, project, scheduled_roles):
        condition = _condition(row, found["cluster"][0])
        key = (found[row.on], repr(condition))
        statement = statements.setdefault(key, {"Effect": "Allow", "Action": [], "Resource": _short(found[row.on])})
        statement["Action"].append(row.action)
        if condition:
            statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": list(statements.values())}


def _condition(row: Permission, cluster: str) -> dict[str, Any]:
    if row.passed_to:
        return {"StringEquals": {"iam:PassedToService": row.passed_to}}
    if row.scales:
        keys = {"service-namespace": "ecs", "scalable-dimension": "ecs:service:DesiredCount"}
        return {"StringEquals": {f"application-autoscaling:{key}": value for key, value in keys.items()}}
    return {"ArnEquals": {"ecs:cluster": cluster}} if row.in_cluster else {}


def _short(arns: tuple[str, ...]) -> str | list[str]:
    return arns[0] if len(arns) == 1 else list(arns)
