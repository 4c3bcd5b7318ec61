"""What each role of a project has to be allowed: every call that Fairway makes of AWS, why, on what, and by whom. Data.

`on` names a shape of `fairway.planning.resources`. An action without resource-level permissions is on `anything`. A role that
may not do something optional (reading a target group's delay) still works and says less; everything here is asked for.

STS GetCallerIdentity has no row: "No permissions are required to perform this operation" (STS API Reference).

Source: AWS Service Authorization Reference, the actions and resource types of each service.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Who asks AWS."""

    PLAN = "plan"
    """`check`, `plan`, `cost`, `render`, `history`: a pull request's job. Reads."""
    DEPLOY = "deploy"
    """`deploy`, `rollback`, `apply`, `watch --pending`, and what the others read."""
    WATCH = "watch"
    """`status`, `watch`, `why`, `history`, `logs`: people. Reads."""


ALL: Final = frozenset(Role)
PLANNING: Final = frozenset({Role.PLAN, Role.DEPLOY})
WATCHING: Final = frozenset({Role.WATCH, Role.DEPLOY})
DEPLOYING: Final = frozenset({Role.DEPLOY})


@dataclass(frozen=True, slots=True)
class Permission:
    """One action that a role may need."""

    action: str
    why: str
    on: str
    """The shape of its resources."""
    roles: frozenset[Role]
    in_cluster: bool = False
    """Limited by the condition key `ecs:cluster`: its resource does not name the cluster."""
    scales: bool = False
    """Limited by the condition keys of Application Auto Scaling: its resource does not name the service."""
    passed_to: str = ""
    """Of iam:PassRole: the service that the role may be given to."""
    unseen: str = ""
    """Why no test on an engine makes this call."""


