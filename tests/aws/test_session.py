from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from fairway.aws.session import AwsError, refuse_incomplete, translate

METADATA = {"ResponseMetadata": {"HTTPStatusCode": 200}}


def model(name) -> Any:
    return SimpleNamespace(name=name, service_model=SimpleNamespace(endpoint_prefix="ecs"))


def test_an_answer_that_says_nothing_is_none():
    with pytest.raises(ConnectionClosedError) as caught:
        refuse_incomplete(model("ListTasks"), METADATA)
    assert isinstance(translate(caught.value, doing="listing tasks"), AwsError)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("ListTasks", {"taskArns": []}), ("DescribeServices", {"services": [], "failures": []}), ("TagResource", {})],
)
def test_every_other_answer_is_taken(name, parsed):
    refuse_incomplete(model(name), parsed | METADATA)
