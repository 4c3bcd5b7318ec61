"""Secrets with versions and stages."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.vault import Secret, SecretVersion
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.services.pages import page_of
from fairway.engine.services.secretsmanager.resolve import CURRENT, find_secret, version_of
from fairway.engine.store.schema import SECRETS
from fairway.ids import uuid

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

PREVIOUS: Final = "AWSPREVIOUS"
_WINDOW_DAYS: Final = 30


class ResourceNotFoundException(AwsFault):
    """No such secret or version."""

    code = "ResourceNotFoundException"


class ResourceExistsException(AwsFault):
    """The name or the version is taken."""

    code = "ResourceExistsException"


class InvalidRequestException(AwsFault):
    """The secret's state does not allow it."""

    code = "InvalidRequestException"


class InvalidNextTokenException(AwsFault):
    """The token is not one that was given out."""

    code = "InvalidNextTokenException"


class InvalidParameterException(AwsFault):
    """A parameter is not valid."""

    code = "InvalidParameterException"


OPERATIONS: Final = OperationTable("secretsmanager", lambda member: InvalidParameterException(not_here(member)))


def _need(ctx: Context, reference: str, *, deleted_too: bool = False) -> Secret:
    secret = find_secret(ctx.store, ctx.region, reference)
    if secret is None:
        raise ResourceNotFoundException("Secrets Manager can't find the specified secret.")
    if secret.deleted_at is not None and not deleted_too:
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    return secret


def _put(ctx: Context, secret: Secret) -> Secret:
    with ctx.store.transaction() as tx:
        return tx.put(SECRETS, secret)


def _binary(value: Any) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def add_version(secret: Secret, version: SecretVersion) -> Secret:
    """The secret with a version that takes its stages from the others. Pure."""
    versions = []
    for old in secret.versions:
        stages = [stage for stage in old.stages if stage not in version.stages]
        if CURRENT in version.stages:
            stages = [stage for stage in stages if stage != PREVIOUS]
            if CURRENT in old.stages:
                stages.append(PREVIOUS)
        versions.append(replace(old, stages=tuple(stages)))
    kept = [old for old in versions if old.stages]
    return replace(secret, versions=(*kept, version), changed_at=version.created_at)


@OPERATIONS.operation(
    "CreateSecret",
    refuses=("AddReplicaRegions", "Type", "CrossAccountPrimaryARN"),
    ignores=("ForceOverwriteReplicaSecret",),
)
def create_secret(ctx: Context, request: Request) -> Response:
    """Create a secret; the same token with the same value is answered alike."""
    name, token = request["Name"], request.get("ClientRequestToken") or uuid(ctx.ids)
    living = find_secret(ctx.store, ctx.region, name)
    value, binary = request.get("SecretString"), _binary(request.get("SecretBinary"))
    if living is not None:
        same = version_of(living, None, token)
        if same is not None and (same.string, same.binary) == (value, binary):
            return {"ARN": living.arn, "Name": name, "VersionId": token}
        if living.deleted_at is not None:
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        raise ResourceExistsException(f"The operation failed because the secret {name} already exists.")
    versions: tuple[SecretVersion, ...] = ()
    if value is not None or binary is not None:
        versions = (SecretVersion(token, (CURRENT,), ctx.now, value, binary),)
    secret = Secret(
        arn=f"arn:aws:secretsmanager:{ctx.region}:{ctx.account}:secret:{name}-{_suffix(ctx)}",
        name=name,
        region=ctx.region,
        description=request.get("Description", ""),
        created_at=ctx.now,
        changed_at=ctx.now,
        versions=versions,
        kms_key_id=request.get("KmsKeyId"),
        tags=_tags(request),
    )
    _put(ctx, secret)
    return {"ARN": secret.arn, "Name": name} | ({"VersionId": token} if versions else {})


def _tags(request: Request) -> dict[str, str]:
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in request.get("Tags", ())}
    if "" in tags:
        raise InvalidParameterException("The key of a tag can't be empty.")
    return tags


def _suffix(ctx: Context) -> str:
    """Six letters and digits, as AWS puts them behind the name."""
    return "".join(c if c.isalnum() else "x" for c in ctx.ids.url_safe(6))


@OPERATIONS.operation("PutSecretValue", refuses=("RotationToken",))
def put_secret_value(ctx: Context, request: Request) -> Response:
    """Add a version."""
    secret = _need(ctx, request["SecretId"])
    token = request.get("ClientRequestToken") or uuid(ctx.ids)
    stages = tuple(request.get("VersionStages") or (CURRENT,))
    value, binary = request.get("SecretString"), _binary(request.get("SecretBinary"))
    same = version_of(secret, None, token)
    if same is not None and same.version_id == token:
        if (same.string, same.binary) != (value, binary):
            raise ResourceExistsException("A version with this token exists, with another value.")
    else:
        secret = _put(ctx, add_version(secret, SecretVersion(token, stages, ctx.now, value, binary)))
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": list(stages)}


