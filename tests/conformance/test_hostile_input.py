"""Whatever is sent: an error of AWS or of HTTP, soon, and no stack trace in the answer or in the log."""

from __future__ import annotations

import gzip
import json
import os
import socket
import string
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.engine_process import running_engine

from fairway.engine.services.awsmodel import SERVICES, service_model
from fairway.engine.services.catalogue import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.engine_process import EngineProcess

EXAMPLES = int(os.environ.get("FAIRWAY_FUZZ_EXAMPLES", "200"))
WIDE_EXAMPLES = 20 * EXAMPLES
ECS = "AmazonEC2ContainerServiceV20141113"
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
WIDE = settings(FUZZ, max_examples=WIDE_EXAMPLES)
NO_ANSWER_AFTER_SECONDS = 10


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with running_engine(tmp_path_factory.mktemp("hostile") / "data") as engine:
        yield engine
        assert engine.process.poll() is None, "the engine is alive"
        assert b"ecs" in exchange(engine, b"GET /_fairway/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert "Traceback" not in engine.log, engine.log


def exchange(engine: EngineProcess, data: bytes, *, half_close: bool = True) -> bytes:
    """Send raw bytes and read until the engine has answered or closed."""
    with socket.create_connection(("127.0.0.1", engine.port), timeout=NO_ANSWER_AFTER_SECONDS) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        chunks = []
        while chunk := connection.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks)


def send(
    engine: EngineProcess, body: bytes, headers: dict[str, str] | None = None, *, method: str = "POST", path: str = "/"
) -> tuple[int, dict[str, str], bytes]:
    """A well-formed HTTP request with anything in it."""
    lines = {"Host": f"127.0.0.1:{engine.port}", "Content-Length": str(len(body)), "Connection": "close"} | (
        headers or {}
    )
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    answer = exchange(engine, head.encode("latin-1") + body, half_close=False)
    top, _, content = answer.partition(b"\r\n\r\n")
    status_line, *rest = top.decode("latin-1").split("\r\n")
    found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(status_line.split(" ")[1]), found, content


