"""Metering and alarms in virtual time: measurements become points, points become states, states become history."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.services.account import Account

from fairway.clock import SimClock
from fairway.engine.loadbalancer.protocol import PoolStats, Stats
from fairway.engine.loops.alarms import AlarmsController
from fairway.engine.loops.kernel import Kernel
from fairway.engine.loops.metering import Metering
from fairway.engine.model.alarm import AlarmState, state_change
from fairway.engine.services.elbv2.configuration import pool_key
from fairway.engine.store.schema import ALARMS
from fairway.ids import CountedIds

if TYPE_CHECKING:
    from fairway.engine.model.alarm import StateChange
    from fairway.engine.store.store import Change


class Watching:
    """An account whose alarms and load balancers are looked after, and a clock that is moved."""

    def __init__(self) -> None:
        self.account = Account()
        self.clock = SimClock(self.account.now)
        self.kernel = Kernel(self.account.store, self.clock, learn=lambda _: None, wake=lambda: None, fail=self._fail)
        self.kernel.add(AlarmsController(self.account.store, self.account.metrics, CountedIds()))
        self.stats = Stats("g", {})
        self.metering = self._meter()
        self.changes: list[StateChange] = []
        self.account.store.subscribe(self._hear)

    def _meter(self) -> Metering:
        metering = Metering(
            self.account.store,
            self.account.metrics,
            now=self.clock.now,
            rate=lambda: 1.0,
            call_at=self.kernel.call_at,
            stats=lambda: self.stats,
            usage=dict,
        )
        metering.begin()
        return metering

    def restart(self) -> None:
        self.kernel.clear()
        self.metering = self._meter()

    def _fail(self, what: str, error: Exception) -> None:
        raise AssertionError(what) from error

    def _hear(self, changes: list[Change]) -> None:
        for change in changes:
            moved = state_change(change.before, change.after)
            if moved is not None:
                self.changes.append(moved)

    def pass_time(self, seconds: float) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            self.kernel.settle()
            deadline = self.kernel.next_deadline()
            if deadline is None or deadline > end:
                break
            self.clock.advance_to(deadline)
            self.account.now = deadline
        self.clock.advance_to(end)
        self.account.now = end

    def put(self, value: float, **more: Any) -> None:
        data = [{"MetricName": "errors", "Value": value, **more}]
        self.account("cloudwatch", "PutMetricData", Namespace="shop", MetricData=data)

    def alarm(self, name: str = "a", **changes: Any) -> None:
        request: dict[str, Any] = {
            "AlarmName": name,
            "Namespace": "shop",
            "MetricName": "errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        } | changes
        given = {member: value for member, value in request.items() if value is not None}
        self.account("cloudwatch", "PutMetricAlarm", **given)

    def state(self, name: str = "a") -> str:
        (found,) = [alarm for alarm in self.account.store.all(ALARMS) if alarm.name == name]
        return str(found.state)


@pytest.fixture
def watching() -> Watching:
    return Watching()


def test_an_alarm_goes_there_and_back(watching: Watching) -> None:
    watching.alarm(TreatMissingData="notBreaching")
    watching.pass_time(1)
    assert watching.state() == "OK"
    watching.put(6)
    watching.put(6)
    watching.pass_time(58)
    assert watching.state() == "OK", "the minute is not over"
    watching.pass_time(1)
    assert watching.state() == "ALARM"
    watching.put(1)
    watching.pass_time(60)
    assert watching.state() == "OK"
    assert [(change.previous.state, change.alarm.state) for change in watching.changes] == [
        (AlarmState.INSUFFICIENT_DATA, AlarmState.OK),
        (AlarmState.OK, AlarmState.ALARM),
        (AlarmState.ALARM, AlarmState.OK),
    ]
    history = watching.account("cloudwatch", "DescribeAlarmHistory", AlarmName="a", HistoryItemType="StateUpdate")
    newest = json.loads(history["AlarmHistoryItems"][1]["HistoryData"])
    assert newest["newState"]["stateReasonData"]["recentDatapoints"] == [12.0]
    assert newest["newState"]["stateReason"].startswith("Threshold Crossed: 1 out of the last 1 datapoints [12.0 (")


def test_two_of_three(watching: Watching) -> None:
    watching.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    states = []
    for value in (1, 20, 1, 20, 1, 1, 1):
        watching.put(value)
        watching.pass_time(60)
        states.append(watching.state())
    assert states[2:] == ["OK", "ALARM", "OK", "OK", "OK"]


def test_set_alarm_state_lasts_until_the_next_evaluation(watching: Watching) -> None:
    watching.alarm(TreatMissingData="notBreaching")
    watching.pass_time(30)
    watching.account("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="test")
    watching.pass_time(20)
    assert watching.state() == "ALARM"
    watching.pass_time(10)
    assert watching.state() == "OK"


def test_high_resolution(watching: Watching) -> None:
    watching.alarm(Period=10, TreatMissingData="notBreaching")
    watching.pass_time(5)
    watching.put(20, StorageResolution=1)
    watching.pass_time(5)
    assert watching.state() == "ALARM"
    watching.pass_time(40)
    assert watching.state() == "OK"


def test_an_alarm_over_an_expression(watching: Watching) -> None:
    def metric(identifier: str, name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "shop", "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": identifier, "MetricStat": stat, "ReturnData": False}

    rate = {"Id": "e1", "Expression": "100 * errors / requests", "ReturnData": True}
    alone: dict[str, Any] = dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period"))
    watching.alarm(**alone, Metrics=[metric("errors", "errors"), metric("requests", "requests"), rate])
    for errors, state in ((1.0, "OK"), (30.0, "ALARM")):
        data = [{"MetricName": "errors", "Value": errors}, {"MetricName": "requests", "Value": 100.0}]
        watching.account("cloudwatch", "PutMetricData", Namespace="shop", MetricData=data)
        watching.pass_time(60)
        assert watching.state() == state


def test_composite_alarms_follow_their_children(watching: Watching) -> None:
    watching.alarm("high", TreatMissingData="notBreaching")
    watching.alarm("quiet", TreatMissingData="notBreaching")
    call = watching.account
    call("cloudwatch", "PutCompositeAlarm", AlarmName="both", AlarmRule="ALARM(high) AND OK(quiet)")
    call("cloudwatch", "PutCompositeAlarm", AlarmName="over", AlarmRule="ALARM(both)")
    watching.pass_time(1)
    assert (watching.state("both"), watching.state("over")) == ("OK", "OK")
    call("cloudwatch", "SetAlarmState", AlarmName="high", StateValue="ALARM", StateReason="test")
    watching.pass_time(1)
    assert (watching.state("both"), watching.state("over")) == ("ALARM", "ALARM")
    watching.pass_time(60)
    assert (watching.state("both"), watching.state("over")) == ("OK", "OK")


def test_a_circle_of_composite_alarms_is_left_alone(watching: Watching) -> None:
    watching.alarm("high", TreatMissingData="notBreaching")
    call = watching.account
    call("cloudwatch", "PutCompositeAlarm", AlarmName="a1", AlarmRule="ALARM(high)")
    call("cloudwatch", "PutCompositeAlarm", AlarmName="a2", AlarmRule="NOT ALARM(a1)")
    call("cloudwatch", "PutCompositeAlarm", AlarmName="a1", AlarmRule="ALARM(a2) OR ALARM(high)")
    watching.pass_time(120)
    assert watching.state("high") == "OK"


def test_what_went_through_a_load_balancer_is_counted_once_over_a_restart(watching: Watching) -> None:
    call = watching.account
    (balancer,) = call(
        "elbv2", "CreateLoadBalancer", Name="web", Subnets=["subnet-0fa1000000000000a", "subnet-0fa1000000000000b"]
    )["LoadBalancers"]
    (group,) = call(
        "elbv2", "CreateTargetGroup", Name="api", Protocol="HTTP", Port=80, VpcId=balancer["VpcId"], TargetType="ip"
    )["TargetGroups"]
    action = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    call(
        "elbv2",
        "CreateListener",
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[action],
    )

    def carried(requests: int, generation: str = "g") -> None:
        watching.stats = Stats(generation, {pool_key(group["TargetGroupArn"]): PoolStats(requests=requests)})

    def counted() -> list[float]:
        key = next(
            k for k, _ in call.metrics.metrics("us-east-1") if k.name == "RequestCount" and len(k.dimensions) == 2
        )
        return [point.measured.total for point in call.metrics.points(key, 0, 1 << 40, resolution=60)]

    carried(10)
    watching.pass_time(60)
    carried(25)
    watching.pass_time(60)
    watching.restart()
    carried(30)  # while nobody was there
    watching.pass_time(60)
    carried(7, "another data directory's")
    watching.pass_time(60)
    assert counted() == [10, 15, 5, 7]
