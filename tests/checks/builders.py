"""A release and what was found, for tables of cases: what a row does not speak of is as it should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.planning.builders import ACCOUNT, GROUP, T0, a_definition, a_service_file

from fairway.aws.documents import read_service
from fairway.checks.registry import CHECKS, judge
from fairway.checks.situation import Situation
from fairway.planning.release import Release, ServiceRelease
from fairway.preconditions import (
    Balancer,
    Cluster,
    Facts,
    Image,
    Ingress,
    Quota,
    Role,
    Scan,
    Secret,
    SecurityGroup,
    Subnet,
    TargetGroup,
)
from fairway.project.model import Environment

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/shop-api@{DIGEST}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:shop/t-AbCdEf"
BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/app/shop/0123456789abcdef"
TRUST = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
PRODUCTION = Environment("production", "shop", "us-east-1", ACCOUNT)


def a_document(**members: Any) -> dict[str, Any]:
    container = {
        "image": IMAGE,
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/shop/api"}},
        **members.pop("container", {}),
    }
    document: dict[str, Any] = a_definition(container=container, **({"executionRoleArn": ROLE} | members))
    return document


def some_facts(**members: Any) -> Facts:
    facts = Facts(
        cluster=Cluster("ACTIVE", ("FARGATE", "FARGATE_SPOT")),
        roles={ROLE: Role(TRUST)},
        images={IMAGE: Image(DIGEST, ("linux/amd64",), {"linux/amd64": Scan("COMPLETE")})},
        repositories={IMAGE: "IMMUTABLE"},
        secrets={SECRET: Secret(frozenset({"AWSCURRENT"}), frozenset({"v-1"}))},
        parameters=frozenset(),
        log_groups={"/shop/api": "arn"},
        target_groups={GROUP: TargetGroup("HTTP", 8000, "ip", "vpc-1", balancers=(BALANCER,))},
        balancers={BALANCER: Balancer("application", ("sg-lb",), ("subnet-a",))},
        subnets={name: Subnet("vpc-1", f"10.0.{n}.0/24", 100) for n, name in enumerate(("subnet-a", "subnet-b"))},
        security_groups={"sg": SecurityGroup("vpc-1", (Ingress("tcp", 8000, 8000, groups=("sg-lb",)),))},
        alarms={"errors": "OK"},
        quotas={"L-3032A538": Quota(100.0, 20.0)},
    )
    return replace(facts, **members)


def a_situation(
    facts: Facts | None = None, *, document: Any = None, service: Any = None, living: Any = None, **members: Any
) -> Situation:
    """`service`: members of the file beside the usual; `living`: members of what DescribeServices answers, None: it is new."""
    item = ServiceRelease(
        "api",
        "shop-api",
        document or a_document(),
        Path("api.task.json"),
        service={**a_service_file(), **(service or {})},
        digest=members.pop("digest", DIGEST),
    )
    release = Release((item,), before=members.pop("before_services", ()))
    return Situation(
        release=release,
        environment=members.pop("environment", PRODUCTION),
        now=members.pop("now", T0),
        living={} if living is None else {"shop-api": a_living(**living)},
        facts=facts or some_facts(),
        **members,
    )


def a_living(**members: Any) -> Any:
    document = {
        "serviceArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/shop/shop-api",
        "serviceName": "shop-api",
        "clusterArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/shop",
        "status": "ACTIVE",
        "desiredCount": 5,
        "runningCount": 5,
        "pendingCount": 0,
        "taskDefinition": f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/shop-api:1",
        "deployments": [a_rollout()],
        **members,
    }
    return read_service(document)


def a_rollout(status: str = "PRIMARY", state: str = "COMPLETED", **members: Any) -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{status}",
        "status": status,
        "rolloutState": state,
        "taskDefinition": "shop-api:1",
        "desiredCount": 5,
        "runningCount": 5,
        "pendingCount": 0,
        "failedTasks": 0,
        **members,
    }


def said(situation: Situation, code: str) -> list[tuple[str, str]]:
    """(state, text) of what one check says."""
    assert code in CHECKS
    return [(str(item.state), item.text) for item in judge(situation, {code})]