def is_an_error_of_aws(status: int, content: bytes) -> bool:
    assert b"Traceback" not in content
    assert b'File "' not in content
    if content.startswith(b"{"):
        document = json.loads(content)
        return 400 <= status < 600 and bool(document["__type"]) and "message" in document
    return 400 <= status < 600 and b"<Code>" in content and b"<Message>" in content


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"{", {"X-Amz-Target": f"{ECS}.ListClusters"}, 400, "SerializationException", id="invalid JSON"),
        pytest.param(b"[]", {"X-Amz-Target": f"{ECS}.ListClusters"}, 400, "SerializationException", id="a JSON list"),
        pytest.param(b"\xff\xfe", {"X-Amz-Target": f"{ECS}.ListClusters"}, 400, "SerializationException", id="bytes"),
        pytest.param(
            b'{"maxResults": "ten"}',
            {"X-Amz-Target": f"{ECS}.ListClusters"},
            400,
            "SerializationException",
            id="wrong type",
        ),
        pytest.param(
            b'{"what": 1}',
            {"X-Amz-Target": f"{ECS}.ListClusters"},
            400,
            "InvalidParameterException",
            id="unknown member",
        ),
        pytest.param(
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            {"X-Amz-Target": f"{ECS}.ListClusters"},
            400,
            "SerializationException",
            id="100,000 levels deep",
        ),
        pytest.param(
            b"{}", {"X-Amz-Target": f"{ECS}.Explode"}, 400, "UnknownOperationException", id="unknown operation"
        ),
        pytest.param(b"{}", {"X-Amz-Target": "Nobody.Knows"}, 400, "UnknownOperationException", id="unknown target"),
        pytest.param(b"{}", {"X-Amz-Target": "."}, 400, "UnknownOperationException", id="an empty target"),
        pytest.param(b"", {}, 400, "UnknownOperationException", id="nothing at all"),
        pytest.param(b"Action=Explode&Version=2015-12-01", {}, 400, "InvalidAction", id="unknown action"),
        pytest.param(b"Action=DescribeRules&Version=1", {}, 400, "UnknownOperationException", id="unknown version"),
        pytest.param(b"%FF=%FF&Action", {}, 400, "UnknownOperationException", id="a form of nonsense"),
        pytest.param(
            b"Action=CreateTargetGroup&Version=2015-12-01&Name=a&Name.x=b",
            {},
            400,
            "MalformedQueryString",
            id="contradiction",
        ),
        pytest.param(
            b"Action=DescribeTags&Version=2015-12-01&ResourceArns.member.99999999999=a",
            {},
            400,
            "MalformedQueryString",
            id="a huge index",
        ),
        pytest.param(
            b"Action=DescribeTags&Version=2015-12-01&ResourceArns.member.\xc2\xb2=a",
            {},
            400,
            "MalformedQueryString",
            id="superscript",
        ),
        pytest.param(
            b"{}",
            {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/polly/aws4_request"},
            400,
            "UnsupportedOperationException",
            id="a service that is not here",
        ),
    ],
)
def test_what_comes_back(hostile: EngineProcess, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
    found, _, content = send(hostile, body, headers)
    assert is_an_error_of_aws(found, content), content
    assert (found, code.encode() in content) == (status, True), content


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil:80", "[::2]"])
def test_a_foreign_host_is_refused(hostile: EngineProcess, name: str) -> None:
    status, _, content = send(hostile, b"", {"Host": name}, method="GET", path="/_fairway/health")
    assert (status, b"Host must be" in content) == (403, True)


@pytest.mark.parametrize("path", ["/", "/_fairway/health", "/_fairway/reset", "/v4/x"])
def test_a_web_page_is_refused_on_every_path(hostile: EngineProcess, path: str) -> None:
    headers = {"Origin": "http://localhost", "X-Fairway": "1", "X-Amz-Target": f"{ECS}.ListClusters"}
    assert send(hostile, b"{}", headers, path=path)[0] == 403


def test_writes_of_the_operator_need_their_header(hostile: EngineProcess) -> None:
    assert send(hostile, b"", path="/_fairway/reset")[0] == 403
    assert send(hostile, b"", {"X-Fairway": "1"}, path="/_fairway/explode")[0] == 404
    assert send(hostile, b"", method="DELETE", path="/_fairway/health")[0] == 404
    assert send(hostile, b"", method="GET", path="/v4/nobody/task")[0] == 404


def test_a_body_above_the_limit_is_refused_before_it_is_kept(hostile: EngineProcess) -> None:
    body = b'{"a": "' + b"x" * (16 * 1024 * 1024) + b'"}'
    status, _, content = send(hostile, body, {"X-Amz-Target": f"{ECS}.ListClusters"})
    assert (status, b"RequestEntityTooLarge" in content) == (413, True)


@pytest.mark.parametrize("length", ["-1", "abc", "99999999999999999999", "1e3", "5, 6"])
def test_a_bad_content_length_is_an_error_of_http(hostile: EngineProcess, length: str) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
    answer = exchange(hostile, head + b"{}")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer


def test_half_a_request_and_a_client_that_goes_away(hostile: EngineProcess) -> None:
    for half in (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{", b"POST / HT", b"\r\n\r\n\r\n"):
        answer = exchange(hostile, half)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400"), answer
        assert send(hostile, b"{}", {"X-Amz-Target": f"{ECS}.ListClusters"})[0] == 200, "others are answered"


def test_a_body_in_another_encoding_is_no_json(hostile: EngineProcess) -> None:
    body = gzip.compress(b"{}")
    status, _, content = send(hostile, body, {"X-Amz-Target": f"{ECS}.ListClusters", "Content-Encoding": "gzip"})
    assert is_an_error_of_aws(status, content)


@given(st.binary(max_size=300))
@FUZZ
def test_random_bytes(hostile: EngineProcess, data: bytes) -> None:
    answer = exchange(hostile, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer


# what is fuzzed most is the shape of AWS's own requests: names that exist, values that do not fit

_WORDS = st.sampled_from(
    ["", "a", "default", "arn:aws:ecs:us-east-1:123456789012:cluster/x", "0", "x" * 300, "\x00", "é", "::", "/"]
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), _WORDS, st.text(string.printable, max_size=20)
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _fitting(shape: Any, *, spoilt: bool, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape's type; `spoilt`: now and then something else."""

    def inner(member: Any) -> st.SearchStrategy[Any]:
        return _fitting(member, spoilt=spoilt, depth=depth + 1)

    match shape.type_name:
        case "structure" if depth < 4:
            members = {name: inner(member) for name, member in shape.members.items()}
            required = {name: members.pop(name) for name in shape.required_members if name in members}
            fitting: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=members)
        case "structure" | "map":
            fitting = st.just({})
        case "list" if depth < 4:
            fitting = st.lists(inner(shape.member), min_size=shape.metadata.get("min", 0), max_size=2)
        case "list":
            fitting = st.just([])
        case "boolean":
            fitting = st.booleans()
        case "integer" | "long":
            fitting = st.integers(shape.metadata.get("min", -5), min(shape.metadata.get("max", 5000), 5000))
        case "float" | "double" | "timestamp":
            fitting = st.integers(-5, 2**40)
        case "string" if shape.enum:
            fitting = st.sampled_from(shape.enum)
        case "blob":
            fitting = st.just("aGVsbG8=")
        case _:
            fitting = _WORDS
    return st.one_of(fitting, fitting, fitting, fitting, _JSON) if spoilt else fitting


def _requests(protocol: str) -> st.SearchStrategy[tuple[str, str, Any]]:
    """(service, operation, request) of a service that speaks `protocol`."""
    operations = []
    for service in SERVICES:
        model = service_model(service)
        if model.metadata.get("protocol") == protocol:
            known = sorted(TABLES[service].supported)
            operations += [(service, name, model.operation_model(name)) for name in known]
            operations += [(service, name, model.operation_model(name)) for name in model.operation_names[:5]]

    def one(chosen: tuple[str, str, Any]) -> st.SearchStrategy[tuple[str, str, Any]]:
        service, name, operation = chosen
        shape = operation.input_shape
        body: st.SearchStrategy[Any] = st.just({})
        if shape is not None:
            body = st.booleans().flatmap(lambda spoilt: _fitting(shape, spoilt=spoilt))
        return st.tuples(st.just(service), st.just(name), body)

    return st.sampled_from(operations).flatmap(one)


def _survives_json(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    service, operation, request = request_
    prefix = service_model(service).metadata["targetPrefix"]
    body = json.dumps(request).encode()
    status, _, content = send(hostile, body, {"X-Amz-Target": f"{prefix}.{operation}"})
    assert status == 200 or is_an_error_of_aws(status, content), (service, operation, request, content)
    assert b"InternalFailure" not in content, (service, operation, request)


def _form(value: Any, name: str, out: dict[str, str]) -> None:
    match value:
        case dict():
            for key, item in value.items():
                _form(item, f"{name}.{key}" if name else str(key), out)
        case list():
            for number, item in enumerate(value, 1):
                _form(item, f"{name}.member.{number}", out)
        case _:
            out[name] = str(value)


def _survives_query(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    service, operation, request = request_
    form = {"Action": operation, "Version": service_model(service).api_version}
    _form(request if isinstance(request, dict) else {"x": request}, "", form)
    body = urlencode(form, errors="replace").encode()
    status, _, content = send(hostile, body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200 or is_an_error_of_aws(status, content), (service, operation, request, content)
    assert b"InternalFailure" not in content, (service, operation, request)


@pytest.mark.parametrize(
    ("service", "body", "target"),
    [
        ("ec2", b"Action=CreateSubnet&Version=2016-11-15", None),
        ("ec2", b"Action=CreateVpc&Version=2016-11-15&CidrBlock=everywhere", None),
        ("ec2", b"Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=what&Filter.1.Value.1=x", None),
        ("ec2", b"Action=Explode&Version=2016-11-15", None),
        ("iam", b"Action=CreateRole&Version=2010-05-08", None),
        ("iam", b"Action=GetRole&Version=2010-05-08&RoleName=" + b"x" * 1000, None),
        ("sns", b"Action=Publish&Version=2010-03-31", None),
        ("sns", b"Action=CreateTopic&Version=2010-03-31&Name=%00", None),
        ("kms", b"{", "TrentService.CreateKey"),
        ("kms", b"[]", "TrentService.Encrypt"),
        ("kms", b'{"KeyId": 1}', "TrentService.DescribeKey"),
        ("kms", b"{}", "TrentService.Explode"),
        ("events", b'{"Name": []}', "AWSEvents.PutRule"),
        ("events", b"\xff", "AWSEvents.PutRule"),
    ],
)
def test_what_moto_stumbles_over(hostile: EngineProcess, service: str, body: bytes, target: str | None) -> None:
    credential = (
        f"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
    headers = {"Authorization": credential, "Content-Type": "application/x-www-form-urlencoded"}
    if target is not None:
        headers |= {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    status, _, content = send(hostile, body, headers)
    assert status == 200 or is_an_error_of_aws(status, content), content
    assert send(hostile, b"{}", {"X-Amz-Target": f"{ECS}.ListClusters"})[0] == 200


@given(st.text(string.printable.replace("\r", "").replace("\n", ""), max_size=120))
@FUZZ
def test_garbled_authorization(hostile: EngineProcess, text: str) -> None:
    clean = text.replace("\x0b", "").replace("\x0c", "").strip()
    headers = {"Authorization": clean, "X-Amz-Target": f"{ECS}.ListClusters"}
    assert send(hostile, b"{}", headers)[0] == 200


@given(_requests("json"))
@FUZZ
def test_json_requests_that_nearly_fit(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    _survives_json(hostile, request_)


@given(_requests("query"))
@FUZZ
def test_query_requests_that_nearly_fit(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    _survives_query(hostile, request_)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@given(_requests("json"))
@WIDE
def test_many_json_requests_that_nearly_fit(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    _survives_json(hostile, request_)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@given(_requests("query"))
@WIDE
def test_many_query_requests_that_nearly_fit(hostile: EngineProcess, request_: tuple[str, str, Any]) -> None:
    _survives_query(hostile, request_)
