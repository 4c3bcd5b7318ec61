"""An account as a test sees it: boto3 clients of one endpoint, and short ways to make what most tests need."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"


def until(what: str, ask: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """Ask until the answer is true, and give it back."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class World:
    """All names that it makes carry its own prefix, so that tests do not meet."""

    def __init__(self, endpoint: str | None, prefix: str, *, speed: float) -> None:
        self.endpoint = endpoint
        self.prefix = prefix
        self.speed = speed
        self._count = 0

    def client(self, name: str, region: str = REGION, **settings: Any) -> Any:
        keys = {"aws_access_key_id": "tester", "aws_secret_access_key": "secret"} if self.endpoint else {}
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, **settings)
        return boto3.client(name, region_name=region, endpoint_url=self.endpoint, config=config, **keys)  # type: ignore[call-overload]

    @cached_property
    def ecs(self) -> Any:
        return self.client("ecs")

    @cached_property
    def elb(self) -> Any:
        return self.client("elbv2")

    @cached_property
    def logs(self) -> Any:
        return self.client("logs")

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    def name(self, what: str) -> str:
        self._count += 1
        return f"{self.prefix}{what}{self._count}"

    # -- network ----------------------------------------------------------------------------------------------------

    @cached_property
    def subnets(self) -> list[str]:
        """Two subnets in two zones."""
        found = self.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        return [subnet["SubnetId"] for subnet in sorted(found, key=lambda s: s["AvailabilityZone"])[:2]]

    @property
    def network(self) -> dict[str, Any]:
        return {"awsvpcConfiguration": {"subnets": self.subnets, "assignPublicIp": "DISABLED"}}

    # -- ECS --------------------------------------------------------------------------------------------------------

    def cluster(self, **settings: Any) -> str:
        name = self.name("cluster")
        self.ecs.create_cluster(clusterName=name, **settings)
        return name

    def container(self, name: str = "app", **settings: Any) -> dict[str, Any]:
        return {"name": name, "image": "public.ecr.aws/x/app:1", "essential": True, **settings}

    def sim(self, name: str = "app", labels: dict[str, str] | None = None, **settings: Any) -> dict[str, Any]:
        """A container whose behaviour the simulated runtime reads from labels."""
        shown = {f"fairway.sim.{key}": value for key, value in (labels or {}).items()}
        return self.container(name, dockerLabels=shown, portMappings=[{"containerPort": 8000}], **settings)

    def task_definition(self, *containers: dict[str, Any], family: str | None = None, **settings: Any) -> str:
        """Register a Fargate revision and give `family:revision`."""
        answer = self.ecs.register_task_definition(
            **{
                "family": family or self.name("family"),
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "256",
                "memory": "512",
                "containerDefinitions": list(containers) or [self.container()],
            }
            | settings
        )["taskDefinition"]
        return f"{answer['family']}:{answer['revision']}"

    def service(self, cluster: str, definition: str, count: int = 2, **settings: Any) -> str:
        name = self.name("service")
        self.ecs.create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            **{"launchType": "FARGATE", "networkConfiguration": self.network} | settings,
        )
        return name

    def describe(self, cluster: str, service: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster=cluster, services=[service], **more)["services"][0]
        return found

    def events(self, cluster: str, service: str) -> list[str]:
        """Oldest first."""
        return [event["message"] for event in reversed(self.describe(cluster, service)["events"])]

    def tasks(self, cluster: str, **filters: Any) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=cluster, **filters)["taskArns"]
        if not arns:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        return found

    def deployments(self, cluster: str, service: str) -> list[dict[str, Any]]:
        """Service deployments, newest first."""
        brief = self.ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"]
        arns = [record["serviceDeploymentArn"] for record in brief]
        found: list[dict[str, Any]] = self.ecs.describe_service_deployments(serviceDeploymentArns=arns[:20])[
            "serviceDeployments"
        ]
        return sorted(found, key=lambda record: arns.index(record["serviceDeploymentArn"]))

    def until_steady(self, cluster: str, service: str, *, seconds: float = 30.0) -> dict[str, Any]:
        def steady() -> dict[str, Any] | None:
            shown = self.describe(cluster, service)
            done = shown["deployments"][0]["rolloutState"] == "COMPLETED" and len(shown["deployments"]) == 1
            return shown if done and shown["runningCount"] == shown["desiredCount"] else None

        found: dict[str, Any] = until(f"{service} is steady", steady, seconds=seconds)
        return found

    def run(self, cluster: str, definition: str, **settings: Any) -> list[dict[str, Any]]:
        answer = self.ecs.run_task(
            cluster=cluster,
            taskDefinition=definition,
            **{"launchType": "FARGATE", "networkConfiguration": self.network} | settings,
        )
        assert answer["failures"] == []
        found: list[dict[str, Any]] = answer["tasks"]
        return found

    def until_status(self, cluster: str, task: str, status: str, *, seconds: float = 30.0) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            shown = self.ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
            return shown if shown["lastStatus"] == status else None

        found: dict[str, Any] = until(f"{task} is {status}", reached, seconds=seconds)
        return found

    # -- ELB --------------------------------------------------------------------------------------------------------

    def target_group(self, **settings: Any) -> str:
        made = self.elb.create_target_group(
            **{
                "Name": self.name("tg"),
                "Protocol": "HTTP",
                "Port": 8000,
                "TargetType": "ip",
                "HealthCheckPath": "/health",
                "HealthCheckIntervalSeconds": 5,
                "HealthCheckTimeoutSeconds": 2,
            }
            | settings
        )["TargetGroups"][0]
        arn: str = made["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
        )
        return arn

    def load_balancer(self) -> str:
        made = self.elb.create_load_balancer(Name=self.name("lb"), Subnets=self.subnets)["LoadBalancers"][0]
        arn: str = made["LoadBalancerArn"]
        return arn

    def listener(self, balancer: str, group: str, port: int = 80) -> str:
        made = self.elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Listeners"][0]
        arn: str = made["ListenerArn"]
        return arn

    def balanced(self, **settings: Any) -> list[dict[str, Any]]:
        """`loadBalancers` of a service, for a container `app` that listens on 8000."""
        group = self.target_group(**settings)
        self.listener(self.load_balancer(), group)
        return [{"targetGroupArn": group, "containerName": "app", "containerPort": 8000}]

    def health(self, group: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return found
