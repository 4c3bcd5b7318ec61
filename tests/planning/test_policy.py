"""The IAM policies of a project: which actions, on what, under which condition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairway.planning.permissions import PERMISSIONS, Role
from fairway.planning.policy import policy
from fairway.planning.resources import resources
from fairway.project.model import Environment, Project, ScheduledSpec, ServiceSpec, TaskSpec

HERE = Path("deploy")
IMAGE = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/shop/api:{{ tag }}"
ECS = "arn:aws:ecs:us-east-1:123456789012"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-region": "eu-west-1"}}
DEFINITION = {
    "family": "shop-api",
    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "taskRoleArn": "task",
    "containerDefinitions": [{"name": "app", "image": IMAGE, "logConfiguration": LOGS}],
}
SERVICE = {
    "serviceName": "api",
    "loadBalancers": [{"targetGroupArn": "ssm:/shop/group", "advancedConfiguration": {"roleArn": "ecs-balancer"}}],
}
API = ServiceSpec("api", DEFINITION, HERE, SERVICE)
MIGRATIONS = TaskSpec("migrations", {**DEFINITION, "family": "shop-migrations"}, HERE, before=("api",))
CLEANUP = ScheduledSpec("cleanup", {**DEFINITION, "family": "shop-cleanup"}, HERE, rule="nightly")
SHOP = Project(
    HERE,
    "shop",
    Environment("production", "shop", "us-east-1", "123456789012"),
    {"api": API},
    {"migrations": MIGRATIONS},
)


def a_project(**changes) -> Project:
    return replace(SHOP, **changes)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param("services", [f"{ECS}:service/shop/api"], id="a service in its cluster"),
        pytest.param(
            "service deployments",
            [f"{ECS}:service-deployment/shop/api/*", f"{ECS}:service/shop/api"],
            id="a deployment, and its service beside it",
        ),
        pytest.param(
            "task definitions",
            [f"{ECS}:task-definition/shop-api:*", f"{ECS}:task-definition/shop-migrations:*"],
            id="every revision of the families",
        ),
        pytest.param(
            "one-off task definitions", [f"{ECS}:task-definition/shop-migrations:*"], id="what RunTask starts"
        ),
        pytest.param(
            "task roles",
            ["arn:aws:iam::123456789012:role/execution", "arn:aws:iam::123456789012:role/task"],
            id="a role by its ARN and by its name",
        ),
        pytest.param("service roles", ["arn:aws:iam::123456789012:role/ecs-balancer"], id="a role inside a service"),
        pytest.param(
            "log streams",
            ["arn:aws:logs:eu-west-1:123456789012:log-group:/shop:log-stream:*"],
            id="a log group in its own region",
        ),
        pytest.param(
            "repositories",
            ["arn:aws:ecr:eu-west-1:210987654321:repository/shop/api"],
            id="a repository of another account",
        ),
        pytest.param(
            "values", ["arn:aws:ssm:us-east-1:123456789012:parameter/shop/group"], id="a value of the account"
        ),
        pytest.param(
            "locks",
            [
                f"arn:aws:ssm:us-east-1:123456789012:parameter/fairway/lock/shop/{name}/*"
                for name in ("api", "task.migrations")
            ],
            id="locks of its services and one-off tasks alone",
        ),
        pytest.param("rules", [], id="no rule, no resource"),
    ],
)
def test_what_a_shape_stands_for(shape, expected):
    assert list(resources(SHOP)[shape]) == expected


@pytest.mark.parametrize(
    ("region", "start"),
    [("cn-north-1", "arn:aws-cn:ecs:cn-north-1:"), ("us-gov-west-1", "arn:aws-us-gov:ecs:us-gov-west-1:")],
)
def test_other_partitions(region, start):
    environment = replace(SHOP.environment, region=region)
    assert resources(a_project(environment=environment))["cluster"][0].startswith(start)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("nightly", "rule/nightly"),
        ("default/nightly", "rule/nightly"),
        ("shop/nightly", "rule/shop/nightly"),
    ],
)
def test_rules(named, expected):
    project = a_project(scheduled={"cleanup": replace(CLEANUP, rule=named)})
    assert resources(project)["rules"] == (f"arn:aws:events:us-east-1:123456789012:{expected}",)


def statements(role, project=SHOP, *roles):
    return policy(role, project, roles)["Statement"]


def passed(role, project=SHOP, *roles):
    """service that takes a role -> roles that may be given to it."""
    return {
        statement["Condition"]["StringEquals"]["iam:PassedToService"]: statement["Resource"]
        for statement in statements(role, project, *roles)
        if "iam:PassRole" in statement["Action"]
    }


def test_roles_are_passed_to_those_who_take_them_alone():
    project = a_project(scheduled={"cleanup": CLEANUP})
    assert passed(Role.DEPLOY, project, "starter") == {
        "ecs-tasks.amazonaws.com": list(resources(SHOP)["task roles"]),
        "ecs.amazonaws.com": "arn:aws:iam::123456789012:role/ecs-balancer",
        "events.amazonaws.com": "arn:aws:iam::123456789012:role/starter",
    }


def test_bounds_are_set_for_services_of_ecs_alone():
    api = replace(API, scaling={"MinCapacity": 1, "MaxCapacity": 2})
    [one] = [
        statement
        for statement in statements(Role.DEPLOY, a_project(services={"api": api}))
        if "application-autoscaling:RegisterScalableTarget" in statement["Action"]
    ]
    assert one["Resource"] == "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/*"
    assert one["Condition"]["StringEquals"]["application-autoscaling:service-namespace"] == "ecs"
    actions = {action for statement in statements(Role.DEPLOY) for action in statement["Action"]}
    assert "application-autoscaling:RegisterScalableTarget" not in actions
    assert "logs:PutRetentionPolicy" not in actions


def test_a_project_without_roles_passes_none():
    definition = {"family": "shop-api", "containerDefinitions": []}
    bare = a_project(services={"api": ServiceSpec("api", definition, HERE, manage="task-definition")}, tasks={})
    assert passed(Role.DEPLOY, bare) == {}
    actions = {action for statement in statements(Role.DEPLOY, bare) for action in statement["Action"]}
    assert "ecs:CreateService" not in actions, "only its revisions are managed"
    assert "ecs:RunTask" not in actions
    assert "ecs:UpdateService" in actions


READS = ("Describe", "List", "Get", "BatchGet")


@pytest.mark.parametrize("role", [Role.PLAN, Role.WATCH])
def test_who_only_looks_may_only_read(role):
    actions = {action for statement in statements(role) for action in statement["Action"]}
    assert actions
    assert [action for action in actions if not action.partition(":")[2].startswith(READS)] == []


def test_everything_is_for_whoever_deploys():
    assert [row.action for row in PERMISSIONS if Role.DEPLOY not in row.roles] == []


def test_anything_is_said_only_where_aws_knows_no_resources():
    wide = {row.action for row in PERMISSIONS if row.on == "anything" and not row.in_cluster}
    assert {action for action in wide if not action.startswith("elasticloadbalancing:Describe")} == {
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitions",
        "cloudwatch:GetMetricData",
        "cloudwatch:GetMetricStatistics",
        "servicequotas:GetServiceQuota",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
    }
