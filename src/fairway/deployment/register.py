"""Registers revisions with what Fairway knows about them, and keeps the verdict in the account, as tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.aws.documents import read_task_definition
from fairway.clock import sleep
from fairway.ids import RandomIds
from fairway.observed import (
    BY_TAG,
    CI_TAG,
    COMMIT_TAG,
    DEPLOYMENT_TAG,
    ONE_WAY_TAG,
    SKIPPED_TAG,
    VERDICT_TAG,
    VERIFIED_TAG,
    VERSION_TAG,
    WHY_TAG,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fairway.aws.session import Aws
    from fairway.observed import TaskDefinition

_NOT_IN_TAGS: Final = re.compile(r"[^\w +\-=.:/@]")
_LONGEST_TAG: Final = 256
_CONCURRENT: Final = "Too many concurrent attempts"
_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a release comes from."""

    run: str
    """The id of this run of Fairway."""
    by: str
    version: str | None = None
    commit: str | None = None
    ci: str | None = None
    """Address of the CI run."""
    one_way: tuple[str, ...] = ()
    """Migrations of this run that cannot be undone."""
    skipped: tuple[str, ...] = ()
    """Steps that were left out."""

    def tags(self) -> dict[str, str]:
        """As tags of a revision."""
        known = {
            VERSION_TAG: self.version,
            COMMIT_TAG: self.commit,
            BY_TAG: self.by,
            DEPLOYMENT_TAG: self.run,
            CI_TAG: self.ci,
            ONE_WAY_TAG: " ".join(self.one_way),
            SKIPPED_TAG: " ".join(self.skipped),
        }
        return {key: tag_value(value) for key, value in known.items() if value}


def run_id(at: datetime) -> str:
    """A new id for a run of Fairway: `20261126T190356Z-3f2a91`."""
    return f"{at:%Y%m%dT%H%M%SZ}-{RandomIds().hexadecimal(6)}"


def tag_value(text: str) -> str:
    """The text with only what AWS allows in the value of a tag."""
    return _NOT_IN_TAGS.sub("_", text)[:_LONGEST_TAG]


def with_tags(document: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The definition with tags added to its own; ours win."""
    own = {item["key"]: item.get("value", "") for item in document.get("tags") or ()}
    return {**document, "tags": [{"key": key, "value": value} for key, value in {**own, **tags}.items()]}


def register(aws: Aws, document: Mapping[str, Any], origin: Origin) -> TaskDefinition:
    """Register a revision. Somebody who registers the same family at the same moment is waited for.

    Raises:
        AwsError: AWS refuses the definition; carries its text.
    """
    family = document["family"]
    request: Any = with_tags(document, origin.tags())
    with calling(f"registering a revision of {family}"):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return read_task_definition(aws.ecs.register_task_definition(**request))
            except ClientError as error:
                if _CONCURRENT not in str(error) or attempt == _ATTEMPTS:
                    raise
                sleep(0.1 * 2**attempt)
    raise AssertionError("the last attempt returns or raises")


def mark(aws: Aws, definition_arn: str, verdict: str, at: datetime, *, why: str = "") -> str | None:
    """Write down what was proved about a revision; the reason when that was not allowed."""
    tags = {VERDICT_TAG: verdict, VERIFIED_TAG: at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if why:
        tags[WHY_TAG] = tag_value(why)
    try:
        aws.ecs.tag_resource(
            resourceArn=definition_arn, tags=[{"key": key, "value": value} for key, value in tags.items()]
        )
    except ClientError as error:
        return error_code(error)
    return None
