"""Numbers from CloudWatch: one GetMetricData for all services together.

Dimensions and zeros are those of *CloudWatch metrics for your Application Load Balancer*: a count without a point is 0, since
HTTPCode_* come only when there is something to count; TargetResponseTime without a point is not known. What the load balancer
answers by itself (HTTPCode_ELB_*) is counted for each load balancer alone, never for a target group: it is this service's only
where no other target group is behind it. RequestCount leaves out requests for which no target could be chosen (answered 503),
so those are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.analysis.sample import Sample
from fairway.aws.calls import batches, calling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from fairway.aws.session import Aws
    from fairway.metrics.source import Watched

MINUTE: Final = timedelta(minutes=1)
_LATE: Final = timedelta(minutes=2)
_LATE_LOCALLY: Final = timedelta(seconds=20)
"""An engine writes each minute's numbers when it ends."""
_QUERIES_AT_ONCE: Final = 500
"""GetMetricData, CloudWatch API Reference: MetricDataQueries."""
_ALB: Final = "AWS/ApplicationELB"
_ECS: Final = "AWS/ECS"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A series, and which number of a sample it makes."""

    key: str
    field: str
    namespace: str
    metric: str
    statistic: str
    dimensions: tuple[tuple[str, str], ...]

    def query(self, name: str) -> dict[str, Any]:
        dimensions = [{"Name": key, "Value": value} for key, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions}
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": self.statistic}, "ReturnData": True}


class CloudWatch:
    """Metrics of one account and region."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @property
    def lateness(self) -> timedelta:
        return _LATE_LOCALLY if self._aws.is_local else _LATE

    def samples(self, watched: Sequence[Watched], start: datetime, end: datetime) -> dict[str, tuple[Sample, ...]]:
        """By key: a sample of each minute; one call for at most 500 series.

        Raises:
            AwsError: CloudWatch refuses, or does not answer.
        """
        wanted = [series for one in watched for series in _series(one)]
        points: list[Mapping[datetime, float]] = []
        for some in batches(wanted, _QUERIES_AT_ONCE):
            points += self._ask(some, start, end)
        return {
            one.key: tuple(
                make_sample(
                    minute,
                    [
                        (series.field, values[minute])
                        for series, values in zip(wanted, points, strict=True)
                        if series.key == one.key and minute in values
                    ],
                )
                for minute in _minutes(start, end)
            )
            for one in watched
        }

    def _ask(self, wanted: Sequence[_Wanted], start: datetime, end: datetime) -> list[Mapping[datetime, float]]:
        names = [f"m{number}" for number in range(len(wanted))]
        queries = [series.query(name) for series, name in zip(wanted, names, strict=True)]
        request: dict[str, Any] = {"MetricDataQueries": queries, "StartTime": start, "EndTime": end}
        found: dict[str, dict[datetime, float]] = {name: {} for name in names}
        with calling("reading metrics from CloudWatch"):
            client = self._aws.client("cloudwatch")
            while True:
                answer = client.get_metric_data(**request, ScanBy="TimestampAscending")
                for series in answer["MetricDataResults"]:
                    found[series["Id"]] |= dict(zip(series["Timestamps"], series["Values"], strict=True))
                token = answer.get("NextToken")
                if not token:
                    return [found[name] for name in names]
                request["NextToken"] = token


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start + MINUTE <= end:
        yield start
        start += MINUTE


def _series(watched: Watched) -> Iterator[_Wanted]:
    key = watched.key
    for group in watched.groups:
        balancer = ("LoadBalancer", group.load_balancer)
        ours = (("TargetGroup", group.target_group), balancer)
        yield _Wanted(key, "requests", _ALB, "RequestCount", "Sum", ours)
        yield _Wanted(key, "target_5xx", _ALB, "HTTPCode_Target_5XX_Count", "Sum", ours)
        yield _Wanted(key, "p95_seconds", _ALB, "TargetResponseTime", "p95", ours)
        if group.is_alone:
            yield _Wanted(key, "balancer_5xx", _ALB, "HTTPCode_ELB_5XX_Count", "Sum", (balancer,))
            yield _Wanted(key, "without_target", _ALB, "HTTPCode_ELB_503_Count", "Sum", (balancer,))
    service = (("ClusterName", watched.cluster), ("ServiceName", watched.service))
    yield _Wanted(key, "cpu_percent", _ECS, "CPUUtilization", "Average", service)
    yield _Wanted(key, "memory_percent", _ECS, "MemoryUtilization", "Average", service)
    for metric in watched.metrics:
        dimensions = tuple(sorted(metric.dimensions.items()))
        yield _Wanted(key, f"own.{metric.name}", metric.namespace, metric.name, metric.statistic, dimensions)


def make_sample(at: datetime, points: Sequence[tuple[str, float]]) -> Sample:
    """The sample of a minute from (number, value) of each series that has a point. Pure.

    Counts of several target groups add up; of several response times the slowest counts.
    """
    counts = dict.fromkeys(("requests", "target_5xx", "balancer_5xx", "without_target"), 0)
    slowest: float | None = None
    use: dict[str, float] = {}
    own: dict[str, float] = {}
    for field, value in points:
        if field in counts:
            counts[field] += round(value)
        elif field == "p95_seconds":
            slowest = value if slowest is None else max(slowest, value)
        elif field.startswith("own."):
            own[field.removeprefix("own.")] = value
        else:
            use[field] = value
    return Sample(
        at=at,
        requests=counts["requests"] + counts["without_target"],
        target_5xx=counts["target_5xx"],
        balancer_5xx=counts["balancer_5xx"],
        p95_seconds=slowest,
        values=own,
        cpu_percent=use.get("cpu_percent"),
        memory_percent=use.get("memory_percent"),
    )
