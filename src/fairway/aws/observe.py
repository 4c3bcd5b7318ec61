"""Looks at AWS: fills the frozen pictures of `fairway.observed`. Reads only.

Paged where AWS pages, batched where AWS batches (ten services, twenty service deployments, a hundred tasks). What cannot
change once made (a service revision) is asked for once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from botocore.exceptions import ClientError

from fairway.aws.calls import batches, calling, error_code
from fairway.aws.documents import (
    read_health_check,
    read_service,
    read_service_deployment,
    read_target,
    read_task,
    read_task_definition,
)
from fairway.aws.session import AwsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from fairway.aws.session import Aws
    from fairway.observed import HealthCheck, Service, ServiceDeployment, Target, Task, TaskDefinition

_SERVICES_AT_ONCE: Final = 10
_DEPLOYMENTS_AT_ONCE: Final = 20
_TASKS_AT_ONCE: Final = 100
_MOST_TASKS: Final = 300
"""Tasks of a service that are described in one look; the rest are only counted."""


class ServiceNotFound(AwsError):
    """There is no such cluster, or no such service in it."""

    code = "service-not-found"


class Observer:
    """Looks at one cluster."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        self.aws = aws
        self.cluster = cluster
        self._revisions: dict[str, str] = {}
        self._definitions: dict[str, TaskDefinition] = {}
        self._checks: dict[str, HealthCheck] = {}

    def services(self, names: Sequence[str]) -> dict[str, Service]:
        """By name; unknown and deleted ones are left out."""
        found: dict[str, Service] = {}
        for some in batches(names, _SERVICES_AT_ONCE):
            with calling(f"describing services of cluster {self.cluster}"):
                answer = self._describe_services(some, [])
            for document in answer:
                if document["status"] != "INACTIVE":
                    service = read_service(document)
                    found[service.name] = service
        return found

    def service_documents(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """By name, as AWS shows them, with their tags; unknown and deleted ones are left out."""
        found: dict[str, dict[str, Any]] = {}
        for some in batches(names, _SERVICES_AT_ONCE):
            with calling(f"describing services of cluster {self.cluster}"):
                answer = self._describe_services(some, ["TAGS"])
            found |= {document["serviceName"]: document for document in answer if document["status"] != "INACTIVE"}
        return found

    def _describe_services(self, names: Sequence[str], include: list[Literal["TAGS"]]) -> list[dict[str, Any]]:
        try:
            answer: Any = self.aws.ecs.describe_services(cluster=self.cluster, services=list(names), include=include)
        except ClientError as error:
            if error_code(error) == "ClusterNotFoundException":
                raise ServiceNotFound(
                    f"there is no cluster {self.cluster} in {self.aws.region}",
                    hint="fairway up makes the local one" if self.aws.is_local else "look at cluster and region",
                ) from None
            raise
        return list(answer["services"])

    def service(self, name: str) -> Service:
        """One service.

        Raises:
            ServiceNotFound: there is none.
        """
        found = self.services([name])
        if name not in found:
            raise ServiceNotFound(
                f"there is no service {name} in cluster {self.cluster}",
                hint=f"aws ecs list-services --cluster {self.cluster} shows which there are",
            )
        return found[name]

    def service_names(self) -> list[str]:
        """Of every ACTIVE service of the cluster."""
        with calling(f"listing services of cluster {self.cluster}"):
            pages = self.aws.ecs.get_paginator("list_services").paginate(cluster=self.cluster)
            return sorted(arn.rsplit("/", 1)[-1] for page in pages for arn in page["serviceArns"])

    # -- deployments -------------------------------------------------------------------------------------------------

    def service_deployments(
        self, service: str, *, most: int = 100, since: datetime | None = None
    ) -> list[ServiceDeployment]:
        """Records of a service's deployments, newest first, without their counts."""
        request: dict[str, Any] = {"cluster": self.cluster, "service": service, "maxResults": min(most, 100)}
        if since is not None:
            request["createdAt"] = {"after": since}
        found: list[ServiceDeployment] = []
        with calling(f"listing the deployments of {service}"):
            while True:
                answer = self.aws.ecs.list_service_deployments(**request)
                found += [read_service_deployment(document) for document in answer["serviceDeployments"]]
                token = answer.get("nextToken")
                if not token or len(found) >= most:
                    break
                request["nextToken"] = token
        return sorted(found, key=lambda record: record.created_at, reverse=True)[:most]

    def describe_deployments(self, arns: Sequence[str]) -> dict[str, ServiceDeployment]:
        """Whole records by ARN."""
        found: dict[str, ServiceDeployment] = {}
        for some in batches(arns, _DEPLOYMENTS_AT_ONCE):
            with calling("describing service deployments"):
                answer = self.aws.ecs.describe_service_deployments(serviceDeploymentArns=list(some))
            for document in answer["serviceDeployments"]:
                record = read_service_deployment(document)
                found[record.arn] = record
        return found

    def revision_definitions(self, revision_arns: Iterable[str]) -> dict[str, str]:
        """Service revision -> the ARN of its task definition."""
        wanted = {arn for arn in revision_arns if arn}
        for some in batches(sorted(wanted - self._revisions.keys()), _DEPLOYMENTS_AT_ONCE):
            with calling("describing service revisions"):
                answer = self.aws.ecs.describe_service_revisions(serviceRevisionArns=list(some))
            for document in answer["serviceRevisions"]:
                self._revisions[document["serviceRevisionArn"]] = document["taskDefinition"]
        return {arn: self._revisions[arn] for arn in wanted if arn in self._revisions}

    def service_revision(self, arn: str) -> dict[str, Any] | None:
        """All that a service revision fixes, as DescribeServiceRevisions shows it; None: ECS keeps it no more."""
        with calling("describing a service revision"):
            answer: Any = self.aws.ecs.describe_service_revisions(serviceRevisionArns=[arn])
        return next(iter(answer["serviceRevisions"]), None)

    # -- task definitions --------------------------------------------------------------------------------------------

    def task_definition(self, reference: str, *, fresh: bool = False) -> TaskDefinition:
        """A revision with its tags; `fresh` asks again, since tags change."""
        if fresh or reference not in self._definitions:
            with calling(f"describing the task definition {reference}"):
                answer = self.aws.ecs.describe_task_definition(taskDefinition=reference, include=["TAGS"])
            definition = read_task_definition(answer)
            self._definitions[reference] = self._definitions[definition.arn] = definition
        return self._definitions[reference]

    def find_task_definition(self, reference: str) -> TaskDefinition | None:
        """A revision with its tags, or None: it was deleted."""
        try:
            return self.task_definition(reference, fresh=True)
        except AwsError:
            return None

    def family(self, family: str, *, most: int = 50) -> list[str]:
        """ARNs of a family's ACTIVE revisions, newest first."""
        with calling(f"listing the revisions of {family}"):
            pages = self.aws.ecs.get_paginator("list_task_definitions").paginate(
                familyPrefix=family, status="ACTIVE", sort="DESC", PaginationConfig={"MaxItems": most}
            )
            arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
        return [arn for arn in arns if arn.rsplit("/", 1)[-1].rsplit(":", 1)[0] == family]

    # -- tasks -------------------------------------------------------------------------------------------------------

    def tasks(self, service: str, *, stopped: bool = False) -> list[Task]:
        """Tasks of a service that ECS wants running, or wants stopped (about an hour back); newest first."""
        status = "STOPPED" if stopped else "RUNNING"
        with calling(f"listing the tasks of {service}"):
            pages = self.aws.ecs.get_paginator("list_tasks").paginate(
                cluster=self.cluster,
                serviceName=service,
                desiredStatus="STOPPED" if stopped else "RUNNING",
                PaginationConfig={"MaxItems": _MOST_TASKS},
            )
            arns = [arn for page in pages for arn in page["taskArns"]]
        return self.describe_tasks(arns, doing=f"describing {status} tasks of {service}")

    def describe_tasks(self, arns: Sequence[str], *, doing: str = "describing tasks") -> list[Task]:
        """Tasks by ARN, newest first; forgotten ones are left out."""
        found: list[Task] = []
        for some in batches(arns, _TASKS_AT_ONCE):
            with calling(doing):
                answer = self.aws.ecs.describe_tasks(cluster=self.cluster, tasks=list(some))
            found += [read_task(document) for document in answer["tasks"]]
        return sorted(found, key=lambda task: task.stopped_at or task.created_at, reverse=True)

    # -- load balancing ----------------------------------------------------------------------------------------------

    def targets(self, target_groups: Sequence[str]) -> list[Target]:
        """Targets with their health; a target group that is gone has none."""
        found: list[Target] = []
        for arn in target_groups:
            with calling("describing the health of targets"):
                try:
                    answer = self.aws.elbv2.describe_target_health(TargetGroupArn=arn)
                except ClientError as error:
                    if error_code(error).startswith("TargetGroupNotFound"):
                        continue
                    raise
            found += [read_target(arn, document) for document in answer["TargetHealthDescriptions"]]
        return found

    def health_checks(self, target_groups: Sequence[str]) -> list[HealthCheck]:
        """How each target group asks; asked for once."""
        missing = [arn for arn in target_groups if arn not in self._checks]
        if missing:
            with calling("describing target groups"):
                answer = self.aws.elbv2.describe_target_groups(TargetGroupArns=missing)
            for document in answer["TargetGroups"]:
                self._checks[document["TargetGroupArn"]] = read_health_check(document)
        return [self._checks[arn] for arn in target_groups if arn in self._checks]
