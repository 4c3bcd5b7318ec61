"""Looks at everything that lives where a release goes, for a plan. Reads only.

What a role may not read is left out, and the plan says less; what every plan needs (services, task definitions) is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code, is_denied
from fairway.aws.documents import read_service
from fairway.aws.session import AwsError
from fairway.observed import DEPLOYMENT_TAG, SUCCESSFUL, Living, LivingTask, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.observed import Service, TaskDefinition

_MOST_DEPLOYMENTS: Final = 20
"""The newest of a service; as many as one call describes."""
_MOST_SECONDS: Final = 5
_DELAY: Final = "deregistration_delay.timeout_seconds"


def survey(observer: Observer, services: Sequence[str], families: Iterable[str]) -> Surroundings:
    """What lives of services (by their names on ECS) and of one-off tasks (by family).

    Raises:
        AwsError: there is no such cluster, or what a plan needs may not be read.
    """
    documents = observer.service_documents(services)
    return Surroundings(
        account=observer.aws.caller()["Account"],
        region=observer.aws.region,
        cluster=observer.cluster,
        services={name: _living(observer, documents[name]) if name in documents else Living() for name in services},
        tasks={family: LivingTask(_newest(observer, family)) for family in families},
        default_strategy=_default_strategy(observer),
    )


def _living(observer: Observer, document: Mapping[str, Any]) -> Living:
    service = read_service(document)
    serving = observer.task_definition(service.task_definition, fresh=True) if service.task_definition else None
    records = _records(observer, service.name)
    begun = _begun(observer, records)
    is_ours = serving is not None and _is_ours(serving)
    newest = _newest_of_ours(observer, begun)
    record = begun.get(serving.arn) if serving is not None and is_ours else None
    return Living(
        service=service,
        tags={item["key"]: item.get("value", "") for item in document.get("tags", ())},
        serving=serving,
        deployed=newest if serving is not None and not is_ours else None,
        revision=None if record is None else _revision(observer, _target(record)),
        configuration=_configuration(document, record, None if newest is None else begun[newest.arn]),
        seconds=tuple(_seconds(records)),
        checks=tuple(observer.health_checks(service.target_groups)),
        deregistration_seconds=_delays(observer, service),
    )


def _records(observer: Observer, name: str) -> list[Mapping[str, Any]]:
    """The newest service deployments, newest first, as AWS describes them."""
    arns = [record.arn for record in observer.service_deployments(name, most=_MOST_DEPLOYMENTS)]
    if not arns:
        return []
    with calling(f"describing the deployments of {name}"):
        answer: Any = observer.aws.ecs.describe_service_deployments(serviceDeploymentArns=arns)
    return sorted(answer["serviceDeployments"], key=lambda record: arns.index(record["serviceDeploymentArn"]))


def _target(record: Mapping[str, Any]) -> str:
    return str(record.get("targetServiceRevision", {}).get("arn", ""))


def _is_ours(definition: TaskDefinition) -> bool:
    return DEPLOYMENT_TAG in definition.tags


def _begun(observer: Observer, records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Each task definition that was deployed, with its oldest deployment; the newest of these first.

    Fairway registers a revision and deploys it at once: that is the oldest one. A newer deployment of the same revision was
    begun by somebody who changed the service, or went back to it.
    """
    of = observer.revision_definitions(_target(record) for record in records)
    oldest = {of[_target(record)]: record for record in records if _target(record) in of}
    return dict(sorted(oldest.items(), key=lambda pair: pair[1]["createdAt"], reverse=True))


def _newest_of_ours(observer: Observer, begun: Mapping[str, Any]) -> TaskDefinition | None:
    """The revision of Fairway that was deployed last; asks for no more than it needs."""
    for arn in begun:
        try:
            definition = observer.task_definition(arn)
        except AwsError:
            continue  # deleted meanwhile: nothing is known about it
        if _is_ours(definition):
            return definition
    return None


def _configuration(
    document: Mapping[str, Any], of_serving: Mapping[str, Any] | None, newest: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """`deploymentConfiguration` of Fairway's newest deployment; that of the serving revision's, where it lives again.

    ECS's own rollback leaves the newest one's, and a rollback by Fairway brings the older one's back: neither is by hand.
    """
    now, before = document.get("deploymentConfiguration"), (of_serving or {}).get("deploymentConfiguration")
    return now if now is not None and now == before else (newest or {}).get("deploymentConfiguration")


def _revision(observer: Observer, arn: str) -> Mapping[str, Any] | None:
    with calling("describing a service revision"):
        answer: Any = observer.aws.ecs.describe_service_revisions(serviceRevisionArns=[arn])
    return next(iter(answer["serviceRevisions"]), None)


def _seconds(records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of deployments that replaced something: the first one of a service tells little."""
    ended = [
        (record["finishedAt"] - record.get("startedAt", record["createdAt"])).total_seconds()
        for record in records
        if record["status"] == SUCCESSFUL and "finishedAt" in record and record.get("sourceServiceRevisions")
    ]
    return ended[:_MOST_SECONDS]


def _delays(observer: Observer, service: Service) -> dict[str, int]:
    found: dict[str, int] = {}
    for arn in service.target_groups:
        with calling("describing attributes of a target group"):
            try:
                answer = observer.aws.elbv2.describe_target_group_attributes(TargetGroupArn=arn)
            except ClientError as error:
                if is_denied(error_code(error)) or error_code(error).startswith("TargetGroupNotFound"):
                    continue
                raise
        values = {item.get("Key"): item.get("Value", "") for item in answer["Attributes"]}
        if values.get(_DELAY, "").isdigit():
            found[arn] = int(values[_DELAY])
    return found


def _newest(observer: Observer, family: str) -> TaskDefinition | None:
    revisions = observer.family(family, most=1)
    return observer.task_definition(revisions[0], fresh=True) if revisions else None


def _default_strategy(observer: Observer) -> tuple[Mapping[str, Any], ...]:
    with calling(f"describing the cluster {observer.cluster}"):
        try:
            answer: Any = observer.aws.ecs.describe_clusters(clusters=[observer.cluster])
        except ClientError as error:
            if is_denied(error_code(error)):
                return ()
            raise
    cluster: Mapping[str, Any] = next(iter(answer["clusters"]), {})
    return tuple(cluster.get("defaultCapacityProviderStrategy", ()))
