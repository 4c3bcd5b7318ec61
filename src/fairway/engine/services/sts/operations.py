"""Who somebody is: every key belongs to the one account of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.services.operation import OperationTable

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

OPERATIONS: Final = OperationTable("sts")


@OPERATIONS.operation("GetCallerIdentity")
def get_caller_identity(ctx: Context, request: Request) -> Response:
    """The account, and a user named after the access key."""
    del request
    return {"UserId": ctx.caller_arn.rsplit("/", 1)[-1], "Account": ctx.account, "Arn": ctx.caller_arn}


@OPERATIONS.operation("AssumeRole")
def assume_role(ctx: Context, request: Request) -> Response:
    """Credentials of a role; the engine checks no permissions, so that any role can be assumed."""
    role = request["RoleArn"].rsplit("/", 1)[-1]
    session = request["RoleSessionName"]
    return {
        "Credentials": {
            "AccessKeyId": f"ASIA{role}"[:128],
            "SecretAccessKey": ctx.ids.url_safe(40),
            "SessionToken": ctx.ids.url_safe(64),
            "Expiration": ctx.now + timedelta(seconds=request.get("DurationSeconds", 3600)),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROA{ctx.ids.hexadecimal(16).upper()}:{session}",
            "Arn": f"arn:aws:sts::{ctx.account}:assumed-role/{role}/{session}",
        },
    }
