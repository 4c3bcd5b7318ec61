"""Alarms by which ECS itself protects a deployment: it goes on watching when nobody's terminal or CI job does.

They say the same as `monitor`, as far as CloudWatch can: coarser, since an alarm knows no statistics. ECS ignores those that
are in ALARM when a deployment begins. Source: ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment
failures"; CloudWatch API Reference, PutMetricAlarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.balancers import balanced_groups
from fairway.aws.calls import calling, error_code
from fairway.aws.session import AwsError
from fairway.observed import GUARD_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.aws.balancers import BalancedGroup
    from fairway.aws.session import Aws
    from fairway.deployment.context import Context
    from fairway.observed import Service
    from fairway.planning.release import ServiceRelease
    from fairway.project.checks import Monitoring

LEAST_ERRORS: Final = 5
"""Failed requests in a minute before their rate counts: one of two requests is no outage."""
_ALB: Final = "AWS/ApplicationELB"
_PERIOD: Final = 60
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


def alarms_of(cluster: str, service: str, groups: Sequence[BalancedGroup], limits: Monitoring) -> list[dict[str, Any]]:
    """What PutMetricAlarm takes, for a service behind these target groups. Pure."""
    made = []
    if limits.error_rate is not None:
        made.append(
            _alarm(
                f"{GUARD_PREFIX}{cluster}-{service}-errors",
                f"more than {limits.error_rate:.2%} of the requests to {service} fail",
                limits.error_rate,
                periods=(3, 2),
                Metrics=_error_rate(groups),
            )
        )
    if limits.p95_seconds is not None:
        for number, group in enumerate(groups):
            suffix = "" if len(groups) == 1 else f"-{number + 1}"
            made.append(
                _alarm(
                    f"{GUARD_PREFIX}{cluster}-{service}-latency{suffix}",
                    f"the 95th percentile of {service} is over {limits.p95_seconds:g} s",
                    limits.p95_seconds,
                    periods=(5, 3),
                    Namespace=_ALB,
                    MetricName="TargetResponseTime",
                    Dimensions=_dimensions(group),
                    ExtendedStatistic="p95",
                    Period=_PERIOD,
                    EvaluateLowSampleCountPercentile="ignore",
                )
            )
    return made


def _alarm(name: str, text: str, threshold: float, *, periods: tuple[int, int], **metric: Any) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"{text} (made by Fairway: deployments go back by it)",
        "ActionsEnabled": True,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": periods[0],
        "DatapointsToAlarm": periods[1],
        # without requests nothing fails
        "TreatMissingData": "notBreaching",
        **metric,
    }


def _dimensions(group: BalancedGroup) -> list[dict[str, str]]:
    return [
        {"Name": "TargetGroup", "Value": group.target_group},
        {"Name": "LoadBalancer", "Value": group.load_balancer},
    ]


def _error_rate(groups: Sequence[BalancedGroup]) -> list[dict[str, Any]]:
    """Failed requests of all target groups over their requests, in a minute with at least five failed ones."""
    queries = []
    for number, group in enumerate(groups):
        for name, metric in ((f"r{number}", "RequestCount"), (f"e{number}", "HTTPCode_Target_5XX_Count")):
            queries.append(
                {
                    "Id": name,
                    "MetricStat": {
                        "Metric": {"Namespace": _ALB, "MetricName": metric, "Dimensions": _dimensions(group)},
                        "Period": _PERIOD,
                        "Stat": "Sum",
                    },
                    "ReturnData": False,
                }
            )
    requests = " + ".join(f"FILL(r{number}, 0)" for number in range(len(groups)))
    errors = " + ".join(f"FILL(e{number}, 0)" for number in range(len(groups)))
    expression = f"IF(({errors}) >= {LEAST_ERRORS}, ({errors}) / ({requests}), 0)"
    return [*queries, {"Id": "rate", "Expression": expression, "Label": "error rate", "ReturnData": True}]


def with_alarms(service: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The service definition with these alarms; one that says anything about alarms itself keeps that. Pure."""
    configuration = service.get("deploymentConfiguration", {})
    if not names or "alarms" in configuration:
        return dict(service)
    alarms = {"alarmNames": list(names), "enable": True, "rollback": True}
    return {**service, "deploymentConfiguration": {**configuration, "alarms": alarms}}


def without_own_alarms(service: Mapping[str, Any], living: Service | None) -> dict[str, Any]:
    """The service definition, which takes alarms off a living service that Fairway gave it before. Pure.

    What UpdateService leaves out keeps its value: whoever wants no alarms any more has to say so. Others' alarms stay.
    """
    configuration = service.get("deploymentConfiguration", {})
    now = {} if living is None else living.document.get("deploymentConfiguration", {}).get("alarms", {})
    names = now.get("alarmNames", ())
    if "alarms" in configuration or not now.get("enable") or not all(name.startswith(GUARD_PREFIX) for name in names):
        return dict(service)
    off = {"alarmNames": list(names), "enable": False, "rollback": False}
    return {**service, "deploymentConfiguration": {**configuration, "alarms": off}}


def guard(
    context: Context, item: ServiceRelease, limits: Monitoring | None, living: Service | None
) -> Mapping[str, Any] | None:
    """Make the alarms of a service, and its definition with them; without them where they may not be made.

    Only where the service's settings are ours, it is watched, and a load balancer counts its requests.
    """
    if item.service is None:
        return None
    if limits is None or not limits.alarms:
        return without_own_alarms(item.service, living)
    if "alarms" in item.service.get("deploymentConfiguration", {}):
        return item.service
    arns = [
        balancer["targetGroupArn"] for balancer in item.service.get("loadBalancers", ()) if "targetGroupArn" in balancer
    ]
    aws = context.observer.aws
    try:
        groups = list(balanced_groups(aws, arns).values()) if arns else []
        wanted = alarms_of(context.observer.cluster, item.name, groups, limits) if groups else []
        refused = _put(context, aws, wanted)
    except AwsError as error:
        refused = error.message
    if refused:
        text = f"ECS does not watch this deployment by alarms: {refused}"
        context.tell("warning", item.name, text, message=text)
        return item.service
    names = [alarm["AlarmName"] for alarm in wanted]
    if names:
        context.tell("alarms", item.name, f"ECS watches this deployment by {', '.join(names)}", alarms=names)
    return with_alarms(item.service, names)


def _put(context: Context, aws: Aws, wanted: Sequence[Mapping[str, Any]]) -> str:
    """Why the alarms may not be made; empty: they are."""
    for alarm in wanted:
        context.guard()
        with calling(f"making the alarm {alarm['AlarmName']}"):
            try:
                aws.client("cloudwatch").put_metric_alarm(**alarm)
            except ClientError as error:
                if error_code(error) in _DENIED:
                    return "cloudwatch:PutMetricAlarm is not allowed"
                raise
    return ""
