"""Checks of the roles that tasks have."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import Arn, is_arn
from fairway.checks.finding import Check, Finding, failed, not_checked, ok
from fairway.checks.references import role_references
from fairway.preconditions import Role, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.checks.situation import Situation

ROLE: Final = Check(
    "role",
    "Execution and task roles exist, and ECS tasks may assume them",
    "Without its execution role a task pulls no image and reads no secret; ECS says so only when each task fails to start.",
    ("iam:GetRole",),
    'ECS Developer Guide, "Amazon ECS task execution IAM role"',
    laptop="the local engine asks no role for anything",
)
PRINCIPAL: Final = "ecs-tasks.amazonaws.com"
_ACTION: Final = "sts:AssumeRole"


def role(situation: Situation) -> Iterator[Finding]:
    """Each role once, whichever definitions name it."""
    users: dict[str, list[str]] = {}
    for part in situation.parts:
        for member, name in role_references(part):
            users.setdefault(name, []).append(f"{part.key}.{member}")
    for name, by in users.items():
        short = name.rsplit("/", 1)[-1]
        subject = f"{short} ({', '.join(by)})"
        found = situation.facts.roles.get(name)
        account = Arn.parse(name).account if is_arn(name) else situation.environment.account
        if account != situation.environment.account and situation.environment.account is not None:
            yield failed(
                ROLE,
                subject,
                f"it belongs to account {account}, and a task takes only roles of its own",
                f"name a role of account {situation.environment.account}",
            )
        elif isinstance(found, Unread):
            yield not_checked(ROLE, subject, found.reason)
        elif found is None:
            yield failed(ROLE, subject, "there is no such role", "make it, or correct its name in the task definition")
        elif not trusts_tasks(found):
            yield failed(
                ROLE,
                subject,
                f"its trust policy lets no {PRINCIPAL} assume it",
                f'allow {_ACTION} to {{"Service": "{PRINCIPAL}"}}: aws iam update-assume-role-policy --role-name {short} …',
            )
        else:
            yield ok(ROLE, subject, "ECS tasks may assume it")


def trusts_tasks(role: Role) -> bool:
    """Its trust policy allows ecs-tasks.amazonaws.com to assume it. Conditions are taken as met.

    Source: IAM User Guide, "IAM JSON policy elements: Principal" (a service, a list, or `*`), "Action" (wildcards).
    """
    statements = role.trust.get("Statement") or []
    return any(_allows(item) for item in (statements if isinstance(statements, list) else [statements]))


def _allows(statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else []
    trusted = principal == "*" or PRINCIPAL in services
    return trusted and any(fnmatchcase(_ACTION.lower(), text.lower()) for text in _listed(statement.get("Action")))


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
