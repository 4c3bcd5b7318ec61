"""Versions of secrets: pinned, and found to be old."""

from __future__ import annotations

import pytest

from fairway.deployment.secret_versions import parse, pinned, references

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop/db-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/db"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (ARN, (ARN, "", "", "")),
        (f"{ARN}:user::", (ARN, "user", "", "")),
        (f"{ARN}:user:AWSPREVIOUS:", (ARN, "user", "AWSPREVIOUS", "")),
        (f"{ARN}:::v-1", (ARN, "", "", "v-1")),
        (PARAMETER, None),
        ("/shop/db", None),
    ],
)
def test_what_a_reference_says(value, found):
    assert parse(value) == found


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param(ARN, f"{ARN}:::v-9", id="the current version"),
        pytest.param(f"{ARN}:user::", f"{ARN}:user::v-9", id="of a key"),
        pytest.param(f"{ARN}::AWSPREVIOUS:", f"{ARN}::AWSPREVIOUS:", id="a stage is meant"),
        pytest.param(f"{ARN}:::v-1", f"{ARN}:::v-1", id="a version is meant"),
        pytest.param(PARAMETER, PARAMETER, id="a parameter has none"),
    ],
)
def test_pinned(value, written):
    assert pinned(value, {ARN: "v-9"}.get) == written


def test_all_references_of_a_definition():
    containers = [{"secrets": [{"name": "A", "valueFrom": "1"}]}, {}, {"secrets": [{"name": "B", "valueFrom": "2"}]}]
    assert list(references({"containerDefinitions": containers})) == ["1", "2"]
