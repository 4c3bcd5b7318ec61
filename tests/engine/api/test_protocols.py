"""Who is meant by a request, what it says, and how answers are written."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import orjson
import pytest

from fairway.engine.api import json_protocol, query_protocol
from fairway.engine.api.identify import Target, identify, may_be_compressed
from fairway.engine.api.query_protocol import MalformedForm
from fairway.engine.api.validation import InvalidInput, Validator, WrongType
from fairway.engine.services.awsmodel import service_model
from fairway.engine.services.fault import AwsFault

SIGNED = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


def signed(service: str, **more: str) -> dict[str, str]:
    return {"authorization": SIGNED.format(service=service), **more}


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        pytest.param(
            signed("ecs", **{"x-amz-target": "AmazonEC2ContainerServiceV20141113.ListTasks"}),
            {},
            Target("ecs", "ListTasks", "eu-west-1", "KEY", "ecs"),
            id="the prefix of X-Amz-Target",
        ),
        pytest.param(
            signed("elasticloadbalancing"),
            {"Action": "DescribeRules", "Version": "2015-12-01"},
            Target("elbv2", "DescribeRules", "eu-west-1", "KEY", "elasticloadbalancing"),
            id="the version of a query",
        ),
        pytest.param(
            {},
            {
                "Action": "GetCallerIdentity",
                "Version": "2011-06-15",
                "X-Amz-Credential": "KEY/20260101/us-west-2/sts/aws4_request",
            },
            Target("sts", "GetCallerIdentity", "us-east-1", "", None),
            id="without a signature: us-east-1",
        ),
        pytest.param(
            signed("iam"),
            {"Action": "GetRole", "Version": "2010-05-08"},
            Target("iam", "GetRole", "eu-west-1", "KEY", "iam"),
            id="one of moto's services",
        ),
        pytest.param(
            signed("polly"), {}, Target(None, None, "eu-west-1", "KEY", "polly"), id="a service that is not here"
        ),
        pytest.param({"authorization": "Basic x"}, {}, Target(None, None, "us-east-1", "", None), id="nothing known"),
    ],
)
def test_identify(headers: dict[str, str], query: dict[str, str], expected: Target) -> None:
    assert identify(headers, query) == expected


def elb(operation: str, **form: str) -> dict[str, object]:
    return query_protocol.parse(form, service_model("elbv2").operation_model(operation))


def test_a_form_becomes_nested_values() -> None:
    form = {
        "LoadBalancerArn": "arn",
        "Port": "80",
        "DefaultActions.member.2.Type": "redirect",
        "DefaultActions.member.1.Type": "forward",
        "DefaultActions.member.1.ForwardConfig.TargetGroups.member.1.Weight": "5",
    }
    assert elb("CreateListener", **form) == {
        "LoadBalancerArn": "arn",
        "Port": 80,
        "DefaultActions": [
            {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"Weight": 5}]}},
            {"Type": "redirect"},
        ],
    }


@pytest.mark.parametrize("key", ["a", "²", "1e3", "-1", "9" * 12])
def test_members_of_a_list_are_numbered(key: str) -> None:
    with pytest.raises(MalformedForm):
        elb("DescribeTags", **{f"ResourceArns.member.{key}": "x"})


def test_an_answer_in_xml_escapes_what_it_is_told() -> None:
    model = service_model("elbv2").operation_model("DescribeTags")
    response = {"TagDescriptions": [{"ResourceArn": "<&>", "Tags": [{"Key": "a", "Value": '"'}]}]}
    root = ET.fromstring(query_protocol.render(response, model, "id"))
    assert [element.text for element in root.iter() if element.tag.endswith("ResourceArn")] == ["<&>"]
    fault = query_protocol.render_fault(AwsFault("<script>"), "ns", "id")
    assert b"<script>" not in fault
    assert ET.fromstring(fault).find("{ns}Error/{ns}Message").text == "<script>"  # type: ignore[union-attr]


def test_an_answer_in_json_has_epoch_seconds_and_base64() -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    body = orjson.loads(json_protocol.render({"at": moment, "blob": b"\x00", "list": ("a",)}))
    assert body == {"at": 1767225600.123, "blob": "AA==", "list": ["a"]}


@pytest.mark.parametrize(
    ("operation", "request_", "text"),
    [
        pytest.param("CreateService", {}, "Value null at 'serviceName'", id="a required member is missing"),
        pytest.param("CreateService", {"serviceName": None}, "Value null at 'serviceName'", id="null is missing"),
        pytest.param(
            "CreateService",
            {"serviceName": "a", "launchType": "MOON"},
            "Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: [EC2,",
            id="not of the enum",
        ),
        pytest.param(
            "RegisterTaskDefinition",
            {"family": "f", "containerDefinitions": [{"what": 1}]},
            "Unknown member 'containerDefinitions.1.member.what'",
            id="unknown member, with its place",
        ),
        pytest.param("ListTasks", {"maxResults": 2**40}, "less than or equal to 2147483647", id="too large an integer"),
    ],
)
def test_what_the_model_forbids(operation: str, request_: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Validator().read(service_model("ecs").operation_model(operation), request_)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("ListTasks", {"maxResults": "10"}),
        ("ListTasks", {"maxResults": 1.5}),
        ("ListTasks", {"maxResults": True}),
        ("ListTasks", {"cluster": 1}),
        ("ListTasks", []),
        ("DescribeTasks", {"tasks": "a"}),
        ("CreateService", {"serviceName": "a", "enableExecuteCommand": "true"}),
        ("RegisterTaskDefinition", {"family": "f", "containerDefinitions": {"name": "a"}}),
    ],
    ids=str,
)
def test_values_of_the_wrong_type(operation: str, request_: object) -> None:
    with pytest.raises(WrongType):
        Validator().read(service_model("ecs").operation_model(operation), request_)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/service/GraniteServiceVersion20100801/operation/ListMetrics", ("cloudwatch", "ListMetrics")),
        ("/service/Nobody/operation/ListMetrics", (None, "ListMetrics")),
        ("/service/GraniteServiceVersion20100801/operation/", (None, None)),
        ("/", (None, None)),
    ],
)
def test_the_path_of_an_rpc_request(path: str, expected: tuple[str | None, str | None]) -> None:
    found = identify(signed("monitoring"), {}, path)
    assert (found.service, found.operation) == expected


def test_only_cloudwatch_takes_compressed_bodies() -> None:
    assert may_be_compressed(signed("monitoring"))
    assert not may_be_compressed(signed("ecs"))
    assert not may_be_compressed({})
