"""What is asked of AWS before a deployment, and what becomes of its answers: of operations that the engine does not have."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from fairway.aws.asking import ask
from fairway.aws.inspect import inspect
from fairway.aws.session import CredentialsError
from fairway.preconditions import Image, Quota, Scan, Unread, Wanted

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"
IMAGE = f"{REPOSITORY}@sha256:{'a' * 64}"
INDEX = "application/vnd.oci.image.index.v1+json"
AMD, ARM, PROVENANCE = "sha256:amd", "sha256:arm", "sha256:provenance"


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "said so"}}, "AnOperation")


class AnsweringAws:
    """Answers operations from a table: a value, an error to raise, or a function of the parameters."""

    region = "us-east-1"

    def __init__(self, **answers: Any):
        self.answers = {"describe_clusters": {"clusters": []}, **answers}
        self.asked: list[str] = []

    def client(self, _):
        return SimpleNamespace(**{name: self.operation(name) for name in self.answers})

    ecs = ecr = logs = elbv2 = property(lambda self: self.client(""))

    def operation(self, name):
        def call(**parameters):
            self.asked.append(name)
            answer = self.answers[name]
            if callable(answer):
                answer = answer(parameters)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def now(self):
        return NOW


def looked_at(wanted, **answers):
    aws: Any = AnsweringAws(**answers)
    return inspect(aws, Wanted("shop", **wanted)), aws.asked


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(refused("AccessDenied"), Unread("not allowed: it takes iam:GetRole"), id="not allowed, as IAM says it"),
        pytest.param(refused("UnauthorizedOperation"), Unread("not allowed: it takes iam:GetRole"), id="as EC2 says it"),
        pytest.param(refused("NoSuchEntity"), None, id="there is none"),
        pytest.param(
            refused("UnsupportedOperationException"), Unread("this endpoint does not have iam:GetRole"), id="not on an engine"
        ),
        pytest.param(refused("Odd"), Unread("iam:GetRole: Odd: Odd: said so"), id="something else"),
    ],
)  # fmt: skip
def test_what_a_refusal_means(error, expected):
    def call():
        raise error

    assert ask("iam:GetRole", call, missing=frozenset({"NoSuchEntity"})) == expected


def test_a_service_that_cannot_be_reached_is_not_known_and_ended_credentials_are_an_error():
    def unreachable():
        raise EndpointConnectionError(endpoint_url="https://servicequotas.us-east-1.amazonaws.com")

    def ended():
        raise refused("ExpiredTokenException")

    answer = ask("servicequotas:GetServiceQuota", unreachable)
    assert isinstance(answer, Unread)
    assert "servicequotas.us-east-1.amazonaws.com" in answer.reason
    with pytest.raises(CredentialsError, match="have ended"):
        ask("iam:GetRole", ended)


def test_nothing_is_asked_that_is_not_wanted():
    _, asked = looked_at({})
    assert asked == ["describe_clusters"]


def test_an_image_of_several_platforms_is_looked_at_part_by_part():
    manifests = [
        {"digest": AMD, "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": ARM, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {"digest": PROVENANCE, "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    counts = {AMD: {"CRITICAL": 2}, ARM: {}}

    def scan(parameters):
        found = {"findingSeverityCounts": counts[parameters["imageId"]["imageDigest"]]}
        return {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": found}

    facts, asked = looked_at(
        {"images": (IMAGE,), "scans": True, "platforms": True, "repositories": True},
        describe_images={"imageDetails": [{"imageDigest": "sha256:index", "imageManifestMediaType": INDEX}]},
        batch_get_image={"images": [{"imageManifest": json.dumps({"manifests": manifests})}]},
        describe_image_scan_findings=scan,
        describe_repositories={"repositories": [{"repositoryName": "shop", "imageTagMutability": "IMMUTABLE"}]},
    )
    scans = {"linux/amd64": Scan("COMPLETE", {"CRITICAL": 2}), "linux/arm64": Scan("COMPLETE", {})}
    assert facts.images == {IMAGE: Image("sha256:index", ("linux/amd64", "linux/arm64"), scans)}
    assert facts.repositories == {IMAGE: "IMMUTABLE"}
    assert sorted(asked) == sorted(
        ["describe_clusters", "describe_images", "batch_get_image", "describe_repositories"]
        + ["describe_image_scan_findings"] * 2
    )


def test_an_image_of_one_platform_is_not_pulled_to_be_looked_at():
    facts, asked = looked_at(
        {"images": (IMAGE,), "scans": True, "platforms": True},
        describe_images={"imageDetails": [{"imageDigest": "sha256:one", "imageStatus": "ARCHIVED"}]},
        describe_image_scan_findings=refused("ScanNotFoundException"),
    )
    assert facts.images == {IMAGE: Image("sha256:one", (), {"": None}, "ARCHIVED")}
    assert "batch_get_image" not in asked


def test_alarms_of_both_kinds():
    facts, _ = looked_at(
        {"alarms": ("errors", "all", "gone")},
        describe_alarms={
            "MetricAlarms": [{"AlarmName": "errors", "StateValue": "ALARM"}],
            "CompositeAlarms": [{"AlarmName": "all", "StateValue": "OK"}],
        },
    )
    assert facts.alarms == {"errors": "ALARM", "all": "OK"}


METRIC = {
    "MetricNamespace": "AWS/Usage",
    "MetricName": "ResourceCount",
    "MetricDimensions": {"Service": "Fargate", "Resource": "vCPU", "Type": "Resource", "Class": "Standard/OnDemand"},
}
POINTS = [{"Timestamp": NOW, "Maximum": 40.0}, {"Timestamp": NOW - timedelta(minutes=5), "Maximum": 90.0}]


@pytest.mark.parametrize(
    ("quota", "points", "expected"),
    [
        pytest.param({"Value": 100, "UsageMetric": METRIC}, {"Datapoints": POINTS}, Quota(100.0, 40.0), id="the newest value"),
        pytest.param({"Value": 100, "UsageMetric": METRIC}, {"Datapoints": []}, Quota(100.0, None), id="nothing ran yet"),
        pytest.param({"Value": 100}, {}, Quota(100.0, None), id="a quota whose use is not measured"),
        pytest.param(
            {"Value": 100, "UsageMetric": METRIC},
            refused("AccessDenied"),
            Quota(100.0, Unread("not allowed: it takes cloudwatch:GetMetricStatistics")),
            id="its use may not be read",
        ),
    ],
)  # fmt: skip
def test_a_quota_and_its_use(quota, points, expected):
    asked: list[Any] = []

    def statistics(parameters):
        asked.append(parameters)
        return points

    facts, _ = looked_at(
        {"quotas": ("L-3032A538",)}, get_service_quota={"Quota": quota}, get_metric_statistics=statistics
    )
    assert facts.quotas == {"L-3032A538": expected}
    for parameters in asked:
        assert {item["Name"]: item["Value"] for item in parameters["Dimensions"]} == METRIC["MetricDimensions"]


def test_one_missing_target_group_does_not_hide_the_others():
    there = {
        "TargetGroupArn": "a",
        "Protocol": "HTTP",
        "Port": 80,
        "TargetType": "ip",
        "VpcId": "vpc",
        "LoadBalancerArns": [],
    }

    def described(parameters):
        return refused("TargetGroupNotFound") if "b" in parameters["TargetGroupArns"] else {"TargetGroups": [there]}

    facts, asked = looked_at({"target_groups": ("a", "b")}, describe_target_groups=described)
    assert facts.target_groups["b"] is None
    assert facts.target_groups["a"] is not None
    assert asked.count("describe_target_groups") == 3
