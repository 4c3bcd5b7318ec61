"""Metrics and alarms without loops: what is refused, and what is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.engine.services.account import T0, Account, Refused

ALARM: dict[str, Any] = {
    "AlarmName": "a",
    "Namespace": "shop",
    "MetricName": "errors",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.fixture
def account() -> Account:
    return Account()


def seconds(minutes: float = 0.0) -> float:
    return (T0 + timedelta(minutes=minutes)).timestamp()


def refused(account: Account, operation: str, /, **request: Any) -> tuple[str | None, str]:
    with pytest.raises(Refused) as caught:
        account("cloudwatch", operation, **request)
    return caught.value.answer.code, caught.value.body["message"]


@pytest.mark.parametrize(
    ("datum", "code", "told"),
    [
        ({}, "MissingParameter", "MetricData.member.1.Value"),
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination", "mutually exclusive"),
        ({"Value": 1.0, "Counts": [1.0]}, "InvalidParameterCombination", "Counts"),
        ({"Value": 2.0**361}, "InvalidParameterValue", "MetricData.member.1.Value"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "InvalidParameterValue", "same size"),
        ({"Values": [1.0], "Counts": [0.0]}, "InvalidParameterValue", "Counts.member.1"),
        ({"Values": [float(n) for n in range(151)]}, "InvalidParameterValue", "150"),
        ({"Value": 1.0, "StorageResolution": 5}, "InvalidParameterValue", "StorageResolution"),
        ({"Value": 1.0, "Timestamp": seconds(-60 * 24 * 15)}, "InvalidParameterValue", "two weeks"),
        ({"Value": 1.0, "Timestamp": seconds(121)}, "InvalidParameterValue", "two hours"),
        ({"Value": 1.0, "Unit": "Parsecs"}, "ValidationError", "enum value set"),
        ({"Value": 1.0, "Dimensions": [{"Name": ":a", "Value": "b"}]}, "InvalidParameterValue", "colon"),
        ({"Value": 1.0, "Dimensions": [{"Name": "é", "Value": "b"}]}, "InvalidParameterValue", "ASCII"),
        ({"Value": 1.0, "Dimensions": [{"Name": "a", "Value": "b"}] * 2}, "InvalidParameterValue", "more than once"),
        (
            {"Value": 1.0, "Dimensions": [{"Name": f"n{n}", "Value": "b"} for n in range(31)]},
            "ValidationError",
            "less than or equal to 30",
        ),
        (
            {"StatisticValues": {"SampleCount": 0.0, "Sum": 0.0, "Minimum": 0.0, "Maximum": 0.0}},
            "InvalidParameterValue",
            "SampleCount",
        ),
        (
            {"StatisticValues": {"SampleCount": 1.0, "Sum": 0.0, "Minimum": 2.0, "Maximum": 1.0}},
            "InvalidParameterValue",
            "Maximum",
        ),
    ],
    ids=str,
)
def test_what_put_metric_data_refuses(account: Account, datum: dict[str, Any], code: str, told: str) -> None:
    good = {"MetricName": "good", "Value": 1.0}
    found, message = refused(
        account, "PutMetricData", Namespace="shop", MetricData=[{"MetricName": "m", **datum}, good]
    )
    assert (found, told in message) == (code, True), message
    assert account("cloudwatch", "ListMetrics")["Metrics"] == [], "all or nothing"


def test_the_namespace_of_aws_is_closed(account: Account) -> None:
    data = [{"MetricName": "m", "Value": 1.0}]
    assert refused(account, "PutMetricData", Namespace="AWS/ECS", MetricData=data)[0] == "InvalidParameterValue"
    many = data * 1001
    assert refused(account, "PutMetricData", Namespace="shop", MetricData=many)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"Period": 45}, "ValidationError", "Period must be 10, 20, 30 or a multiple of 60"),
        ({"DatapointsToAlarm": 2}, "ValidationError", "less than or equal to EvaluationPeriods"),
        ({"EvaluationPeriods": 1441}, "ValidationError", "<= 86400"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "ValidationError", "<= 604800"),
        ({"ExtendedStatistic": "p99"}, "InvalidParameterCombination", "Exactly one"),
        ({"Statistic": None, "ExtendedStatistic": "p101"}, "ValidationError", "p101"),
        ({"TreatMissingData": "what"}, "ValidationError", "TreatMissingData"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "ValidationError", "percentile"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ValidationError", "not supported"),
        ({"ComparisonOperator": None}, "ValidationError", "ComparisonOperator is required"),
        ({"Threshold": None}, "ValidationError", "Threshold is required"),
        ({"MetricName": None}, "ValidationError", "MetricName is required"),
        ({"AlarmActions": ["topic"]}, "ValidationError", "Invalid arn syntax"),
        ({"EvaluationWindow": {"SlidingWindow": {"a": 1}}}, "ValidationError", ""),
        ({"Metrics": [{"Id": "m1", "Expression": "1"}]}, "InvalidParameterCombination", "cannot both"),
    ],
    ids=str,
)
def test_what_put_metric_alarm_refuses(account: Account, changes: dict[str, Any], code: str, told: str) -> None:
    request = {name: value for name, value in (ALARM | changes).items() if value is not None}
    found, message = refused(account, "PutMetricAlarm", **request)
    assert (found, told in message) == (code, True), message


def metric(identifier: str, name: str = "errors", **more: Any) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "shop", "MetricName": name}, "Period": 60, "Stat": "Sum"}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False, **more}


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ([metric("m1"), {"Id": "e1", "Expression": "m1 + nobody"}], "nobody"),
        ([metric("m1"), {"Id": "e1", "Expression": "SEARCH('x', 'Sum')"}], "SEARCH"),
        ([metric("m1"), {"Id": "e1", "Expression": "SELECT SUM(x) FROM y"}], "Metrics Insights"),
        ([metric("m1"), {"Id": "e1", "Expression": "m1 +"}], "e1"),
        ([metric("m1"), {"Id": "e1", "Expression": "e1 + m1"}], "depends on itself"),
        ([metric("m1"), metric("m1")], "not unique"),
        ([metric("M1")], "pattern"),
        ([metric("m1")], "Exactly one"),
        ([metric("m1", ReturnData=True), metric("m2", ReturnData=True)], "Exactly one"),
        ([{"Id": "e1", "Expression": "TIME_SERIES(1)"}], "at least one metric"),
    ],
    ids=str,
)
def test_expressions_that_an_alarm_cannot_watch(account: Account, metrics: list[Any], told: str) -> None:
    request = {"AlarmName": "a", "EvaluationPeriods": 1, "Threshold": 1.0, "Metrics": metrics}
    code, message = refused(account, "PutMetricAlarm", ComparisonOperator="GreaterThanThreshold", **request)
    assert (code, told in message) == ("ValidationError", True), message


def test_an_update_keeps_the_state_and_replaces_the_rest(account: Account) -> None:
    account("cloudwatch", "PutMetricAlarm", **ALARM, AlarmDescription="first", Tags=[{"Key": "a", "Value": "b"}])
    account("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="test")
    account.pass_time(60)
    account("cloudwatch", "PutMetricAlarm", **ALARM | {"Threshold": 2.0}, Tags=[{"Key": "c", "Value": "d"}])
    (shown,) = account("cloudwatch", "DescribeAlarms")["MetricAlarms"]
    assert (shown["StateValue"], shown["Threshold"], "AlarmDescription" in shown) == ("ALARM", 2.0, False)
    tags = account("cloudwatch", "ListTagsForResource", ResourceARN=shown["AlarmArn"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}], "an update leaves tags alone"
    history = account("cloudwatch", "DescribeAlarmHistory", AlarmName="a")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "a" updated',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        'Alarm "a" created',
    ]


def test_history_outlives_its_alarm(account: Account) -> None:
    account("cloudwatch", "PutMetricAlarm", **ALARM)
    account("cloudwatch", "DeleteAlarms", AlarmNames=["a", "nobody"])
    assert account("cloudwatch", "DescribeAlarms")["MetricAlarms"] == []
    history = account("cloudwatch", "DescribeAlarmHistory", AlarmName="a", HistoryItemType="ConfigurationUpdate")
    assert len(history["AlarmHistoryItems"]) == 2
    assert refused(account, "SetAlarmState", AlarmName="a", StateValue="OK", StateReason="")[0] == "ResourceNotFound"


def test_alarms_are_found_by_what_they_are(account: Account) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:topic"
    account("cloudwatch", "PutMetricAlarm", **ALARM | {"AlarmName": "one"}, AlarmActions=[topic])
    account("cloudwatch", "PutMetricAlarm", **ALARM | {"AlarmName": "other", "MetricName": "orders"})
    account("cloudwatch", "PutCompositeAlarm", AlarmName="both", AlarmRule="ALARM(one) AND NOT OK(other)")
    account("cloudwatch", "SetAlarmState", AlarmName="one", StateValue="OK", StateReason="")

    def names(**filters: Any) -> list[str]:
        shown = account("cloudwatch", "DescribeAlarms", **filters)
        return [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in shown[kind]]

    assert names() == ["one", "other"]
    assert names(AlarmTypes=["CompositeAlarm", "MetricAlarm"]) == ["one", "other", "both"]
    assert names(AlarmNamePrefix="ot") == ["other"]
    assert names(StateValue="OK") == ["one"]
    assert names(ActionPrefix="arn:aws:sns") == ["one"]
    assert names(ParentsOfAlarmName="one") == ["both"]
    assert names(ChildrenOfAlarmName="both") == ["one", "other"]
    assert names(AlarmNames=["other", "nobody"]) == ["other"]
    assert refused(account, "DescribeAlarms", ChildrenOfAlarmName="both", StateValue="OK")[0] == "ValidationError"
    first = account("cloudwatch", "DescribeAlarms", MaxRecords=1)
    assert [alarm["AlarmName"] for alarm in first["MetricAlarms"]] == ["one"]
    assert names(MaxRecords=1, NextToken=first["NextToken"]) == ["other"]
    found = account("cloudwatch", "DescribeAlarmsForMetric", Namespace="shop", MetricName="orders")
    assert [alarm["AlarmName"] for alarm in found["MetricAlarms"]] == ["other"]
    assert refused(account, "DeleteAlarms", AlarmNames=["one"])[0] == "ValidationError", "both depends on it"
    account("cloudwatch", "DeleteAlarms", AlarmNames=["one", "both"])


@pytest.mark.parametrize(
    ("rule", "told"),
    [("ALARM(nobody)", "nobody"), ("ALARM(", "takes the name"), ("what", "a state function is expected")],
)
def test_what_put_composite_alarm_refuses(account: Account, rule: str, told: str) -> None:
    code, message = refused(account, "PutCompositeAlarm", AlarmName="c", AlarmRule=rule)
    assert (code, told in message) == ("ValidationError", True), message


def test_actions_are_switched(account: Account) -> None:
    account("cloudwatch", "PutMetricAlarm", **ALARM)
    account("cloudwatch", "DisableAlarmActions", AlarmNames=["a", "nobody"])
    assert account("cloudwatch", "DescribeAlarms")["MetricAlarms"][0]["ActionsEnabled"] is False
    account("cloudwatch", "EnableAlarmActions", AlarmNames=["a"])
    assert account("cloudwatch", "DescribeAlarms")["MetricAlarms"][0]["ActionsEnabled"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]}, "InvalidParameterCombination"),
        ({"Statistics": None}, "InvalidParameterCombination"),
        ({"ExtendedStatistics": ["p500"], "Statistics": None}, "InvalidParameterValue"),
        ({"Period": 61}, "InvalidParameterValue"),
        ({"EndTime": seconds(-61)}, "InvalidParameterValue"),
        ({"StartTime": seconds(-60 * 25)}, "InvalidParameterCombination"),
    ],
    ids=str,
)
def test_what_get_metric_statistics_refuses(account: Account, changes: dict[str, Any], code: str) -> None:
    request = {
        "Namespace": "shop",
        "MetricName": "m",
        "StartTime": seconds(-60),
        "EndTime": seconds(),
        "Period": 60,
        "Statistics": ["Sum"],
    } | changes
    given = {name: value for name, value in request.items() if value is not None}
    assert refused(account, "GetMetricStatistics", **given)[0] == code


def test_pages_of_metric_data(account: Account) -> None:
    for minute in range(5):
        data = [
            {"MetricName": name, "Value": float(minute), "Timestamp": seconds(minute - 5)} for name in ("errors", "b")
        ]
        account("cloudwatch", "PutMetricData", Namespace="shop", MetricData=data)
    request: dict[str, Any] = {
        "MetricDataQueries": [metric("m1", ReturnData=True), metric("m2", "b", ReturnData=True)],
        "StartTime": seconds(-10),
        "EndTime": seconds(),
        "MaxDatapoints": 3,
        "ScanBy": "TimestampAscending",
    }
    pages, found, token = 0, dict[str, list[float]](), None
    while pages == 0 or token:
        page = account("cloudwatch", "GetMetricData", **request, **({"NextToken": token} if token else {}))
        for result in page["MetricDataResults"]:
            found.setdefault(result["Id"], []).extend(result["Values"])
        token, pages = page.get("NextToken"), pages + 1
    assert (pages, found) == (4, {"m1": [0, 1, 2, 3, 4], "m2": [0, 1, 2, 3, 4]})
    assert refused(account, "GetMetricData", **request, NextToken="what")[0] == "InvalidNextToken"
