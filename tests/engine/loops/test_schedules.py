"""Runs of schedules and rules, by a clock that is moved."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.engine.services.account import REGION, T0, Account

from fairway.engine.loops.alarm_events import alarm_events
from fairway.engine.loops.ecs_events import ecs_events
from fairway.engine.loops.events import EventsController
from fairway.engine.loops.schedules import SchedulesController
from fairway.engine.model.alarm import Alarm, AlarmState, MetricQuery, MissingData, Watch
from fairway.engine.services.fault import AwsFault
from fairway.engine.store.schema import ALARMS, EVENT_RULES, EVENTS, SCHEDULES
from fairway.engine.store.store import Change, StoreUnavailable
from fairway.ids import CountedIds

ACCOUNT = "123456789012"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/default"
TARGET = {
    "Arn": CLUSTER,
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
    "EcsParameters": {"TaskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/f"},
}


class RunTask:
    """Keeps what it was asked; raises what it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.raises: Exception | None = None

    def __call__(self, region: str, request: dict[str, Any], caller_arn: str) -> dict[str, Any]:
        assert (region, caller_arn) == (REGION, TARGET["RoleArn"])
        if self.raises is not None:
            raise self.raises
        self.asked.append(request)
        return {"tasks": [{"taskArn": "t"}], "failures": []}