@OPERATIONS.operation("UpdateSecret", refuses=("Type",))
def update_secret(ctx: Context, request: Request) -> Response:
    """Change the description, or the value by a new version."""
    secret = _need(ctx, request["SecretId"])
    changed = replace(secret, description=request.get("Description", secret.description))
    shown = {"ARN": secret.arn, "Name": secret.name}
    value, binary = request.get("SecretString"), _binary(request.get("SecretBinary"))
    if value is not None or binary is not None:
        token = request.get("ClientRequestToken") or uuid(ctx.ids)
        changed = add_version(changed, SecretVersion(token, (CURRENT,), ctx.now, value, binary))
        shown["VersionId"] = token
    _put(ctx, changed)
    return shown


@OPERATIONS.operation("GetSecretValue")
def get_secret_value(ctx: Context, request: Request) -> Response:
    """The value of a version."""
    secret = _need(ctx, request["SecretId"])
    version = version_of(secret, request.get("VersionStage"), request.get("VersionId"))
    if version is None:
        what = request.get("VersionStage") or request.get("VersionId") or CURRENT
        raise ResourceNotFoundException(f"Secrets Manager can't find the specified secret value for: {what}")
    shown: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.version_id,
        "VersionStages": list(version.stages),
        "CreatedDate": version.created_at,
    }
    if version.string is not None:
        shown["SecretString"] = version.string
    if version.binary is not None:
        shown["SecretBinary"] = base64.b64decode(version.binary)
    return shown


@OPERATIONS.operation("DescribeSecret")
def describe_secret(ctx: Context, request: Request) -> Response:
    """Everything but the value."""
    return _show(_need(ctx, request["SecretId"], deleted_too=True))


def _show(secret: Secret) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description,
        "CreatedDate": secret.created_at,
        "LastChangedDate": secret.changed_at,
        "Tags": [{"Key": key, "Value": value} for key, value in secret.tags.items()],
        "VersionIdsToStages": {v.version_id: list(v.stages) for v in secret.versions},
    }
    if secret.deleted_at is not None:
        shown["DeletedDate"] = secret.deleted_at
    if secret.kms_key_id:
        shown["KmsKeyId"] = secret.kms_key_id
    return shown


@OPERATIONS.operation("ListSecrets", refuses=("SortOrder", "SortBy"))
def list_secrets(ctx: Context, request: Request) -> Response:
    """Secrets of the region; filters by name and tag."""
    secrets = [s for s in ctx.store.all(SECRETS) if s.region == ctx.region]
    if not request.get("IncludePlannedDeletion"):
        secrets = [s for s in secrets if s.deleted_at is None]
    for condition in request.get("Filters", ()):
        key, values = condition.get("Key"), condition.get("Values", ())
        match key:
            case "name":
                secrets = [s for s in secrets if any(s.name.startswith(value) for value in values)]
            case "tag-key":
                secrets = [s for s in secrets if any(k.startswith(value) for k in s.tags for value in values)]
            case "tag-value":
                secrets = [s for s in secrets if any(v.startswith(value) for v in s.tags.values() for value in values)]
            case _:
                raise InvalidParameterException(f"The filter {key} is not supported by this engine.")
    shown = []
    page, token = page_of(secrets, request.get("NextToken"), request.get("MaxResults", 100), InvalidNextTokenException)
    for secret in page:
        item = _show(secret)
        item["SecretVersionsToStages"] = item.pop("VersionIdsToStages")
        shown.append(item)
    return {"SecretList": shown} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("DeleteSecret")
def delete_secret(ctx: Context, request: Request) -> Response:
    """Mark a secret for deletion, or delete it at once by force."""
    secret = _need(ctx, request["SecretId"], deleted_too=True)
    if request.get("ForceDeleteWithoutRecovery"):
        with ctx.store.transaction() as tx:
            tx.delete(SECRETS, secret.arn)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": ctx.now}
    ends = ctx.now + timedelta(days=request.get("RecoveryWindowInDays", _WINDOW_DAYS))
    _put(ctx, replace(secret, deleted_at=ctx.now, recovery_ends_at=ends))
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": ends}


@OPERATIONS.operation("RestoreSecret")
def restore_secret(ctx: Context, request: Request) -> Response:
    """Take a deletion back."""
    secret = _need(ctx, request["SecretId"], deleted_too=True)
    _put(ctx, replace(secret, deleted_at=None, recovery_ends_at=None))
    return {"ARN": secret.arn, "Name": secret.name}


@OPERATIONS.operation("ListSecretVersionIds", ignores=("IncludeDeprecated",))
def list_secret_version_ids(ctx: Context, request: Request) -> Response:
    """The versions of a secret."""
    secret = _need(ctx, request["SecretId"], deleted_too=True)
    versions = [
        {"VersionId": v.version_id, "VersionStages": list(v.stages), "CreatedDate": v.created_at}
        for v in secret.versions
    ]
    return {"Versions": versions, "ARN": secret.arn, "Name": secret.name}


@OPERATIONS.operation("TagResource")
def tag_resource(ctx: Context, request: Request) -> Response:
    """Add tags."""
    secret = _need(ctx, request["SecretId"])
    _put(ctx, replace(secret, tags={**secret.tags, **_tags(request)}))
    return {}


@OPERATIONS.operation("UntagResource")
def untag_resource(ctx: Context, request: Request) -> Response:
    """Remove tags."""
    secret = _need(ctx, request["SecretId"])
    gone = set(request["TagKeys"])
    _put(ctx, replace(secret, tags={k: v for k, v in secret.tags.items() if k not in gone}))
    return {}
