"""Metrics and alarms, by every protocol that CloudWatch is spoken to in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from tests.conformance.world import REGION, until

from fairway.engine.services.awsmodel import service_model

if TYPE_CHECKING:
    from tests.conformance.engine_process import EngineProcess
    from tests.conformance.world import World

MINUTE = timedelta(minutes=1)
PROTOCOLS = ("query", "json", "smithy-rpc-v2-cbor")


def now(world: World) -> datetime:
    """The endpoint's own time, cut to the minute."""
    date = world.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    return parsedate_to_datetime(date).replace(second=0)


@pytest.fixture
def cloudwatch(world: World) -> Any:
    return world.client("cloudwatch")


@pytest.fixture
def namespace(world: World) -> str:
    return world.name("Shop")


def put(
    world: World, cloudwatch: Any, namespace: str, name: str, values: list[float], first: datetime | None = None
) -> datetime:
    """One value a minute, by default the last in the minute before this one; the start of the first."""
    first = now(world) - MINUTE * len(values) if first is None else first
    data = [{"MetricName": name, "Value": v, "Timestamp": first + MINUTE * n} for n, v in enumerate(values)]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    return first


def query(
    namespace: str, identifier: str, name: str, stat: str = "Sum", period: int = 60, **more: Any
) -> dict[str, Any]:
    return {
        "Id": identifier,
        "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": period, "Stat": stat},
        **more,
    }


