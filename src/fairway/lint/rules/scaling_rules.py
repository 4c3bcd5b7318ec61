"""Application Auto Scaling and the alarms that drive it."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, object_

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Application Auto Scaling User Guide, "
_STEPS: Final = _GUIDE + "How step scaling for Application Auto Scaling works"
_TRACKING: Final = _GUIDE + "How target tracking scaling for Application Auto Scaling works"
_RESOURCE: Final = {"ServiceNamespace": "ecs", "ResourceId": "service/prod/shop"}


def _step(*steps: Mapping[str, object], **members: object) -> str:
    return object_(PolicyName="queue", PolicyType="StepScaling", **members, StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": list(steps)})  # fmt: skip


def _target(metric: str, **members: object) -> dict[str, object]:
    return {"TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": metric, **members}}


def _track(name: str, metric: str, **members: object) -> str:
    return object_(**_RESOURCE, PolicyName=name, PolicyType="TargetTrackingScaling",
                   TargetTrackingScalingPolicyConfiguration=_target(metric, **members))  # fmt: skip


_OUT: Final = {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 2}
_IN: Final = {"MetricIntervalUpperBound": 0, "ScalingAdjustment": -1}
_CPU, _MEMORY, _REQUESTS = (
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageMemoryUtilization",
    "ALBRequestCountPerTarget",
)
_KNOWN: Final = {_CPU, _MEMORY, _REQUESTS, f"{_CPU}HighResolution", f"{_MEMORY}HighResolution"}
QUEUE: Final = {"AlarmName": "queue-high", "MetricName": "queue_length", "Namespace": "Shop", "Threshold": 100}
AWS_QUEUE: Final = {**QUEUE, "MetricName": "ApproximateNumberOfMessagesVisible", "Namespace": "AWS/SQS"}

OFFSETS: Final = Rule(
    "step-bounds-are-offsets",
    Severity.WARNING,
    "Step bounds that repeat the alarm's threshold",
    "The bounds of a step are offsets from the alarm's threshold, not values of the metric: with threshold 100 the step 0 to 100 "
    "is taken at 100 to 200. Steps that carry the threshold itself mostly were meant as values.",
    "subtract the alarm's threshold from each bound",
    _STEPS + " (Step adjustments)",
    blocks(object_(**AWS_QUEUE), _step({"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 100, "ScalingAdjustment": 1},
                                        {"MetricIntervalLowerBound": 100, "ScalingAdjustment": 3})),
    blocks(object_(**AWS_QUEUE), _step({"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 400, "ScalingAdjustment": 1},
                                        {"MetricIntervalLowerBound": 400, "ScalingAdjustment": 3})),
)  # fmt: skip
ONLY_OUT: Final = Rule(
    "scales-out-only",
    Severity.WARNING,
    "A step policy without a way back",
    "All its steps add tasks, and no other policy of the service takes any away: after the first peak it stays at its largest, and "
    "is paid for.",
    "add a step policy with negative adjustments and an alarm for the low side, or a target tracking policy",
    _STEPS,
    _step(_OUT),
    blocks(_step(_OUT), _step(_IN)),
)
STEPS: Final = Rule(
    "step-bounds",
    Severity.ERROR,
    "Steps with gaps, overlaps or no end",
    "PutScalingPolicy refuses steps with gaps or overlaps, more than one open end on a side, a positive bound without a step that "
    "is open above, a negative one without a step that is open below, and ExactCapacity below 0.",
    "let each step begin where the one before ends, and leave the outermost bound out",
    "Application Auto Scaling API Reference, StepAdjustment",
    _step({"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 50, "ScalingAdjustment": 1},
          {"MetricIntervalLowerBound": 60, "ScalingAdjustment": 2}, _IN),
    _step({"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 50, "ScalingAdjustment": 1},
          {"MetricIntervalLowerBound": 50, "ScalingAdjustment": 2}, _IN),
)  # fmt: skip
LABEL: Final = Rule(
    "request-count-label",
    Severity.ERROR,
    "ALBRequestCountPerTarget without its ResourceLabel, or with one that is wrong",
    "The metric is of a target group, so PutScalingPolicy needs ResourceLabel: 'app/NAME/ID/targetgroup/NAME/ID'. Any other "
    "metric takes none.",
    "add ResourceLabel: the last part of the load balancer's ARN, a slash, the last part of the target group's",
    "Application Auto Scaling API Reference, PredefinedMetricSpecification",
    _track("requests", _REQUESTS),
    _track("requests", _REQUESTS, ResourceLabel="app/shop/50dc6c495c0c9188/targetgroup/web/943f017f100becff"),
)
LABEL_CODEDEPLOY: Final = Rule(
    "request-count-codedeploy",
    Severity.WARNING,
    "ALBRequestCountPerTarget for a service of CodeDeploy",
    "CodeDeploy swaps the target groups with each deployment; the policy's label names one of them, so it is not supported there, "
    "and under blue/green it reads the idle group every other time.",
    "scale by CPU or a metric of your own",
    "Amazon ECS Developer Guide, CodeDeploy blue/green deployments for Amazon ECS (considerations)",
    blocks(
        _track("requests", _REQUESTS, ResourceLabel="app/shop/50dc6c495c0c9188/targetgroup/web/943f017f100becff"),
        'version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      Properties:\n        TaskDefinition: "<TASK_DEFINITION>"',
    ),
    _track("requests", _REQUESTS, ResourceLabel="app/shop/50dc6c495c0c9188/targetgroup/web/943f017f100becff"),
)
ALL_AGREE: Final = Rule(
    "tracking-all-agree",
    Severity.INFO,
    "Several target tracking policies for one service",
    "The service is scaled out when any of them asks, and in only when all agree: one metric that stays high (memory, mostly) "
    "keeps it large for good.",
    "keep the one metric that limits the service, or set DisableScaleIn for the others knowingly",
    _TRACKING + " (Multiple target tracking scaling policies)",
    blocks(_track("cpu", _CPU), _track("memory", _MEMORY)),
    _track("cpu", _CPU),
)
BOUNDS: Final = Rule(
    "scaling-range",
    Severity.ERROR,
    "A scaling range that is none",
    "RegisterScalableTarget refuses a MaxCapacity below MinCapacity, and needs both when the target is new.",
    "give both, the maximum not below the minimum",
    "Application Auto Scaling API Reference, RegisterScalableTarget",
    object_(**_RESOURCE, MinCapacity=10, MaxCapacity=5),
    object_(**_RESOURCE, MinCapacity=5, MaxCapacity=10),
)
FIXED: Final = Rule(
    "scaling-fixed",
    Severity.INFO,
    "A scaling range without room",
    "With MinCapacity equal to MaxCapacity no policy can ever change anything; with 0 the last task can be scaled away, and a "
    "service without tasks has no CPU that could bring it back.",
    "leave room between the two, above 0",
    _GUIDE + "Register a scalable target",
    object_(**_RESOURCE, MinCapacity=5, MaxCapacity=5),
    object_(**_RESOURCE, MinCapacity=5, MaxCapacity=50),
)
DESIRED: Final = Rule(
    "desired-outside-range",
    Severity.WARNING,
    "A desiredCount outside of the scaling range",
    "RegisterScalableTarget moves the service into the range at once, and so does the next scaling action: the number in the "
    "service's file is not what runs.",
    "choose desiredCount within MinCapacity and MaxCapacity",
    "Application Auto Scaling API Reference, RegisterScalableTarget",
    blocks(object_(**_RESOURCE, MinCapacity=5, MaxCapacity=10), object_(serviceName="shop", desiredCount=2)),
    blocks(object_(**_RESOURCE, MinCapacity=5, MaxCapacity=10), object_(serviceName="shop", desiredCount=5)),
)
TRACKING: Final = Rule(
    "tracking-policy",
    Severity.ERROR,
    "A target tracking policy that is refused or can never act",
    "TargetValue is above 0, and a share of CPU or memory at most 100; the metric is one that Application Auto Scaling has for "
    "ECS; exactly one of predefined and customized metric is given.",
    "correct the value or the metric's name",
    "Application Auto Scaling API Reference, TargetTrackingScalingPolicyConfiguration",
    _track("cpu", "ECSServiceAverageCpuUtilisation"),
    _track("cpu", _CPU),
)
RULES: Final = (
    OFFSETS, ONLY_OUT, STEPS, LABEL, LABEL_CODEDEPLOY, ALL_AGREE, BOUNDS, FIXED, DESIRED, TRACKING,
)  # fmt: skip
_LABEL: Final = re.compile(r"app/[^/]+/[0-9a-f]+/targetgroup/[^/]+/[0-9a-f]+")
_POLICY: Final = re.compile(r":policyName/([^:]+)")
_FEW: Final = 10


def check(view: View) -> Iterator[Finding]:
    policies = list(view.of(Kind.SCALING_POLICY))
    alarms = _Alarms(view)
    shrinking = {entity.resource for entity in policies if _takes_away(entity)}
    for entity in policies:
        yield from _step_policy(alarms, entity, shrinking)
        yield from _tracking_policy(view, entity)
    yield from _together(policies)
    for entity in view.of(Kind.SCALABLE_TARGET):
        yield from _range(entity)
    yield from _desired(view)


def steps_of(node: Node) -> Node:
    inner = node["stepScalingPolicyConfiguration"]
    return inner if inner.is_object else node


def tracking_of(node: Node) -> Node:
    inner = node["targetTrackingScalingPolicyConfiguration"]
    return inner if inner.is_object else node


def _adjustments(entity: Entity) -> list[float]:
    numbers = [item["scalingAdjustment"].number for item in steps_of(entity.node)["stepAdjustments"].objects()]
    return [number for number in numbers if number is not None]


def _tracks(entity: Entity) -> bool:
    return "targetValue" in tracking_of(entity.node)


def _takes_away(entity: Entity) -> bool:
    """The policy can scale in."""
    if any(number < 0 for number in _adjustments(entity)):
        return True
    return _tracks(entity) and not tracking_of(entity.node)["disableScaleIn"].flag


def _step_policy(alarms: _Alarms, entity: Entity, shrinking: set[str | None]) -> Iterator[Finding]:
    configuration = steps_of(entity.node)
    steps = configuration["stepAdjustments"]
    if not steps.value:
        return
    yield from _ends(configuration, steps)
    adjustments = _adjustments(entity)
    is_out = bool(adjustments) and all(number > 0 for number in adjustments)
    if is_out and configuration["adjustmentType"].text != "ExactCapacity" and entity.resource not in shrinking:
        name = entity.node["policyName"].text or "the policy"
        yield steps.find(ONLY_OUT, f"{name} only adds tasks, and no policy takes them away")
    yield from _offsets(alarms, entity, steps)


def _offsets(alarms: _Alarms, entity: Entity, steps: Node) -> Iterator[Finding]:
    name = entity.node["policyName"].text
    for alarm in alarms.of(name):
        threshold = alarm["threshold"].number
        bounds = {
            bound
            for item in steps.objects()
            for member in ("metricIntervalLowerBound", "metricIntervalUpperBound")
            if (bound := item[member].number) is not None
        }
        if threshold and threshold in bounds:
            values = sorted({threshold + bound for bound in bounds})
            text = ", ".join(f"{value:g}" for value in values)
            yield steps.find(
                OFFSETS,
                f"the bounds are offsets: with threshold {threshold:g} of {alarm['alarmName'].text} the steps begin and end at {text}",
            )
            return


class _Alarms:
    """Alarms by the policy that they name."""

    def __init__(self, view: View) -> None:
        self._named: dict[str, list[Node]] = {}
        self._unnamed: list[Node] = []
        for entity in view.of(Kind.ALARM):
            names = {match[1] for item in entity.node["alarmActions"] if (match := _POLICY.search(item.text or ""))}
            for name in names:
                self._named.setdefault(name, []).append(entity.node)
            if not names:
                self._unnamed.append(entity.node)

    def of(self, policy: str | None) -> list[Node]:
        """Those whose action names the policy; else those that name none, if they are so few that one may be meant."""
        if policy in self._named:
            return self._named[policy]
        return self._unnamed if len(self._unnamed) <= _FEW else []


def _ends(configuration: Node, steps: Node) -> Iterator[Finding]:
    spans: list[tuple[float, float]] = []
    for item in steps.objects():
        low, high = item["metricIntervalLowerBound"], item["metricIntervalUpperBound"]
        lower = low.number if low.exists else -math.inf
        upper = high.number if high.exists else math.inf
        if lower is None or upper is None:
            return
        if lower >= upper:
            yield item.find(STEPS, f"the step from {lower:g} to {upper:g} is empty")
            return
        if configuration["adjustmentType"].text == "ExactCapacity" and (item["scalingAdjustment"].number or 0) < 0:
            yield item["scalingAdjustment"].find(STEPS, "ExactCapacity below 0")
        spans.append((lower, upper))
    spans.sort()
    for (_, end), (start, _) in pairwise(spans):
        # between the steps for below and above the threshold there is a border at 0
        if end < start:
            yield steps.find(STEPS, f"between {end:g} and {start:g} there is no step")
        elif end > start:
            yield steps.find(STEPS, f"two steps share {start:g} to {end:g}")
    if spans and spans[-1][1] not in {math.inf, 0.0}:
        yield steps.find(STEPS, f"above {spans[-1][1]:g} there is no step: leave out the last upper bound")
    if spans and spans[0][0] not in {-math.inf, 0.0} and spans[0][0] < 0:
        yield steps.find(STEPS, f"below {spans[0][0]:g} there is no step: leave out the first lower bound")


def _tracking_policy(view: View, entity: Entity) -> Iterator[Finding]:
    if not _tracks(entity):
        return
    configuration = tracking_of(entity.node)
    predefined, custom = configuration["predefinedMetricSpecification"], configuration["customizedMetricSpecification"]
    if predefined.exists == custom.exists:
        yield configuration.find(
            TRACKING, "exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is needed"
        )
    metric, label, value = (
        predefined["predefinedMetricType"].literal,
        predefined["resourceLabel"],
        configuration["targetValue"],
    )
    if value.number is not None and value.number <= 0:
        yield value.find(TRACKING, f"TargetValue {value.number:g}", remedy="above 0")
    if metric is None:
        return
    if metric not in _KNOWN:
        known = ", ".join(sorted(_KNOWN))
        yield predefined["predefinedMetricType"].find(
            TRACKING, f"there is no metric {metric} for ECS", remedy=f"one of {known}"
        )
    elif metric != _REQUESTS and value.number is not None and value.number > 100:  # noqa: PLR2004 - per cent
        yield value.find(TRACKING, f"TargetValue {value.number:g} per cent", remedy="at most 100; 60 to 80 mostly")
    if metric == _REQUESTS:
        if not label.text:
            yield predefined.find(LABEL, f"{metric} has no ResourceLabel")
        elif label.literal and not _LABEL.fullmatch(label.literal):
            yield label.find(LABEL, f"ResourceLabel {label.literal}")
        if _uses_codedeploy(view):
            yield predefined["predefinedMetricType"].find(
                LABEL_CODEDEPLOY, f"{metric}, and the service is deployed by CodeDeploy"
            )
    elif label.text and metric in _KNOWN:
        yield label.find(LABEL, f"{metric} takes no ResourceLabel", remedy="remove it")


def _uses_codedeploy(view: View) -> bool:
    if any(True for _ in view.of(Kind.APPSPEC)):
        return True
    return any(entity.node["deploymentController"]["type"].text == "CODE_DEPLOY" for entity in view.of(Kind.SERVICE))


def _together(policies: list[Entity]) -> Iterator[Finding]:
    tracked: dict[str | None, list[Entity]] = {}
    for entity in policies:
        if _tracks(entity) and not tracking_of(entity.node)["disableScaleIn"].flag:
            tracked.setdefault(entity.resource, []).append(entity)
    for same in tracked.values():
        if len(same) > 1:
            names = ", ".join(entity.node["policyName"].text or "?" for entity in same)
            yield same[0].node.find(ALL_AGREE, f"{len(same)} policies track a target ({names}): in only when all agree")


def _range(entity: Entity) -> Iterator[Finding]:
    node = entity.node
    least, most = node["minCapacity"].integer, node["maxCapacity"].integer
    for name in ("minCapacity", "maxCapacity"):
        if name not in node:
            yield node[name].find(BOUNDS, f"{name} is missing")
    if least is None or most is None:
        return
    if most < least or least < 0:
        yield node["maxCapacity"].find(BOUNDS, f"from {least} to {most}")
    elif least in {most, 0}:
        yield node["minCapacity"].find(FIXED, f"from {least} to {most}")


def _desired(view: View) -> Iterator[Finding]:
    """Services whose count is outside of their own range."""
    targets = {(entity.resource or "").rpartition("/")[2]: entity.node for entity in view.of(Kind.SCALABLE_TARGET)}
    for service in view.of(Kind.SERVICE):
        desired, target = service.node["desiredCount"], targets.get(service.node["serviceName"].literal or "?")
        if target is None:
            continue
        least, most = target["minCapacity"].integer, target["maxCapacity"].integer
        if None not in {desired.integer, least, most} and not int(least or 0) <= int(desired.integer or 0) <= int(
            most or 0
        ):
            yield desired.find(DESIRED, f"desiredCount {desired.integer}, and scaling is from {least} to {most}")
