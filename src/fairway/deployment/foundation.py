"""Makes what a deployment needs where nothing is yet: cluster, roles, log groups, secrets, load balancer. By AWS's API alone.

Each piece is looked for by its name first, so that a second call changes nothing. Only the local environment is built like
this; elsewhere the infrastructure has its own tools.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
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
    address = maker.balancers(project.balancer_definition or {})
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
        with calling(doing):
            return call(**parameters)

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
        for name in sorted(secret_variables(definitions)):
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
        return self._look(look, absent, **parameters) is not None

    @staticmethod
    def _look(look: Callable[..., Any], absent: set[str], **parameters: Any) -> Any:
        """What AWS shows of a thing; None: it is not there."""
        with calling(f"looking for {' '.join(str(value) for value in parameters.values())}"):
            try:
                return look(**parameters)
            except ClientError as error:
                if error_code(error) in absent:
                    return None
                raise

    def balancers(self, definition: Mapping[str, Any]) -> str | None:
        """Load balancers, target groups, listeners, each by its name; the groups' ARNs go where the definitions look for them.

        `{"loadBalancers": […], "targetGroups": […], "listeners": […], "parameters": {NAME: {"TargetGroupName": …}}}`: members
        of ELBv2's own operations, but that names stand where those take ARNs, and a target group has its `Attributes`.
        """
        balancers = {item["Name"]: self._load_balancer(item) for item in definition.get("loadBalancers", ())}
        groups = {item["Name"]: self._target_group(item) for item in definition.get("targetGroups", ())}
        addresses = [self._address(self._listener(item, balancers, groups)) for item in definition.get("listeners", ())]
        for name, value in definition.get("parameters", {}).items():
            self._call(
                f"writing the parameter {name}",
                self._aws.ssm.put_parameter,
                Name=name,
                Value=groups[value["TargetGroupName"]],
                Type="String",
                Overwrite=True,
            )
        return next((address for address in addresses if address is not None), None)

    def _load_balancer(self, definition: Mapping[str, Any]) -> str:
        name = definition["Name"]
        elbv2 = self._aws.elbv2
        found = self._look(elbv2.describe_load_balancers, {"LoadBalancerNotFound"}, Names=[name])
        if found is not None:
            return str(found["LoadBalancers"][0]["LoadBalancerArn"])
        made = self._call(f"making the load balancer {name}", elbv2.create_load_balancer, **definition)
        self._note(f"load balancer {name}")
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def _target_group(self, definition: Mapping[str, Any]) -> str:
        wanted = dict(definition)
        name, attributes = wanted["Name"], wanted.pop("Attributes", [])
        elbv2 = self._aws.elbv2
        found = self._look(elbv2.describe_target_groups, {"TargetGroupNotFound"}, Names=[name])
        if found is not None:
            return str(found["TargetGroups"][0]["TargetGroupArn"])
        made = self._call(f"making the target group {name}", elbv2.create_target_group, **wanted)
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        if attributes:
            self._call(
                f"setting the attributes of the target group {name}",
                elbv2.modify_target_group_attributes,
                TargetGroupArn=arn,
                Attributes=attributes,
            )
        self._note(f"target group {name}")
        return arn

    def _listener(self, definition: Mapping[str, Any], balancers: Mapping[str, str], groups: Mapping[str, str]) -> str:
        wanted = dict(definition)
        balancer = balancers[wanted.pop("LoadBalancerName")]
        found = self._call("looking for listeners", self._aws.elbv2.describe_listeners, LoadBalancerArn=balancer)
        for listener in found["Listeners"]:
            if listener["Port"] == wanted["Port"]:
                return str(listener["ListenerArn"])
        wanted["DefaultActions"] = [_by_arn(action, groups) for action in wanted["DefaultActions"]]
        made = self._call("making the listener", self._aws.elbv2.create_listener, LoadBalancerArn=balancer, **wanted)
        self._note(f"listener on port {wanted['Port']}")
        return str(made["Listeners"][0]["ListenerArn"])

    def _address(self, listener: str) -> str | None:
        described = self._call(
            "asking where the load balancer answers", self._aws.elbv2.describe_tags, ResourceArns=[listener]
        )["TagDescriptions"]
        tags = {tag["Key"]: tag["Value"] for item in described for tag in item["Tags"]}
        return tags.get(_ADDRESS)


def _by_arn(action: Mapping[str, Any], groups: Mapping[str, str]) -> dict[str, Any]:
    """An action with its target group's ARN for its name."""
    wanted = dict(action)
    if "TargetGroupName" in wanted:
        wanted["TargetGroupArn"] = groups[wanted.pop("TargetGroupName")]
    return wanted


def secret_variables(definitions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Secrets Manager's secrets that containers take values from, and the variable that each is given as."""
    names = {}
    for definition in definitions:
        for container in definition["containerDefinitions"]:
            for secret in container.get("secrets", ()):
                _, found, rest = str(secret["valueFrom"]).partition(":secret:")
                if found:
                    names[rest.split(":", 1)[0]] = str(secret["name"])
    return names