class Bench:
    """An account with the controller of schedules."""

    def __init__(self) -> None:
        self.account = Account()
        self.run_task = RunTask()
        self.controller = SchedulesController(self.account.store, CountedIds(), self.run_task, account=ACCOUNT)

    def schedule(self, expression: str, **more: Any) -> str:
        request = {"Name": "s", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": TARGET} | more
        arn: str = self.account("scheduler", "CreateSchedule", ScheduleExpression=expression, **request)["ScheduleArn"]
        return arn

    def rule(self, expression: str) -> str:
        arn: str = self.account("events", "PutRule", Name="r", ScheduleExpression=expression)["RuleArn"]
        self.account("events", "PutTargets", Rule="r", Targets=[TARGET | {"Id": "1"}])
        return arn

    def runs(self, key: str, minutes: int) -> list[int]:
        """The minutes in which it runs, when it is asked whenever it wants to be."""
        found = []
        end = self.account.now + timedelta(minutes=minutes)
        at: datetime | None = self.account.now
        while at is not None and at < end:
            self.account.now = at
            before = len(self.run_task.asked)
            at = self.controller.step(key, at)
            if len(self.run_task.asked) > before:
                found.append(int((self.account.now - T0).total_seconds() // 60))
        self.account.now = end
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_rate_of_a_rule_begins_after_a_period_and_that_of_a_schedule_at_once(bench: Bench) -> None:
    assert bench.runs(bench.rule("rate(5 minutes)"), 16) == [5, 10, 15]
    bench.account.now = T0
    assert bench.runs(bench.schedule("rate(5 minutes)"), 16) == [0, 5, 10, 15]


def test_a_start_and_an_end(bench: Bench) -> None:
    start, end = T0 + timedelta(minutes=3), T0 + timedelta(minutes=12)
    key = bench.schedule(
        "rate(4 minutes)",
        StartDate=start.timestamp(),
        EndDate=end.timestamp(),
        ActionAfterCompletion="DELETE",
    )
    assert bench.runs(key, 60) == [3, 7, 11]
    assert bench.account.store.all(SCHEDULES) == []


def test_what_runs_once_stays_unless_it_is_to_be_deleted(bench: Bench) -> None:
    assert bench.runs(bench.schedule("at(2026-01-01T00:07:00)"), 60) == [7]
    assert len(bench.account.store.all(SCHEDULES)) == 1


def test_a_flexible_window_delays_each_run_within_it(bench: Bench) -> None:
    key = bench.schedule("cron(0/30 * * * ? *)", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 20})
    found = bench.runs(key, 120)
    assert len(found) == 4
    assert all(minute % 30 < 20 for minute in found)


def test_a_rate_keeps_its_step_when_only_its_target_is_changed(bench: Bench) -> None:
    key = bench.schedule("rate(5 minutes)")
    assert bench.runs(key, 7) == [0, 5]
    moved = TARGET | {"EcsParameters": {"TaskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/f:2"}}
    update = {"Name": "s", "FlexibleTimeWindow": {"Mode": "OFF"}}
    bench.account("scheduler", "UpdateSchedule", ScheduleExpression="rate(5 minutes)", Target=moved, **update)
    assert bench.runs(key, 5) == [10]
    assert bench.run_task.asked[-1]["taskDefinition"].endswith("f:2")
    bench.account("scheduler", "UpdateSchedule", ScheduleExpression="rate(6 minutes)", Target=moved, **update)
    assert bench.runs(key, 7) == [12, 18], "another rate begins at once"


def test_a_disabled_rule_rests_and_goes_on_in_its_step(bench: Bench) -> None:
    key = bench.rule("rate(5 minutes)")
    assert bench.runs(key, 6) == [5]
    bench.account("events", "DisableRule", Name="r")
    assert bench.runs(key, 6) == []
    bench.account("events", "EnableRule", Name="r")
    assert bench.runs(key, 6) == [15]


def test_what_run_task_refuses_is_logged_and_left_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    key = bench.schedule("rate(5 minutes)")
    bench.run_task.raises = AwsFault("TaskDefinition not found.")
    assert bench.controller.step(key, T0) == T0 + timedelta(minutes=5)
    assert "chronos-schedule/s did not start a task" in caplog.text
    assert "TaskDefinition not found." in caplog.text


def test_a_full_disk_leaves_the_run_due(bench: Bench) -> None:
    key = bench.schedule("rate(5 minutes)")
    bench.run_task.raises = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        bench.controller.step(key, T0)
    bench.run_task.raises = None
    bench.controller.step(key, T0)
    assert len(bench.run_task.asked) == 1


@pytest.mark.parametrize(
    ("expression", "hours", "due_after"),
    [
        pytest.param("rate(5 minutes)", 1, 65, id="missed runs of a rate are left out"),
        pytest.param("cron(0/20 * * * ? *)", 1, 80, id="and of a cron"),
        pytest.param("at(2026-01-01T00:05:00)", 1, 5, id="what runs once is still made"),
        pytest.param("at(2026-01-01T00:05:00)", 25, None, id="unless it is older than a day"),
    ],
)
def test_after_a_time_without_an_engine(bench: Bench, expression: str, hours: int, due_after: int | None) -> None:
    key = bench.schedule(expression)
    bench.controller.step(key, T0)
    assert bench.controller.take_up(T0 + timedelta(hours=hours)) == [key]
    (schedule,) = bench.account.store.all(SCHEDULES)
    assert schedule.next_at == (None if due_after is None else T0 + timedelta(minutes=due_after))


def test_a_rule_after_a_time_without_an_engine(bench: Bench) -> None:
    bench.rule("rate(5 minutes)")
    bench.controller.take_up(T0 + timedelta(minutes=12))
    (rule,) = bench.account.store.all(EVENT_RULES)
    assert rule.next_at == T0 + timedelta(minutes=15)


# -- events ------------------------------------------------------------------------------------------------------------


def test_an_event_of_a_client_waits_until_its_rules_have_seen_it(bench: Bench) -> None:
    account = bench.account
    events = EventsController(
        account.store, CountedIds(), bench.run_task, sources=(), account=ACCOUNT, now=lambda: account.now
    )
    account("events", "PutRule", Name="r", EventPattern=json.dumps({"detail": {"n": [1]}}))
    account("events", "PutTargets", Rule="r", Targets=[TARGET | {"Id": "1"}])
    for number in (1, 2):
        entry = {"Source": "shop", "DetailType": "sold", "Detail": json.dumps({"n": number})}
        account("events", "PutEvents", Entries=[entry])
    bench.run_task.raises = StoreUnavailable("full")
    first, second = account.store.all(EVENTS)
    with pytest.raises(StoreUnavailable):
        events.step(first.id, T0)
    bench.run_task.raises = None
    for event in (first, second):
        events.step(event.id, T0)
    assert [request["startedBy"] for request in bench.run_task.asked] == ["events-rule/r"]
    assert account.store.all(EVENTS) == []


def test_ecs_tells_of_tasks() -> None:
    account = Account()
    account("ecs", "CreateCluster")
    account.definition()
    changes: list[Change] = []
    account.store.subscribe(changes.extend)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0fa1000000000000a"]}}
    (task,) = account("ecs", "RunTask", taskDefinition="f", networkConfiguration=network, startedBy="me")["tasks"]
    (happened,) = [one for change in changes for one in ecs_events(account.store, change)]
    detail = happened.detail()
    assert (happened.source, happened.detail_type) == ("aws.ecs", "ECS Task State Change")
    assert happened.resources == (task["taskArn"],)
    assert (detail["lastStatus"], detail["startedBy"], detail["version"]) == ("PROVISIONING", "me", 1)
    assert detail["createdAt"] == detail["updatedAt"] == "2026-01-01T00:00:00.000Z"
    assert detail["attachments"][0]["type"] == "eni"
    assert "healthStatus" not in detail
    assert json.loads(json.dumps(detail)) == detail


def test_ecs_tells_of_deployments() -> None:
    account = Account()
    account("ecs", "CreateCluster")
    account.definition()
    changes: list[Change] = []
    account.store.subscribe(changes.extend)
    service = account.service()
    (happened,) = [one for change in changes for one in ecs_events(account.store, change)]
    identifier = service["deployments"][0]["id"]
    assert happened.resources == (service["serviceArn"],)
    assert happened.detail() == {
        "eventType": "INFO",
        "eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "deploymentId": identifier,
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "reason": f"ECS deployment {identifier} in progress.",
    }


def test_cloudwatch_tells_of_alarms() -> None:
    query = MetricQuery("", "AWS/EC2", "CPUUtilization", (("InstanceId", "i"),), 300, "Average")
    watch = Watch((query,), False, 300, 1, 1, False, 50.0, "GreaterThanThreshold", MissingData.MISSING)
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    before = Alarm("arn", "cpu", REGION, moment, watch, state=AlarmState.OK, reason="low")
    after = Alarm("arn", "cpu", REGION, moment, watch, state=AlarmState.ALARM, reason="high", reason_data="{}")
    (happened,) = alarm_events(Account().store, Change(ALARMS, "arn", before, after))
    assert (happened.source, happened.detail_type) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    stamp = "2026-01-01T12:00:00.000+0000"
    metric = {"namespace": "AWS/EC2", "name": "CPUUtilization", "dimensions": {"InstanceId": "i"}}
    shown = {"id": "m1", "returnData": True, "metricStat": {"metric": metric, "period": 300, "stat": "Average"}}
    assert happened.detail() == {
        "alarmName": "cpu",
        "state": {"value": "ALARM", "reason": "high", "timestamp": stamp, "reasonData": "{}"},
        "previousState": {"value": "OK", "reason": "low", "timestamp": stamp},
        "configuration": {"metrics": [shown]},
    }
    assert list(alarm_events(Account().store, Change(ALARMS, "arn", after, after))) == []
