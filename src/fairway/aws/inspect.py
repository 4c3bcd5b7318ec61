"""Looks at what a release needs: cluster, roles, values, log groups, network, alarms, quotas. Reads only, and never a secret's value.

What does not depend on something else is asked for side by side. What may not be read is `Unread`, never an error.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.asking import ask, side_by_side
from fairway.aws.calls import batches
from fairway.aws.inspect_images import image_questions
from fairway.aws.inspect_network import network_of, read_target_group
from fairway.preconditions import Cluster, Facts, Quota, Role, Secret, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fairway.aws.session import Aws
    from fairway.preconditions import Wanted

_PARAMETERS_AT_ONCE: Final = 50
_ALARMS_AT_ONCE: Final = 100
_USED_WITHIN: Final = timedelta(minutes=15)
"""Usage metrics come every five minutes (CloudWatch User Guide, "AWS usage metrics")."""
_PERIOD_SECONDS: Final = 300


def inspect(aws: Aws, wanted: Wanted) -> Facts:
    """All that is wanted; of what is not wanted, nothing.

    Raises:
        CredentialsError: the credentials have ended.
    """
    _make_clients(aws, wanted)
    questions: dict[str, Callable[[], Any]] = {"cluster": partial(_cluster, aws, wanted.cluster)}
    if wanted.providers:
        questions["providers"] = partial(_providers, aws, wanted.providers)
    if wanted.parameters:
        questions["parameters"] = partial(_parameters, aws, wanted.parameters)
    if wanted.alarms:
        questions["alarms"] = partial(_alarms, aws, wanted.alarms)
    if wanted.target_groups:
        questions["target_groups"] = partial(_target_groups, aws, wanted.target_groups)
    questions |= {f"role {name}": partial(_role, aws, name) for name in wanted.roles}
    questions |= {f"secret {arn}": partial(_secret, aws, arn) for arn in wanted.secrets}
    questions |= {f"log_group {name}": partial(_log_group, aws, name) for name in wanted.log_groups}
    questions |= {f"quota {code}": partial(_quota, aws, code) for code in wanted.quotas}
    questions |= image_questions(aws, wanted)
    answers = side_by_side(questions)
    groups = answers.get("target_groups", {})
    balancers, subnets, security_groups = network_of(aws, wanted, groups) if wanted.network else ({}, {}, {})
    return Facts(
        cluster=answers["cluster"],
        providers=answers.get("providers"),
        roles=_named(answers, "role"),
        images=_named(answers, "image"),
        repositories=answers.get("repositories", {}),
        secrets=_named(answers, "secret"),
        parameters=answers.get("parameters", frozenset()),
        log_groups=_named(answers, "log_group"),
        target_groups=groups,
        balancers=balancers,
        subnets=subnets,
        security_groups=security_groups,
        alarms=answers.get("alarms"),
        quotas=_named(answers, "quota"),
    )


def _make_clients(aws: Aws, wanted: Wanted) -> None:
    """Before the threads: a session must not make clients in several at once."""
    needed = {
        "ecs": True,
        "iam": wanted.roles,
        "ecr": wanted.images,
        "secretsmanager": wanted.secrets,
        "ssm": wanted.parameters,
        "logs": wanted.log_groups,
        "elbv2": wanted.target_groups,
        "ec2": wanted.network,
        "cloudwatch": wanted.alarms or wanted.quotas,
        "service-quotas": wanted.quotas,
    }
    for service in (name for name, is_needed in needed.items() if is_needed):
        aws.client(service)


def _named(answers: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {name.removeprefix(f"{kind} "): value for name, value in answers.items() if name.startswith(f"{kind} ")}


# -- ECS ---------------------------------------------------------------------------------------------------------------


def _cluster(aws: Aws, name: str) -> Cluster | Unread | None:
    answer: Any = ask("ecs:DescribeClusters", lambda: aws.ecs.describe_clusters(clusters=[name]))
    if isinstance(answer, Unread):
        return answer
    found = next(iter(answer["clusters"]), None)
    if found is None:
        return None
    return Cluster(
        str(found.get("status", "")),
        tuple(found.get("capacityProviders", ())),
        tuple(found.get("defaultCapacityProviderStrategy", ())),
    )


def _providers(aws: Aws, names: Iterable[str]) -> dict[str, str] | Unread | None:
    answer: Any = ask(
        "ecs:DescribeCapacityProviders", lambda: aws.ecs.describe_capacity_providers(capacityProviders=list(names))
    )
    if isinstance(answer, Unread):
        return answer
    return {item["name"]: item["status"] for item in answer["capacityProviders"]}


# -- IAM ---------------------------------------------------------------------------------------------------------------


def _role(aws: Aws, name: str) -> Role | Unread | None:
    """By ARN (`role/path/NAME`) or name."""
    short = name.rsplit("/", 1)[-1]
    answer: Any = ask(
        "iam:GetRole", lambda: aws.client("iam").get_role(RoleName=short), missing=frozenset({"NoSuchEntity"})
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    return Role(answer["Role"].get("AssumeRolePolicyDocument") or {})


# -- values ------------------------------------------------------------------------------------------------------------


def _secret(aws: Aws, arn: str) -> Secret | Unread | None:
    answer: Any = ask(
        "secretsmanager:DescribeSecret",
        lambda: aws.secretsmanager.describe_secret(SecretId=arn),
        missing=frozenset({"ResourceNotFoundException"}),
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    stages = answer.get("VersionIdsToStages", {})
    return Secret(
        stages=frozenset(stage for of_version in stages.values() for stage in of_version),
        versions=frozenset(stages),
        is_deleted="DeletedDate" in answer,
    )


def _parameters(aws: Aws, names: Iterable[str]) -> frozenset[str] | Unread:
    """Those of the names that exist. DescribeParameters shows no values."""
    found: set[str] = set()
    for some in batches(sorted(set(names)), _PARAMETERS_AT_ONCE):
        answer = ask("ssm:DescribeParameters", partial(_parameter_names, aws, list(some)))
        if isinstance(answer, Unread):
            return answer
        found |= answer or set()
    return frozenset(found)


def _parameter_names(aws: Aws, names: list[str]) -> set[str]:
    pages = aws.ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": names}]
    )
    return {item["Name"] for page in pages for item in page["Parameters"]}


def _log_group(aws: Aws, name: str) -> str | Unread | None:
    """Its ARN. Names that begin alike come in their order, so that its own comes first."""
    answer: Any = ask("logs:DescribeLogGroups", lambda: aws.logs.describe_log_groups(logGroupNamePrefix=name))
    if isinstance(answer, Unread):
        return answer
    return next((str(item.get("arn", name)) for item in answer["logGroups"] if item["logGroupName"] == name), None)


# -- load balancing ----------------------------------------------------------------------------------------------------


def _target_groups(aws: Aws, arns: Iterable[str]) -> dict[str, Any]:
    """All by one call; one by one when one of them does not exist."""

    def described(some: list[str]) -> Any:
        return ask(
            "elasticloadbalancing:DescribeTargetGroups",
            lambda: aws.elbv2.describe_target_groups(TargetGroupArns=some),
            missing=frozenset({"TargetGroupNotFound", "TargetGroupNotFoundException", "ValidationError"}),
        )

    wanted = sorted(set(arns))
    answer = described(wanted)
    if isinstance(answer, Unread):
        return dict.fromkeys(wanted, answer)
    found: dict[str, Any] = {}
    for arn in wanted:
        alone = answer if answer is not None else described([arn])
        if isinstance(alone, Unread):
            found[arn] = alone
            continue
        of = {item["TargetGroupArn"]: item for item in (alone or {}).get("TargetGroups", ())}
        found[arn] = read_target_group(of[arn]) if arn in of else None
    return found


# -- CloudWatch and quotas ---------------------------------------------------------------------------------------------


def _alarms(aws: Aws, names: Iterable[str]) -> dict[str, str] | Unread:
    """Name -> state, of metric and composite alarms."""
    client = aws.client("cloudwatch")
    found: dict[str, str] = {}
    for some in batches(sorted(set(names)), _ALARMS_AT_ONCE):
        answer: Any = ask(
            "cloudwatch:DescribeAlarms",
            partial(client.describe_alarms, AlarmNames=list(some), AlarmTypes=["MetricAlarm", "CompositeAlarm"]),
        )
        if isinstance(answer, Unread):
            return answer
        for kind in ("MetricAlarms", "CompositeAlarms"):
            found |= {item["AlarmName"]: item["StateValue"] for item in answer.get(kind, ())}
    return found


def _quota(aws: Aws, code: str) -> Quota | Unread | None:
    """A quota of Fargate, and the newest value of the metric that Service Quotas names for its use."""
    client = aws.client("service-quotas")
    answer: Any = ask(
        "servicequotas:GetServiceQuota",
        lambda: client.get_service_quota(ServiceCode="fargate", QuotaCode=code),
        missing=frozenset({"NoSuchResourceException"}),
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    quota = answer["Quota"]
    return Quota(float(quota["Value"]), _used(aws, quota.get("UsageMetric") or {}))


def _used(aws: Aws, metric: Mapping[str, Any]) -> float | Unread | None:
    if not metric.get("MetricName"):
        return None
    end = aws.now()
    answer: Any = ask(
        "cloudwatch:GetMetricStatistics",
        lambda: aws.client("cloudwatch").get_metric_statistics(
            Namespace=metric["MetricNamespace"],
            MetricName=metric["MetricName"],
            Dimensions=[{"Name": name, "Value": value} for name, value in metric.get("MetricDimensions", {}).items()],
            StartTime=end - _USED_WITHIN,
            EndTime=end,
            Period=_PERIOD_SECONDS,
            Statistics=["Maximum"],
        ),
    )
    if isinstance(answer, Unread):
        return answer
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else None
