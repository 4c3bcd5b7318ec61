from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from fairway.aws.session import refuse_incomplete, translate

METADATA = {"ResponseMetadata": {"HTTPStatusCode": 200}}


ANSWER = SimpleNamespace(url="http://127.0.0.1:4566/")


def refuse(name: str, parsed: dict[str, Any]) -> None:
    model: Any = SimpleNamespace(name=name)
    refuse_incomplete(http_response=ANSWER, model=model, parsed=parsed)


@pytest.mark.parametrize("name", ["ListTasks", "DescribeServices"])
def test_a_read_without_any_member_is_no_answer(name):
    with pytest.raises(ConnectionClosedError) as caught:
        refuse(name, METADATA)
    said = translate(caught.value, doing="asking").message
    assert said.startswith("no engine answers at http://127.0.0.1:4566/")


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        pytest.param("ListTasks", {"taskArns": []}, id="an empty list"),
        pytest.param("DescribeServices", {"services": [], "failures": []}, id="two of them"),
        pytest.param("TagResource", {}, id="a write answers nothing"),
    ],
)
def test_every_other_answer_is_taken(name, parsed):
    answer = parsed | METADATA
    refuse(name, answer)
    assert answer == parsed | METADATA, "it is not touched, either"
