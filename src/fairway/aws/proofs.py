"""What another environment says about an image: revisions that were deployed there, with the verdict in their tags. Reads only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.asking import ask
from fairway.aws.documents import read_task_definition
from fairway.observed import DIGEST_TAG
from fairway.preconditions import Proof, Unread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.aws.session import Aws

_MOST: Final = 20
"""Service deployments, newest first; as many as one call describes the revisions of."""
_MISSING: Final = frozenset({"ServiceNotFoundException", "ClusterNotFoundException"})
_GONE: Final = frozenset({"ClientException"})
"""What DescribeTaskDefinition answers for a revision that was deleted."""


def proof_of(aws: Aws, cluster: str, service: str, digest: str) -> Proof | Unread:
    """The newest revision with this digest that a deployment brought into the service; no more is asked for than is needed.

    A family may serve several clusters: what counts is that the revision was deployed in this one.
    """
    listed: Any = ask(
        "ecs:ListServiceDeployments",
        lambda: aws.ecs.list_service_deployments(cluster=cluster, service=service, maxResults=_MOST),
        missing=_MISSING,
    )
    if isinstance(listed, Unread):
        return listed
    records = sorted((listed or {}).get("serviceDeployments", ()), key=lambda item: item["createdAt"], reverse=True)
    targets = list(dict.fromkeys(item["targetServiceRevisionArn"] for item in records))[:_MOST]
    if not targets:
        return Proof()
    described: Any = ask(
        "ecs:DescribeServiceRevisions", lambda: aws.ecs.describe_service_revisions(serviceRevisionArns=targets)
    )
    if isinstance(described, Unread):
        return described
    of = {item["serviceRevisionArn"]: item["taskDefinition"] for item in described["serviceRevisions"]}
    return _first(aws, dict.fromkeys(of[arn] for arn in targets if arn in of), digest)


def _first(aws: Aws, definitions: Iterable[str], digest: str) -> Proof | Unread:
    seen = 0
    for arn in definitions:
        answer: Any = ask(
            "ecs:DescribeTaskDefinition",
            partial(aws.ecs.describe_task_definition, taskDefinition=arn, include=["TAGS"]),
            missing=_GONE,
        )
        if isinstance(answer, Unread):
            return answer
        if answer is None:
            continue
        seen += 1
        definition = read_task_definition(answer)
        if definition.tags.get(DIGEST_TAG) == digest:
            return Proof((definition,), seen)
    return Proof((), seen)
