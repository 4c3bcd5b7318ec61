"""Pins the versions of secrets (`[project] pin_secrets = true`), and finds pinned ones that are no longer current.

Off by default: a rollback to a pinned version would bring back a password that was revoked since. Values are never read:
DescribeSecret tells which version is current. Parameters of SSM have no versions in a task definition, and stay.

Source: ECS Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables":
`arn:aws:secretsmanager:region:account:secret:name:json-key:version-stage:version-id`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fairway.aws.session import Aws
    from fairway.observed import TaskDefinition
    from fairway.planning.release import Release

_SERVICE: Final = ":secretsmanager:"
_ARN_PARTS: Final = 7
_CURRENT: Final = "AWSCURRENT"
_MISSING: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})


def parse(value_from: str) -> tuple[str, str, str, str] | None:
    """`valueFrom` of a secret -> (ARN, JSON key, stage, version id); None: it is no ARN of Secrets Manager. Pure."""
    if not value_from.startswith("arn:") or _SERVICE not in value_from:
        return None
    parts = value_from.split(":")
    arn, rest = ":".join(parts[:_ARN_PARTS]), [*parts[_ARN_PARTS:], "", "", ""]
    return arn, rest[0], rest[1], rest[2]


def pinned(value_from: str, version: Callable[[str], str | None]) -> str:
    """The reference with the version that is current now; one that names a stage or a version keeps it. Pure."""
    found = parse(value_from)
    if found is None or found[2] or found[3]:
        return value_from
    current = version(found[0])
    return value_from if current is None else f"{found[0]}:{found[1]}::{current}"


def references(document: Mapping[str, Any]) -> Iterator[str]:
    """Every `valueFrom` of a task definition's secrets. Pure."""
    for container in document.get("containerDefinitions", ()):
        for secret in container.get("secrets", ()):
            yield str(secret.get("valueFrom", ""))


def pin_secrets(aws: Aws, release: Release) -> Release:
    """The release with each secret of Secrets Manager at its current version.

    Raises:
        AwsError: DescribeSecret is not allowed, or does not answer.
        UsageError: a secret does not exist.
    """
    known: dict[str, str | None] = {}

    def version(arn: str) -> str | None:
        if arn not in known:
            known[arn] = current_version(aws, arn)
            if known[arn] is None:
                raise UsageError(
                    f"the secret {arn} does not exist, so its version cannot be pinned", hint="make it first"
                )
        return known[arn]

    def pin(document: Mapping[str, Any]) -> dict[str, Any]:
        containers = [
            {
                **container,
                "secrets": [
                    {**secret, "valueFrom": pinned(str(secret["valueFrom"]), version)}
                    for secret in container["secrets"]
                ],
            }
            if "secrets" in container
            else container
            for container in document["containerDefinitions"]
        ]
        return {**document, "containerDefinitions": containers}

    return replace(
        release,
        services=tuple(replace(item, definition=pin(item.definition)) for item in release.services),
        before=tuple(replace(item, definition=pin(item.definition)) for item in release.before),
        scheduled=tuple(replace(item, definition=pin(item.definition)) for item in release.scheduled),
    )


def current_version(aws: Aws, arn: str) -> str | None:
    """The id of a secret's current version; None: there is no such secret, or it is being deleted.

    Raises:
        AwsError: DescribeSecret is not allowed, or does not answer.
    """
    with calling(f"describing the secret {arn}"):
        try:
            answer = aws.secretsmanager.describe_secret(SecretId=arn)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None
            raise
    if answer.get("DeletedDate") is not None:
        return None
    stages = answer.get("VersionIdsToStages", {})
    return next((version for version, names in stages.items() if _CURRENT in names), None)


def outdated(aws: Aws, definition: TaskDefinition) -> list[str]:
    """Secrets of a revision that are pinned to a version which is not the current one any more; by ARN.

    Raises:
        AwsError: DescribeSecret is not allowed, or does not answer.
    """
    found = (parse(reference) for reference in references(definition.document))
    wanted = {(item[0], item[3]) for item in found if item is not None and item[3]}
    return sorted({arn for arn, version in wanted if current_version(aws, arn) != version})