def test_boto3_speaks_its_own_protocol_and_knows_the_errors(cloudwatch: Any) -> None:
    protocol = cloudwatch.meta.service_model.resolved_protocol
    assert protocol in PROTOCOLS
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound) as caught:
        cloudwatch.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="")
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ResourceNotFound", "Unknown alarm: nobody")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol(world: World, simulated: None, protocol: str) -> None:
    namespace, at = world.name("Shop"), now(world)

    def call(operation: str, **members: Any) -> dict[str, Any]:
        model = service_model("cloudwatch").operation_model(operation)
        built = create_serializer(protocol, include_validation=False).serialize_to_request(members, model)
        body = built["body"]
        if isinstance(body, dict):
            body = urlencode(body)
        data = body if isinstance(body, bytes) else body.encode()
        scope = (
            f"AWS4-HMAC-SHA256 Credential=K/20260101/{REGION}/monitoring/aws4_request, SignedHeaders=host, Signature=0"
        )
        headers = {k: str(v) for k, v in built["headers"].items()} | {"Authorization": scope}
        request = Request(f"{world.endpoint}{built['url_path']}", data=data, headers=headers, method="POST")
        try:
            with urlopen(request, timeout=10) as answer:
                status, text, received = answer.status, answer.read(), dict(answer.headers)
        except HTTPError as error:
            status, text, received = error.code, error.read(), dict(error.headers)
        shown = {"headers": {k.lower(): v for k, v in received.items()}, "status_code": status, "body": text}
        parsed: dict[str, Any] = create_parser(protocol).parse(shown, model.output_shape)  # type: ignore[arg-type]
        return parsed

    dimensions = [{"Name": "City", "Value": "Bern"}]
    datum = {
        "MetricName": "orders",
        "Values": [1.0, 2.5],
        "Counts": [2.0, 1.0],
        "Dimensions": dimensions,
        "Unit": "Count",
    }
    assert "Error" not in call("PutMetricData", Namespace=namespace, MetricData=[datum | {"Timestamp": at}])
    found = call(
        "GetMetricStatistics",
        Namespace=namespace,
        MetricName="orders",
        Dimensions=dimensions,
        StartTime=at,
        EndTime=at + MINUTE,
        Period=60,
        ExtendedStatistics=["p50", "p99.9"],
    )
    (point,) = found["Datapoints"]
    assert (point["Unit"], point["ExtendedStatistics"]) == ("Count", {"p50": 1.0, "p99.9": 2.5})
    assert point["Timestamp"].timestamp() == at.timestamp()
    name = world.name("alarm")
    settings = {"Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "Statistic": "Sum"}
    operator = "GreaterThanThreshold"
    call("PutMetricAlarm", AlarmName=name, Namespace=namespace, MetricName="x", ComparisonOperator=operator, **settings)
    (shown,) = call("DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert (shown["AlarmName"], shown["Threshold"], shown["ActionsEnabled"]) == (name, 1.0, True)
    refused = call("SetAlarmState", AlarmName="nobody", StateValue="OK", StateReason="r")
    assert refused["Error"]["Code"] == "ResourceNotFound"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 404
    unsupported = call("ListDashboards")
    assert "UnsupportedOperation" in unsupported["Error"]["Code"]
    assert "ListDashboards" in unsupported["Error"]["Message"]


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not there")
def test_the_command_line(world: World, simulated: None) -> None:
    namespace = world.name("Shop")
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": REGION}
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}

    def aws(*words: str) -> Any:
        command = ["aws", "--endpoint-url", str(world.endpoint), "--output", "json", "cloudwatch", *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment | keys, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    aws("put-metric-data", "--namespace", namespace, "--metric-name", "orders", "--value", "3", "--dimensions", "a=b")
    (metric,) = aws("list-metrics", "--namespace", namespace)["Metrics"]
    assert metric["Dimensions"] == [{"Name": "a", "Value": "b"}]


def test_large_requests_are_compressed_by_clients(world: World, cloudwatch: Any, namespace: str) -> None:
    at = now(world)
    data = [{"MetricName": f"m{n}", "Values": [float(v) for v in range(20)], "Timestamp": at} for n in range(200)]
    sent: list[str] = []

    def look(request: Any, **_: Any) -> None:
        encoding = request.headers.get("Content-Encoding", b"")
        sent.append(encoding.decode() if isinstance(encoding, bytes) else encoding)

    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", look)
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    assert sent == ["gzip"], "the client has compressed it"
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    until("the metrics are listed", lambda: sum(len(page["Metrics"]) for page in pages) == 200, seconds=1200)


def test_statistics_and_expressions(world: World, cloudwatch: Any, namespace: str) -> None:
    first = put(world, cloudwatch, namespace, "requests", [100.0, 200.0, 100.0, 100.0])
    put(world, cloudwatch, namespace, "errors", [1.0, 4.0], first)
    end = first + 4 * MINUTE
    found = cloudwatch.get_metric_data(
        MetricDataQueries=[
            query(namespace, "requests", "requests", ReturnData=False),
            query(namespace, "errors", "errors", ReturnData=False),
            {"Id": "rate", "Expression": "FILL(errors, 0) / requests * 100", "Label": "error rate"},
            {"Id": "twice", "Expression": "rate * 2"},
            query(namespace, "five", "requests", period=300),
        ],
        StartTime=first,
        EndTime=end,
        ScanBy="TimestampAscending",
    )["MetricDataResults"]
    results = {result["Id"]: result for result in found}
    assert results.keys() == {"rate", "twice", "five"}
    assert results["rate"]["Values"] == [1.0, 2.0, 0.0, 0.0]
    assert results["rate"]["Label"] == "error rate"
    assert results["rate"]["StatusCode"] == "Complete"
    assert results["twice"]["Values"] == [2 * value for value in results["rate"]["Values"]]
    assert sum(results["five"]["Values"]) == 500.0
    newest = cloudwatch.get_metric_data(
        MetricDataQueries=[query(namespace, "m", "requests")], StartTime=first, EndTime=end
    )["MetricDataResults"][0]["Timestamps"]
    assert newest == sorted(newest, reverse=True)


def test_percentiles_are_those_of_the_values(world: World, cloudwatch: Any, namespace: str) -> None:
    at = now(world)
    datum = {"MetricName": "t", "Values": [0.01, 0.2, 3.0], "Counts": [900.0, 90.0, 10.0], "Unit": "Seconds"}
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum | {"Timestamp": at}])
    window = {"StartTime": at, "EndTime": at + MINUTE, "Period": 60}
    statistics = cloudwatch.get_metric_statistics
    (point,) = statistics(Namespace=namespace, MetricName="t", ExtendedStatistics=["p50", "p95", "p99.5"], **window)[
        "Datapoints"
    ]
    assert point["ExtendedStatistics"] == {"p50": 0.01, "p95": 0.2, "p99.5": 3.0}
    (point,) = statistics(
        Namespace=namespace, MetricName="t", Statistics=["SampleCount", "Average", "Maximum"], **window
    )["Datapoints"]
    assert (point["SampleCount"], point["Maximum"], point["Unit"]) == (1000.0, 3.0, "Seconds")
    assert point["Average"] == pytest.approx((9 + 18 + 30) / 1000)


