"""Metrics that alarms and scaling policies read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import object_
from fairway.lint.rules.scaling_rules import AWS_QUEUE, QUEUE, tracking_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

UNPUBLISHED: Final = Rule(
    "metric-unpublished",
    Severity.WARNING,
    "A metric that AWS does not publish",
    "A metric of your own has to be published by somebody (PutMetricData). Until then the alarm has INSUFFICIENT_DATA, and "
    "nothing is ever scaled.",
    "publish it from the service, the worker or an exporter; ignore this where that is done elsewhere",
    "Amazon CloudWatch User Guide, Publish custom metrics",
    object_(**QUEUE),
    object_(**AWS_QUEUE),
)
RULES: Final = (UNPUBLISHED,)
_OF_AWS: Final = ("AWS/", "ECS/", "ContainerInsights", "CWAgent")


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.ALARM):
        yield from _published(view, entity.node["namespace"], entity.node["metricName"])
        for query in entity.node["metrics"].objects():
            metric = query["metricStat"]["metric"]
            yield from _published(view, metric["namespace"], metric["metricName"])
    for entity in view.of(Kind.SCALING_POLICY):
        custom = tracking_of(entity.node)["customizedMetricSpecification"]
        yield from _published(view, custom["namespace"], custom["metricName"])


def _published(view: View, namespace: Node, metric: Node) -> Iterator[Finding]:
    if namespace.literal is None or namespace.literal.startswith(_OF_AWS):
        return
    said = f"{namespace.literal}"
    if any("put-metric-data" in script.text and said in script.text for script in view.scripts):
        return
    if any("put_metric_data" in program.text and said in program.text for program in view.programs):
        return
    place = metric if metric.exists else namespace
    yield place.find(UNPUBLISHED, f"AWS does not publish {metric.text} ({namespace.literal})")
