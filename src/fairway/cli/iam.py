"""`fairway iam`: the least IAM policy that a role needs for this project. Offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from fairway.cli.output import Output

EXAMPLES: Final = """  fairway iam --role deploy --env production > deploy-policy.json
  aws iam put-role-policy --role-name ci-deploy --policy-name fairway --policy-document file://deploy-policy.json
  fairway iam --role plan --env production --why      which action is for what

plan: `check`, `plan`, `cost`, `render`. watch: `status`, `watch`, `why`, `history`, `logs`. deploy: those, and `deploy`, `rollback`,
`apply`, `watch --pending`. Roles are passed to the services that take them alone (iam:PassedToService).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", required=True, choices=("plan", "deploy", "watch"), help="for whom")
    parser.add_argument(
        "--scheduled-role",
        action="append",
        default=[],
        metavar="ROLE",
        help="the role by which EventBridge starts a task of [scheduled]; name or ARN",
    )
    parser.add_argument("--why", action="store_true", help="a table of the actions and reasons, instead of the policy")


def run(arguments: argparse.Namespace, out: Output) -> int:
    from fairway.planning.permissions import Role  # noqa: PLC0415 - only what a verb needs is imported
    from fairway.planning.policy import LIMIT, permissions, policy  # noqa: PLC0415
    from fairway.project.load import load_project  # noqa: PLC0415

    project = load_project(Path.cwd(), arguments.env, is_needed=True)
    role = Role(arguments.role)
    if role is Role.DEPLOY and project.scheduled and not arguments.scheduled_role:
        raise UsageError(
            f"fairway.toml has scheduled tasks ({', '.join(project.scheduled)}), and does not say by which role they are started",
            hint="--scheduled-role ROLE: RoleArn in aws events list-targets-by-rule, or in aws scheduler get-schedule",
        )
    if arguments.why:
        for row in permissions(role, project, arguments.scheduled_role):
            out.text(f"{row.action:<50}{row.on:<28}{row.why}")
            out.event("permission", action=row.action, on=row.on, why=row.why, passed_to=row.passed_to or None)
        return 0
    made = policy(role, project, arguments.scheduled_role)
    out.text(json.dumps(made, indent=2, ensure_ascii=False))
    out.document(made)
    size = len(json.dumps(made, separators=(",", ":")))
    if size > LIMIT:
        out.note(
            f"{size} characters: a managed policy has at most {LIMIT}. Put it into the role itself (10,240), or split it"
        )
    return 0
