"""Which deployments are Fairway's own, and what a role may not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fairway.aws import survey
from fairway.aws.session import AwsError
from fairway.observed import DEPLOYMENT_TAG, TaskDefinition

T0 = datetime(2026, 11, 27, tzinfo=UTC)
DELAY = {"Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]}


def record(number, definition, *, status="SUCCESSFUL", minutes=None, first=False, **members):
    """A service deployment, as AWS describes it: the higher its number, the newer."""
    began = T0 + timedelta(hours=number)
    ended = {} if minutes is None else {"finishedAt": began + timedelta(minutes=minutes)}
    return {
        "serviceDeploymentArn": f"deployment-{number}",
        "createdAt": began,
        "startedAt": began,
        "status": status,
        "targetServiceRevision": {"arn": f"revision-{number}-of-{definition}"},
        "sourceServiceRevisions": [] if first else [{"arn": "revision-0"}],
        **ended,
        **members,
    }


class KnownRevisions:
    """Knows which task definition each service revision has, and the tags of each."""

    def __init__(self, *ours):
        self.ours = ours
        self.asked = []

    def revision_definitions(self, arns):
        return {arn: arn.rsplit("-of-", 1)[-1] for arn in arns}

    def task_definition(self, arn, **_):
        self.asked.append(arn)
        if arn == "deleted":
            raise AwsError("gone")
        return TaskDefinition(arn, tags={DEPLOYMENT_TAG: "run"} if arn in self.ours else {})


def an_observer(*ours) -> Any:
    return KnownRevisions(*ours)


def test_of_each_revision_the_oldest_deployment_is_the_one_that_brought_it():
    records = [record(4, "a"), record(3, "b"), record(2, "a"), record(1, "a")]
    begun = survey._begun(an_observer(), records)
    assert [(arn, found["serviceDeploymentArn"]) for arn, found in begun.items()] == [
        ("b", "deployment-3"),
        ("a", "deployment-1"),
    ]


@pytest.mark.parametrize(
    ("order", "ours", "expected", "asked"),
    [
        pytest.param(["b", "a"], ["a", "b"], "b", ["b"], id="the newest, and no other is asked for"),
        pytest.param(["b", "a"], ["a"], "a", ["b", "a"], id="somebody else's are passed over"),
        pytest.param(["deleted", "a"], ["a"], "a", ["deleted", "a"], id="a deleted one is passed over"),
        pytest.param(["b"], [], None, ["b"], id="none"),
    ],
)
def test_the_newest_of_ours(order, ours, expected, asked):
    observer = an_observer(*ours)
    found = survey._newest_of_ours(observer, dict.fromkeys(order))
    assert (None if found is None else found.arn, observer.asked) == (expected, asked)


def test_how_long_deployments_took_is_told_by_those_that_replaced_something():
    records = [
        record(5, "e", minutes=6),
        record(4, "d", status="ROLLBACK_SUCCESSFUL", minutes=9),
        record(3, "c", status="IN_PROGRESS"),
        record(2, "b", minutes=8),
        record(1, "a", minutes=1, first=True),
    ]
    assert survey._seconds(records) == [360.0, 480.0]


NEW, OLD, OTHER = {"maximumPercent": 150}, {"maximumPercent": 200}, {"maximumPercent": 120}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(NEW, NEW, id="ECS rolled back: the newest one's stays"),
        pytest.param(OLD, OLD, id="Fairway rolled back: the older one's is back"),
        pytest.param(OTHER, NEW, id="by hand"),
    ],
)
def test_the_configuration_to_compare_with(now, expected):
    found = survey._configuration(
        {"deploymentConfiguration": now},
        record(1, "a", deploymentConfiguration=OLD),
        record(2, "b", deploymentConfiguration=NEW),
    )
    assert found == expected


SERVICE: Any = SimpleNamespace(target_groups=("group",))


def balancer(code) -> Any:
    def describe_target_group_attributes(**_):
        if code is None:
            return DELAY
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeTargetGroupAttributes")

    elbv2 = SimpleNamespace(describe_target_group_attributes=describe_target_group_attributes)
    return SimpleNamespace(aws=SimpleNamespace(elbv2=elbv2))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(None, {"group": 30}, id="read"),
        pytest.param("AccessDenied", {}, id="not allowed: left out"),
        pytest.param("TargetGroupNotFound", {}, id="gone: left out"),
    ],
)
def test_deregistration_delays(code, expected):
    assert survey._delays(balancer(code), SERVICE) == expected


def test_another_error_is_told():
    with pytest.raises(AwsError, match="describing attributes of a target group"):
        survey._delays(balancer("InternalFailure"), SERVICE)
