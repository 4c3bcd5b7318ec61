"""CBOR, against the examples of RFC 8949 (appendix A) and botocore's own writer and reader."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime

import pytest
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from hypothesis import given
from hypothesis import strategies as st

from fairway.engine.api import cbor, cbor_protocol
from fairway.engine.api.content_encoding import MalformedEncoding, TooLarge, decompress
from fairway.engine.services.awsmodel import service_model


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("20", -1),
        ("3903e7", -1000),
        ("f90000", 0.0),
        ("f93c00", 1.0),
        ("fa47c35000", 100_000.0),
        ("fb3ff199999999999a", 1.1),
        ("f4", False),
        ("f5", True),
        ("f6", None),
        ("c11a514b67b0", 1_363_896_240),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("6449455446", "IETF"),
        ("83010203", [1, 2, 3]),
        ("a26161016162820203", {"a": 1, "b": [2, 3]}),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("7f657374726561646d696e67ff", "streaming"),
    ],
)
def test_examples(data: str, value: object) -> None:
    assert cbor.decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    ["", "18", "9bffffffffffffffff", "6261", "a10102", "ff", "1c", "f8ff", "c249010000000000000000", "0000", "61ff"],
)
def test_what_is_no_cbor(data: str) -> None:
    with pytest.raises(cbor.MalformedCbor):
        cbor.decode(bytes.fromhex(data))


def test_too_deep() -> None:
    with pytest.raises(cbor.MalformedCbor, match="deep"):
        cbor.decode(b"\x81" * 1000 + b"\x00")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        cbor.decode(data)
    except cbor.MalformedCbor:
        return


def test_what_botocore_writes_is_read() -> None:
    model = service_model("cloudwatch").operation_model("PutMetricData")
    at = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    request = {
        "Namespace": "shop",
        "MetricData": [{"MetricName": "m", "Timestamp": at, "Values": [1.5, -2.0], "StorageResolution": 1}],
    }
    written = RpcV2CBORSerializer().serialize_to_request(request, model)
    parsed = cbor_protocol.parse(written["body"])
    assert parsed["MetricData"][0] == {
        "MetricName": "m",
        "Timestamp": at.timestamp(),
        "Values": [1.5, -2.0],
        "StorageResolution": 1,
    }


def test_what_we_write_is_read_by_botocore() -> None:
    model = service_model("cloudwatch").operation_model("GetMetricStatistics")
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    response = {"Label": "größer", "Datapoints": [{"Timestamp": at, "Sum": 3.0, "ExtendedStatistics": {"p99": 1.25}}]}
    body = cbor_protocol.render(response, model)
    assert model.output_shape is not None
    parsed = RpcV2CBORParser().parse({"status_code": 200, "headers": {}, "body": body}, model.output_shape)
    assert {key: parsed[key] for key in response} == response
    assert math.isclose(cbor.decode(cbor.double(0.1)), 0.1)


def test_a_body_that_was_compressed() -> None:
    assert decompress(gzip.compress(b"body"), "gzip", 100) == b"body"
    assert decompress(b"body", "", 100) == b"body"
    with pytest.raises(TooLarge):
        decompress(gzip.compress(bytes(10_000)), "gzip", 100)
    for broken in (b"no gzip", gzip.compress(b"body")[:-9]):
        with pytest.raises(MalformedEncoding):
            decompress(broken, "gzip", 100)
