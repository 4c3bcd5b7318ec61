"""Makes what a deployment needs where nothing is yet: cluster, roles, log groups, secrets, load balancer. By AWS's API alone.

Each piece is looked for by its name first, so that a second call changes nothing. Only the local environment is built like
this; elsewhere the infrastructure has its own tools.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.session import translate
from fairway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fairway.aws.session import Aws
    from fairway.project.model import Project

    Tell = Callable[[str], None]

_ADDRESS: Final = "fairway:address"
_TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Foundation:
    """What was made, or was there."""

    address: str | None
    """Where the load balancer answers on this machine."""
    made: tuple[str, ...]
    """Names of what was missing."""


def lay_foundation(aws: Aws, project: Project, secrets: Mapping[str, str], tell: Tell) -> Foundation:
    """Make what is missing; `secrets` are the values of those that do not exist yet.

    Raises:
        FairwayError: AWS refused something; says what was being made.
    """
    maker = _Maker(aws, tell)
    definitions = [spec.definition for spec in project.services.values()]
    definitions += [spec.definition for spec in project.tasks.values()]
    maker.cluster(project)
    maker.roles(definitions)
    maker.log_groups(definitions)
    maker.secrets(definitions, secrets)
    address = maker.balancer(project.balancer_definition or {})
    return Foundation(address, tuple(maker.made))


class _Maker:
    def __init__(self, aws: Aws, tell: Tell) -> None:
        self._aws = aws
        self._tell = tell
        self.made: list[str] = []

    def _note(self, name: str) -> None:
        self.made.append(name)
        self._tell(f"made {name}")

    def _call(self, doing: str, call: Callable[..., Any], **parameters: Any) -> Any:
        try:
            return call(**parameters)
        except (ClientError, BotoCoreError) as error:
            raise translate(error, doing=doing) from error

    def cluster(self, project: Project) -> None:
        name = project.environment.cluster
        known = self._call("looking for the cluster", self._aws.ecs.describe_clusters, clusters=[name])["clusters"]
        if any(cluster["status"] == "ACTIVE" for cluster in known):
            return
        definition = {**(project.cluster_definition or {}), "clusterName": name}
        self._call(f"making the cluster {name}", self._aws.ecs.create_cluster, **definition)
        self._note(f"cluster {name}")

    def roles(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        arns = {d[key] for d in definitions for key in ("executionRoleArn", "taskRoleArn") if key in d}
        iam = self._aws.client("iam")
        for name in sorted(arn.rsplit("/", 1)[-1] for arn in arns):
            if not self._exists(iam.get_role, {"NoSuchEntity"}, RoleName=name):
                self._call(f"making the role {name}", iam.create_role, RoleName=name, AssumeRolePolicyDocument=_TRUST)
                self._note(f"role {name}")

    def log_groups(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        names = set()
        for definition in definitions:
            for container in definition["containerDefinitions"]:
                options = container.get("logConfiguration", {}).get("options", {})
                names |= {options["awslogs-group"]} if "awslogs-group" in options else set()
        for name in sorted(names):
            found = self._call("looking for log groups", self._aws.logs.describe_log_groups, logGroupNamePrefix=name)[
                "logGroups"
            ]
            if not any(group["logGroupName"] == name for group in found):
                self._call(f"making the log group {name}", self._aws.logs.create_log_group, logGroupName=name)
                self._note(f"log group {name}")

    def secrets(self, definitions: Iterable[Mapping[str, Any]], values: Mapping[str, str]) -> None:
        """Make the secrets that the definitions name. One that nobody has a value for is the caller's mistake."""
        for name in sorted(secret_names(definitions)):
            if self._exists(self._aws.secretsmanager.describe_secret, {"ResourceNotFoundException"}, SecretId=name):
                continue
            if name not in values:
                raise UsageError(
                    f"the definitions name the secret {name}, and this machine has no value for it",
                    hint=f"aws secretsmanager create-secret --name {name} --secret-string …, then call this again",
                )
            self._call(
                f"making the secret {name}",
                self._aws.secretsmanager.create_secret,
                Name=name,
                SecretString=values[name],
            )
            self._note(f"secret {name}")

    def _exists(self, look: Callable[..., Any], absent: set[str], **parameters: Any) -> bool:
        try:
            look(**parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in absent:
                return False
            raise translate(error, doing="looking for what is there") from error
        return True

    def balancer(self, definition: Mapping[str, Any]) -> str | None:
        """Load balancer, target group, listener; the group's ARN goes where the definitions look for it."""
        if not definition:
            return None
        balancer = self._load_balancer(definition["loadBalancer"])
        group = self._target_group(definition["targetGroup"], str(balancer["VpcId"]))
        attributes = [{"Key": k, "Value": str(v)} for k, v in definition.get("targetGroupAttributes", {}).items()]
        if attributes:
            self._call(
                "setting the target group's attributes",
                self._aws.elbv2.modify_target_group_attributes,
                TargetGroupArn=group,
                Attributes=attributes,
            )
        listener = self._listener(definition["listener"], str(balancer["LoadBalancerArn"]), group)
        for name, which in definition.get("parameters", {}).items():
            value = {"targetGroupArn": group, "loadBalancerArn": str(balancer["LoadBalancerArn"])}[which]
            self._call(
                f"writing the parameter {name}",
                self._aws.ssm.put_parameter,
                Name=name,
                Value=value,
                Type="String",
                Overwrite=True,
            )
        return self._address(listener)

    def _load_balancer(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        name = definition["Name"]
        elbv2 = self._aws.elbv2
        if self._exists(elbv2.describe_load_balancers, {"LoadBalancerNotFound"}, Names=[name]):
            found: Mapping[str, Any] = elbv2.describe_load_balancers(Names=[name])["LoadBalancers"][0]
            return found
        made = self._call(f"making the load balancer {name}", elbv2.create_load_balancer, **definition)
        self._note(f"load balancer {name}")
        created: Mapping[str, Any] = made["LoadBalancers"][0]
        return created

    def _target_group(self, definition: Mapping[str, Any], vpc: str) -> str:
        name = definition["Name"]
        elbv2 = self._aws.elbv2
        if self._exists(elbv2.describe_target_groups, {"TargetGroupNotFound"}, Names=[name]):
            return str(elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"])
        wanted = {"VpcId": vpc, **definition}
        made = self._call(f"making the target group {name}", elbv2.create_target_group, **wanted)
        self._note(f"target group {name}")
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def _listener(self, definition: Mapping[str, Any], balancer: str, group: str) -> str:
        listeners = self._call(
            "looking for the listener", self._aws.elbv2.describe_listeners, LoadBalancerArn=balancer
        )["Listeners"]
        for listener in listeners:
            if listener["Port"] == definition["Port"]:
                return str(listener["ListenerArn"])
        wanted = {
            "LoadBalancerArn": balancer,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
            **definition,
        }
        made = self._call("making the listener", self._aws.elbv2.create_listener, **wanted)
        self._note(f"listener on port {definition['Port']}")
        return str(made["Listeners"][0]["ListenerArn"])

    def _address(self, listener: str) -> str | None:
        described = self._aws.elbv2.describe_tags(ResourceArns=[listener])["TagDescriptions"]
        tags = {tag["Key"]: tag["Value"] for item in described for tag in item["Tags"]}
        return tags.get(_ADDRESS)


def secret_names(definitions: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names of Secrets Manager's secrets that containers take values from."""
    names = set()
    for definition in definitions:
        for container in definition["containerDefinitions"]:
            for secret in container.get("secrets", ()):
                _, found, rest = str(secret["valueFrom"]).partition(":secret:")
                if found:
                    names.add(rest.split(":", 1)[0])
    return names
