"""What CloudWatch is asked, and what its points make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from fairway.analysis.sample import Sample
from fairway.aws.balancers import BalancedGroup, balanced_groups, balancer_dimension, target_dimension
from fairway.aws.session import AwsError
from fairway.metrics.cloudwatch import CloudWatch, make_sample
from fairway.metrics.source import Watched
from fairway.project.checks import MetricLimit

T0 = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
GROUP = BalancedGroup("targetgroup/api/01", "app/shop/02", is_alone=True)
SHARED = BalancedGroup("targetgroup/web/03", "app/shop/02", is_alone=False)


class Aws:
    """The one thing of a session that is needed: its clients, which answer as they are told."""

    is_local = False

    def __init__(self, service):
        self.stubbed = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        self.stubber = Stubber(self.stubbed)
        self.stubber.activate()

    def client(self, _):
        return self.stubbed

    @property
    def elbv2(self):
        return self.stubbed


def query(number, namespace, metric, statistic, **dimensions):
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": 60,
            "Stat": statistic,
        },
        "ReturnData": True,
    }


OURS = {"TargetGroup": "targetgroup/api/01", "LoadBalancer": "app/shop/02"}
SERVICE = {"ClusterName": "prod", "ServiceName": "api"}
QUERIES = [
    query(0, "AWS/ApplicationELB", "RequestCount", "Sum", **OURS),
    query(1, "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", **OURS),
    query(2, "AWS/ApplicationELB", "TargetResponseTime", "p95", **OURS),
    query(3, "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum", LoadBalancer="app/shop/02"),
    query(4, "AWS/ApplicationELB", "HTTPCode_ELB_503_Count", "Sum", LoadBalancer="app/shop/02"),
    query(5, "AWS/ECS", "CPUUtilization", "Average", **SERVICE),
    query(6, "AWS/ECS", "MemoryUtilization", "Average", **SERVICE),
    query(7, "Shop", "queue", "Maximum", Stage="prod"),
]


def results(**points):
    return [
        {"Id": name, "Label": name, "StatusCode": "Complete", "Timestamps": list(found), "Values": list(found.values())}
        for name, found in points.items()
    ]


def test_one_call_for_all_series_page_by_page():
    aws = Aws("cloudwatch")
    request = {
        "MetricDataQueries": QUERIES,
        "StartTime": T0,
        "EndTime": T0 + 3 * MINUTE,
        "ScanBy": "TimestampAscending",
    }
    later = T0 + MINUTE
    first = {
        "MetricDataResults": results(m0={T0: 100.0, later: 50.0}, m2={T0: 0.25}, m4={later: 2.0}),
        "NextToken": "t",
    }
    second = {"MetricDataResults": results(m0={}, m1={T0: 3.0}, m3={later: 4.0}, m5={T0: 33.0}, m7={later: 7.0})}
    aws.stubber.add_response("get_metric_data", first, request)
    aws.stubber.add_response("get_metric_data", second, request | {"NextToken": "t"})
    queue = MetricLimit("Shop", "queue", "Maximum", {"Stage": "prod"}, max=10)
    found = CloudWatch(cast("Any", aws)).samples(
        [Watched("api", "prod", "api", (GROUP,), (queue,))], T0, T0 + 3 * MINUTE
    )
    aws.stubber.assert_no_pending_responses()
    assert found == {
        "api": (
            Sample(T0, requests=100, target_5xx=3, p95_seconds=0.25, cpu_percent=33.0),
            Sample(later, requests=52, balancer_5xx=4, values={"queue": 7.0}),
            Sample(T0 + 2 * MINUTE),
        )
    }


def test_an_error_is_told_in_our_words():
    aws = Aws("cloudwatch")
    aws.stubber.add_client_error("get_metric_data", "AccessDenied", "no cloudwatch:GetMetricData")
    with pytest.raises(AwsError, match="reading metrics from CloudWatch: not allowed: no cloudwatch:GetMetricData"):
        CloudWatch(cast("Any", aws)).samples([Watched("api", "prod", "api")], T0, T0 + MINUTE)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        pytest.param([], Sample(T0), id="no point is no request, and no time"),
        pytest.param([("requests", 10.0), ("requests", 5.0)], Sample(T0, requests=15), id="target groups add up"),
        pytest.param([("p95_seconds", 0.1), ("p95_seconds", 0.3)], Sample(T0, p95_seconds=0.3), id="the slowest group counts"),
        pytest.param([("requests", 10.0), ("without_target", 2.0), ("balancer_5xx", 2.0)], Sample(T0, requests=12, balancer_5xx=2), id="503 are requests that RequestCount leaves out"),
        pytest.param([("own.requests", 3.0)], Sample(T0, values={"requests": 3.0}), id="an own metric may be named as ours are"),
    ],
)  # fmt: skip
def test_a_sample_of_a_minute(points, expected):
    assert make_sample(T0, points) == expected


def test_failures_are_never_more_than_requests():
    assert Sample(T0, requests=3, target_5xx=2, balancer_5xx=2).failed == 3


def test_dimensions_of_arns():
    assert target_dimension(f"{ELB}:targetgroup/api/01") == "targetgroup/api/01"
    assert balancer_dimension(f"{ELB}:loadbalancer/app/shop/02") == "app/shop/02"


def test_only_groups_behind_an_application_load_balancer_have_such_metrics():
    aws = Aws("elbv2")
    shop, net = f"{ELB}:loadbalancer/app/shop/02", f"{ELB}:loadbalancer/net/tcp/05"

    def group(name, protocol, *balancers):
        return {
            "TargetGroupArn": f"{ELB}:targetgroup/{name}",
            "Protocol": protocol,
            "LoadBalancerArns": list(balancers),
        }

    groups = [
        group("api/01", "HTTP", shop),
        group("web/03", "HTTPS", shop),
        group("raw/04", "TCP", net),
        group("idle/06", "HTTP"),
    ]
    aws.stubber.add_response("describe_target_groups", {"TargetGroups": groups})
    aws.stubber.add_response("describe_target_groups", {"TargetGroups": groups[:2]}, {"LoadBalancerArn": shop})
    found = balanced_groups(cast("Any", aws), [item["TargetGroupArn"] for item in groups])
    assert found == {
        f"{ELB}:targetgroup/api/01": BalancedGroup("targetgroup/api/01", "app/shop/02", is_alone=False),
        f"{ELB}:targetgroup/web/03": SHARED,
    }
