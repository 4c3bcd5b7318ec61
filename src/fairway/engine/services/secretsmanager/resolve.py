"""What a container's `valueFrom` stands for, when it names a secret.

Source: ECS Developer Guide, "Pass Secrets Manager secrets through environment variables".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from fairway.engine.services.fault import AwsFault
from fairway.engine.store.schema import SECRETS

if TYPE_CHECKING:
    from fairway.engine.model.vault import Secret, SecretVersion
    from fairway.engine.store.store import Store

CURRENT: Final = "AWSCURRENT"
_ARN_PARTS: Final = 7
_SUFFIX_LENGTH: Final = 7


class ResourceInitializationError(AwsFault):
    """A task cannot be given what it needs; the text becomes its stopped reason."""

    code = "ResourceInitializationError"

    def __init__(self, message: str) -> None:
        super().__init__(f"ResourceInitializationError: {message}")


def find_secret(store: Store, region: str, reference: str) -> Secret | None:
    """A secret by name, ARN, or ARN without the six random characters."""
    if not reference.startswith("arn:"):
        return next(iter(store.find(SECRETS, "name", f"{region}|{reference}")), None)
    secret = store.get(SECRETS, reference)
    if secret is not None:
        return secret
    parts = reference.split(":")
    if len(parts) < _ARN_PARTS:
        return None
    return next(iter(store.find(SECRETS, "name", f"{parts[3]}|{':'.join(parts[6:])}")), None)


def version_of(secret: Secret, stage: str | None, version_id: str | None) -> SecretVersion | None:
    """The version with this id, or this stage (AWSCURRENT without either)."""
    wanted = stage or (None if version_id else CURRENT)
    for version in secret.versions:
        if version_id not in {None, "", version.version_id}:
            continue
        if wanted is None or wanted in version.stages:
            return version
    return None


def resolve_secret(store: Store, value_from: str, region: str) -> str:
    """The value of `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:json-key:stage:version-id]`.

    Raises:
        ResourceInitializationError: with the text that the task's stopped reason will have.
    """
    parts = value_from.split(":")
    arn, extra = ":".join(parts[:_ARN_PARTS]), [*parts[_ARN_PARTS:], "", "", ""][:3]
    key, stage, version_id = extra
    secret = find_secret(store, region, arn)
    version = (
        None
        if secret is None or secret.deleted_at is not None
        else version_of(secret, stage or None, version_id or None)
    )
    if version is None:
        raise ResourceInitializationError(
            "unable to pull secrets or registry auth: The task can't pull the secret from Secrets Manager. The task can't "
            f"retrieve the secret with ARN '{arn}' from Secrets Manager. Check whether the secret exists in the specified "
            "Region. ResourceNotFoundException: Secrets Manager can't find the specified secret."
        )
    text = version.string or ""
    if not key:
        return text
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or key not in document:
        raise ResourceInitializationError(
            "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from "
            f"asm: secret {arn} does not contain json key {key}"
        )
    value = document[key]
    return value if isinstance(value, str) else json.dumps(value)
