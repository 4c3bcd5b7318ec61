"""What is forgotten in time."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.services.account import T0, Account, Refused

from fairway.engine.loops.housekeeping import EVERY, Housekeeping
from fairway.engine.model.service import ServiceStatus
from fairway.engine.store.schema import REVISIONS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path


def keeper(account: Account, timers: list[tuple[datetime, Callable[[], None]]]) -> Housekeeping:
    return Housekeeping(
        account.store, account, now=lambda: account.now, call_at=lambda at, action: timers.append((at, action))
    )


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(None, tmp_path)


def test_it_comes_back_each_hour(account: Account) -> None:
    timers: list[tuple[datetime, Callable[[], None]]] = []
    keeper(account, timers).begin()
    account.pass_time(3600)
    timers[0][1]()
    assert [at for at, _ in timers] == [T0 + EVERY, T0 + 2 * EVERY]


def test_a_secret_goes_when_its_recovery_window_is_over(account: Account) -> None:
    account("secretsmanager", "CreateSecret", Name="s", SecretString="x")
    account("secretsmanager", "DeleteSecret", SecretId="s", RecoveryWindowInDays=7)
    keeper(account, []).tidy(T0 + timedelta(days=6))
    account("secretsmanager", "DescribeSecret", SecretId="s")
    keeper(account, []).tidy(T0 + timedelta(days=7))
    with pytest.raises(Refused):
        account("secretsmanager", "DescribeSecret", SecretId="s")


def test_a_deleted_revision_goes_when_nothing_uses_it(account: Account) -> None:
    account("ecs", "CreateCluster")
    first, second = account.definition(), account.definition()
    account.service(taskDefinition=first)
    for arn in (first, second):
        account("ecs", "DeregisterTaskDefinition", taskDefinition=arn)
    answer = account("ecs", "DeleteTaskDefinitions", taskDefinitions=[first, second])
    assert [shown["status"] for shown in answer["taskDefinitions"]] == ["DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS"]
    keeper(account, []).tidy(T0)
    left = account("ecs", "ListTaskDefinitions", status="DELETE_IN_PROGRESS")["taskDefinitionArns"]
    assert left == [first], "the service still uses it"


def test_log_segments_go_after_their_groups_retention(account: Account, tmp_path: Path) -> None:
    account("logs", "CreateLogGroup", logGroupName="g")
    account("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    account("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    stamp = int(T0.timestamp() * 1000)
    events = [{"timestamp": stamp, "message": "old"}]
    account("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=events)
    (segment,) = tmp_path.rglob("*.log")
    newer = segment.with_name("00000001.log")
    newer.write_bytes(segment.read_bytes().replace(b"old", b"new"))
    os.utime(segment, (T0.timestamp(), T0.timestamp()))
    keeper(account, []).tidy(T0 + timedelta(hours=23))
    assert segment.exists()
    keeper(account, []).tidy(T0 + timedelta(hours=25))
    assert not segment.exists()
    found = account("logs", "FilterLogEvents", logGroupName="g")["events"]
    assert [event["message"] for event in found] == ["new"]


def test_a_deleted_service_is_forgotten_a_day_later(account: Account) -> None:
    account("ecs", "CreateCluster")
    account.definition()
    arn = account.service(desiredCount=0)["serviceArn"]
    account("ecs", "DeleteService", service="s")
    with account.store.transaction() as tx:
        service = account.store.get(SERVICES, arn)
        assert service is not None
        tx.put(SERVICES, replace(service, status=ServiceStatus.INACTIVE, deployments=()))
    keeper(account, []).tidy(T0 + timedelta(hours=23))
    assert account("ecs", "DescribeServices", services=["s"])["services"][0]["status"] == "INACTIVE"
    keeper(account, []).tidy(T0 + timedelta(hours=25))
    assert account("ecs", "DescribeServices", services=["s"])["failures"] == [{"arn": arn, "reason": "MISSING"}]
    assert account.store.count(REVISIONS) == 0