def test_metrics_survive_kill_9(own_engine: EngineProcess, tmp_path: Any) -> None:
    from tests.conformance.engine_process import start_engine  # noqa: PLC0415
    from tests.conformance.world import World as Fresh  # noqa: PLC0415

    world = Fresh(own_engine.url, "k", speed=50.0)
    cloudwatch = world.client("cloudwatch")
    put(world, cloudwatch, "Shop", "orders", [1.0, 2.0])
    time.sleep(1.2)  # what was put in the last second may be lost: that is the promise
    own_engine.stop(9)
    again = start_engine(own_engine.data, port=own_engine.port)
    try:
        end = now(world) + MINUTE
        request = {"StartTime": end - timedelta(hours=10), "EndTime": end, "Period": 36_000, "Statistics": ["Sum"]}
        points = cloudwatch.get_metric_statistics(Namespace="Shop", MetricName="orders", **request)["Datapoints"]
        assert sum(point["Sum"] for point in points) == 3.0
        again.reset()
        assert cloudwatch.list_metrics()["Metrics"] == []
    finally:
        again.stop()


def test_what_is_refused(cloudwatch: Any, namespace: str) -> None:
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_metric_data(Namespace="AWS/Own", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert caught.value.response["Error"]["Code"] in {"InvalidParameterValue", "InvalidParameterValueException"}
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException):
        cloudwatch.put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": "m", "Values": [1.0], "Counts": [0.0]}]
        )


def test_errors_of_simulated_tasks_become_an_alarm(world: World, simulated: None, cloudwatch: Any) -> None:
    cluster, balancers = world.cluster(), world.balanced()
    labels = {"requests": "20", "errors": "0.25", "latency": "0.05", "cpu": "0.125", "memory": "256"}
    service = world.service(cluster, world.task_definition(world.sim(labels=labels)), loadBalancers=balancers)
    world.until_steady(cluster, service)
    group = balancers[0]["targetGroupArn"]
    (balancer,) = world.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"]
    dimensions = [{"Name": "LoadBalancer", "Value": balancer.partition("loadbalancer/")[2]}]
    name = world.name("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=dimensions,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )

    def shown() -> Any:
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]

    until("the alarm fires", lambda: shown()["StateValue"] == "ALARM")
    evaluated = json.loads(shown()["StateReasonData"])["evaluatedDatapoints"]
    assert 0 < evaluated[0]["value"] <= 700  # 2 tasks, 20 requests a second, a quarter of them
    window = {"StartTime": now(world) - timedelta(hours=1), "EndTime": now(world) + MINUTE, "Period": 7200}
    (time_point,) = cloudwatch.get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="TargetResponseTime",
        Dimensions=[*dimensions, {"Name": "TargetGroup", "Value": group.rpartition(":")[2]}],
        ExtendedStatistics=["p99"],
        **window,
    )["Datapoints"]
    assert time_point["ExtendedStatistics"] == {"p99": 0.05}
    of_service = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]

    def used(metric: str) -> Any:
        window = {"StartTime": now(world) - timedelta(hours=1), "EndTime": now(world) + MINUTE, "Period": 7200}
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/ECS", MetricName=metric, Dimensions=of_service, Statistics=["Average"], **window
        )["Datapoints"]
        return found and found[0]["Average"]

    for metric in ("CPUUtilization", "MemoryUtilization"):
        assert until(metric, partial(used, metric)) == pytest.approx(50.0)
