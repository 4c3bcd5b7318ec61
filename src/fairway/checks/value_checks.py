"""Checks of secrets, parameters and log groups. Their values are nobody's business here, and are never asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok
from fairway.checks.references import ParameterReference, SecretReference, log_references, value_references
from fairway.preconditions import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.checks.references import LogReference
    from fairway.checks.situation import Situation
    from fairway.preconditions import Read, Secret

SECRET: Final = Check(
    "secret",
    "Secrets exist, with the version that is named",
    "A task whose secret is missing never starts: ResourceInitializationError. Values are not read, so that a JSON key "
    "inside of a secret is not seen.",
    ("secretsmanager:DescribeSecret",),
    'ECS Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables"',
    practice="DO 4",
)
PARAMETER: Final = Check(
    "parameter",
    "Parameters of Systems Manager exist",
    "A task whose parameter is missing never starts: ResourceInitializationError.",
    ("ssm:DescribeParameters",),
    'ECS Developer Guide, "Pass Systems Manager parameters through Amazon ECS environment variables"',
)
LOG_GROUP: Final = Check(
    "log-group",
    "Log groups exist, or are made by the log driver",
    "A task whose log group is missing never starts, unless awslogs-create-group is true.",
    ("logs:DescribeLogGroups",),
    'ECS Developer Guide, "Send Amazon ECS logs to CloudWatch"',
)
_CURRENT: Final = "AWSCURRENT"


def secret(situation: Situation) -> Iterator[Finding]:
    for part in situation.parts:
        for reference in value_references(part):
            if isinstance(reference, SecretReference):
                subject = f"{part.key}: {reference.name}"
                if reference.region != situation.environment.region:
                    yield not_checked(SECRET, subject, f"it is in {reference.region}, which is not asked")
                else:
                    yield judge_secret(subject, reference, situation.facts.secrets.get(reference.arn))


def judge_secret(subject: str, reference: SecretReference, found: Read[Secret]) -> Finding:
    """Whether a task can read what it names; no version named: AWSCURRENT."""
    if isinstance(found, Unread):
        return not_checked(SECRET, subject, found.reason)
    if found is None:
        return failed(SECRET, subject, "there is no such secret", "make it, or correct valueFrom")
    if found.is_deleted:
        return failed(
            SECRET,
            subject,
            "it is to be deleted, and nobody can read it any more",
            f"aws secretsmanager restore-secret --secret-id {reference.name}",
        )
    if reference.version and reference.version not in found.versions:
        return failed(SECRET, subject, f"it has no version {reference.version}", "name a version that it has")
    stage = reference.stage or ("" if reference.version else _CURRENT)
    if stage and stage not in found.stages:
        return failed(
            SECRET,
            subject,
            f"no version of it is {stage}",
            "give it a value: aws secretsmanager put-secret-value" if stage == _CURRENT else "name a stage that it has",
        )
    return ok(SECRET, subject, "it is there")


def parameter(situation: Situation) -> Iterator[Finding]:
    found, region = situation.facts.parameters, situation.environment.region
    for part in situation.parts:
        for reference in value_references(part):
            if not isinstance(reference, ParameterReference):
                continue
            subject = f"{part.key}: {reference.names[0]}"
            if reference.region not in {"", region}:
                yield not_checked(PARAMETER, subject, f"it is in {reference.region}, which is not asked")
            elif isinstance(found, Unread):
                yield not_checked(PARAMETER, subject, found.reason)
            elif found is None or not set(reference.names) & found:
                yield failed(PARAMETER, subject, "there is no such parameter", "make it, or correct valueFrom")
            else:
                yield ok(PARAMETER, subject, "it is there")


def log_group(situation: Situation) -> Iterator[Finding]:
    region = situation.environment.region
    for part in situation.parts:
        for reference in log_references(part, region):
            yield _log_group(f"{part.key}: {reference.group}", reference, situation)


def _log_group(subject: str, reference: LogReference, situation: Situation) -> Finding:
    found = situation.facts.log_groups.get(reference.group)
    if reference.creates:
        return ok(LOG_GROUP, subject, "the log driver makes it when it is not there")
    if reference.region != situation.environment.region:
        return not_checked(LOG_GROUP, subject, f"it is in {reference.region}, which is not asked")
    if isinstance(found, Unread):
        return not_checked(LOG_GROUP, subject, found.reason)
    if found is None:
        return failed(
            LOG_GROUP,
            subject,
            "there is no such log group",
            f"aws logs create-log-group --log-group-name {reference.group}, or awslogs-create-group = true",
        )
    return ok(LOG_GROUP, subject, "it is there")