_ELB: Final = "elasticloadbalancing"
_SCALING: Final = "application-autoscaling"
_NOT_LOCAL: Final = "left out on a laptop, which has nothing like it"
_NO_PROVIDER: Final = "the test's project names a launch type"
_NO_SCALING: Final = "an engine has no Application Auto Scaling"
PERMISSIONS: Final = (
    # -- what lives
    Permission("ecs:DescribeServices", "what runs, what is deployed, and how it goes", "services", ALL),
    Permission("ecs:ListServiceDeployments", "the service deployment that is followed", "services", ALL),
    Permission("ecs:DescribeServiceDeployments", "how it goes, and how it ended", "service deployments", ALL),
    Permission("ecs:DescribeServiceRevisions", "which revision a service deployment brings in", "service revisions", ALL),
    Permission("ecs:DescribeTaskDefinition", "revisions with their verdicts (no resource-level permissions)", "anything", ALL),
    Permission("ecs:ListTaskDefinitions", "the newest revisions of a family (no resource-level permissions)", "anything", PLANNING),
    Permission("ecs:DescribeClusters", "the cluster's default capacity provider strategy", "cluster", PLANNING),
    Permission("ecs:ListTasks", "tasks that run and that stopped", "anything", WATCHING, in_cluster=True),
    Permission("ecs:DescribeTasks", "why tasks stopped", "tasks", WATCHING),
    Permission(f"{_ELB}:DescribeTargetGroups", "health checks (no resource-level permissions)", "anything", ALL),
    Permission(f"{_ELB}:DescribeTargetHealth", "whether targets are healthy (no resource-level permissions)", "anything", WATCHING),
    Permission(f"{_ELB}:DescribeTargetGroupAttributes", "how long draining takes (no resource-level permissions)", "anything", PLANNING),
    Permission(f"{_ELB}:DescribeLoadBalancers", "where it is reached; in which subnets (no resource-level permissions)", "anything", ALL, unseen=_NOT_LOCAL),
    Permission(f"{_ELB}:DescribeListeners", "as above", "anything", WATCHING),
    Permission(f"{_ELB}:DescribeRules", "as above, where a rule forwards", "anything", WATCHING),
    Permission(f"{_ELB}:DescribeTags", "as above: the address of a listener", "anything", WATCHING),
    Permission("logs:GetLogEvents", "the last lines of a task that failed", "log streams", WATCHING),
    Permission("cloudwatch:GetMetricData", "errors and response times after a deployment (no resource-level permissions)", "anything", DEPLOYING),
    # -- what is deployed
    Permission("ssm:GetParameters", "values that live in the account (`ssm:NAME`)", "values", PLANNING),
    Permission("cloudformation:DescribeStacks", "outputs of stacks (`cfn:STACK/OUTPUT`)", "stacks", PLANNING, unseen="an engine has no CloudFormation"),
    Permission("s3:GetObject", "states of Terraform (`tfstate:s3://…`)", "states", PLANNING, unseen="an engine has no S3"),
    Permission("ecr:DescribeImages", "the image is there, and its digest", "repositories", PLANNING),
    Permission("ecr:DescribeRepositories", "whether the repository of an image that could not be pulled is there", "repositories", WATCHING, unseen="the simulated runtime runs any image"),
    # -- checked before: what may not be read is not checked, and no failure
    Permission("ecs:DescribeCapacityProviders", "the providers of a strategy are there", "capacity providers", PLANNING, unseen=_NO_PROVIDER),
    Permission("iam:GetRole", "the roles of tasks are there, and trust ECS", "task roles", PLANNING, unseen=_NOT_LOCAL),
    Permission("secretsmanager:DescribeSecret", "secrets are there; their values are never read", "secrets", PLANNING),
    Permission("ssm:DescribeParameters", "parameters that secrets name are there", "parameters of secrets", PLANNING, unseen="the test's project takes its secrets from Secrets Manager"),
    Permission("logs:DescribeLogGroups", "log groups are there", "all log groups", PLANNING),
    Permission("cloudwatch:DescribeAlarms", "alarms that are red already, which ECS would ignore", "all alarms", PLANNING, unseen="the test's project names no alarm of its own"),
    Permission("cloudwatch:GetMetricStatistics", "how much of a quota is used (no resource-level permissions)", "anything", PLANNING, unseen="an engine has no Service Quotas, which are asked first"),
    Permission("servicequotas:GetServiceQuota", "quotas of Fargate", "anything", PLANNING, unseen="an engine has no Service Quotas"),
    Permission("ecr:BatchGetImage", "the platform of an image", "repositories", PLANNING, unseen=_NOT_LOCAL),
    Permission("ecr:DescribeImageScanFindings", "what the scan of an image found", "repositories", PLANNING, unseen=_NOT_LOCAL),
    Permission("ec2:DescribeSubnets", "free addresses (no resource-level permissions)", "anything", PLANNING, unseen=_NOT_LOCAL),
    Permission("ec2:DescribeSecurityGroups", "security groups are there (no resource-level permissions)", "anything", PLANNING, unseen=_NOT_LOCAL),
    # -- locks and journals
    Permission("ssm:GetParametersByPath", "who has the lock of a service, and which runs are unfinished", "paths of locks and runs", WATCHING),
    Permission("ssm:PutParameter", "taking and renewing locks; what a run is about to do", "locks and runs", DEPLOYING),
    Permission("ssm:DeleteParameters", "forgetting locks that were taken over", "locks", DEPLOYING),
    Permission("ssm:DeleteParameter", "forgetting a run that has ended", "runs", DEPLOYING),
    # -- deploying
    Permission("ecs:RegisterTaskDefinition", "new revisions", "task definitions", DEPLOYING),
    Permission("ecs:TagResource", "the verdict and origin of a revision, tags of a service", "tagged", DEPLOYING),
    Permission("ecs:CreateService", "services that do not exist yet", "managed services", DEPLOYING),
    Permission("ecs:UpdateService", "bringing a revision in, and going back", "services", DEPLOYING),
    Permission("ecs:StopServiceDeployment", "giving up and going back", "service deployments", DEPLOYING),
    Permission("cloudwatch:PutMetricAlarm", "alarms by which ECS protects a deployment without us", "guard alarms", DEPLOYING),
    Permission("ecs:RunTask", "one-off tasks, such as migrations", "one-off task definitions", DEPLOYING, in_cluster=True),
    Permission("iam:PassRole", "the roles of tasks", "task roles", DEPLOYING, passed_to="ecs-tasks.amazonaws.com"),
    Permission("iam:PassRole", "the roles of services: hooks, volumes, balancers", "service roles", DEPLOYING, passed_to="ecs.amazonaws.com"),
    # -- apply
    Permission("logs:CreateLogGroup", "log groups of the definitions", "log groups", DEPLOYING),
    Permission("logs:PutRetentionPolicy", "`log_retention_days`", "kept log groups", DEPLOYING),
    Permission(f"{_SCALING}:DescribeScalableTargets", "between which bounds a service is scaled (no resource-level permissions)", "scaled", DEPLOYING, unseen=_NO_SCALING),
    Permission(f"{_SCALING}:RegisterScalableTarget", "setting these bounds", "scalable targets", DEPLOYING, scales=True, unseen=_NO_SCALING),
    # -- scheduled tasks, reports
    Permission("events:ListTargetsByRule", "which revision a rule starts", "rules", DEPLOYING),
    Permission("events:PutTargets", "moving a rule to the new revision", "rules", DEPLOYING),
    Permission("iam:PassRole", "the role of a rule's target, which PutTargets says again", "roles of rules", DEPLOYING, passed_to="events.amazonaws.com"),
    Permission("scheduler:GetSchedule", "which revision a schedule starts", "schedules", DEPLOYING),
    Permission("scheduler:UpdateSchedule", "moving a schedule to the new revision", "schedules", DEPLOYING),
    Permission("iam:PassRole", "the role of a schedule, which UpdateSchedule says again", "roles of schedules", DEPLOYING, passed_to="scheduler.amazonaws.com"),
    Permission("s3:PutObject", 'reports (`reports = "s3://…"`)', "reports", DEPLOYING, unseen="an engine has no S3"),
)  # fmt: skip
"""In the order in which a policy names them."""
