"""Who somebody is: every key belongs to the one account of the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.store.schema import NOTES, Note

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response
    from fairway.engine.store.store import Store


class ValidationError(AwsFault):
    """A parameter is not valid."""

    code = "ValidationError"


OPERATIONS: Final = OperationTable("sts", lambda member: ValidationError(not_here(member)))
SESSION: Final = "session|"
"""Before an access key, in the name of the note that holds the ARN of the role session."""


def caller_arn(store: Store, account: str, access_key: str) -> str:
    """Who uses an access key: the role session that it was given to, else a user named after it."""
    note = store.get(NOTES, f"{SESSION}{access_key}")
    if note is not None:
        return note.value
    # access keys are not looked up, any will do
    name = "".join(c for c in access_key if c.isalnum() or c in "-_.")[:64] or "anonymous"
    return f"arn:aws:iam::{account}:user/{name}"


@OPERATIONS.operation("GetCallerIdentity")
def get_caller_identity(ctx: Context, request: Request) -> Response:
    """The account, and a user named after the access key."""
    del request
    return {"UserId": ctx.caller_arn.rsplit("/", 1)[-1], "Account": ctx.account, "Arn": ctx.caller_arn}


@OPERATIONS.operation(
    "AssumeRole",
    ignores=(
        "PolicyArns",
        "Policy",
        "Tags",
        "TransitiveTagKeys",
        "ExternalId",
        "SerialNumber",
        "TokenCode",
        "SourceIdentity",
        "ProvidedContexts",
        "MinimumSessionTokenSize",
    ),
)
def assume_role(ctx: Context, request: Request) -> Response:
    """Credentials of a role; the engine checks no permissions, so that any role can be assumed."""
    role = request["RoleArn"].rsplit("/", 1)[-1]
    session = request["RoleSessionName"]
    key = f"ASIA{ctx.ids.hexadecimal(16).upper()}"
    expires = ctx.now + timedelta(seconds=request.get("DurationSeconds", 3600))
    arn = f"arn:aws:sts::{ctx.account}:assumed-role/{role}/{session}"
    with ctx.store.transaction() as tx:
        tx.put(NOTES, Note(f"{SESSION}{key}", arn))
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": ctx.ids.url_safe(40),
            "SessionToken": ctx.ids.url_safe(64),
            "Expiration": expires,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROA{ctx.ids.hexadecimal(16).upper()}:{session}",
            "Arn": arn,
        },
    }
