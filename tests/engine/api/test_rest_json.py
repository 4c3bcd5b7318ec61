"""Method and path name the operation; members stand in path, query string and body."""

from __future__ import annotations

import pytest

from fairway.engine.api import rest_json
from fairway.engine.api.json_protocol import MalformedBody
from fairway.engine.services.awsmodel import service_model


def read(method: str, path: str, query: str = "", body: bytes = b"") -> tuple[str, dict[str, object]]:
    route = rest_json.route("scheduler", method, path)
    assert route is not None
    model = service_model("scheduler").operation_model(route.operation)
    return route.operation, rest_json.parse(model, route.parameters, query, body)


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "expected"),
    [
        pytest.param(
            "POST",
            "/schedules/a",
            "",
            b'{"State": "ENABLED"}',
            ("CreateSchedule", {"Name": "a", "State": "ENABLED"}),
            id="path and body",
        ),
        pytest.param("PUT", "/schedules/a", "", b"", ("UpdateSchedule", {"Name": "a"}), id="the method decides"),
        pytest.param(
            "GET",
            "/schedules/a",
            "groupName=g",
            b"",
            ("GetSchedule", {"Name": "a", "GroupName": "g"}),
            id="query string",
        ),
        pytest.param(
            "GET",
            "/schedules",
            "ScheduleGroup=g&MaxResults=5",
            b"",
            ("ListSchedules", {"GroupName": "g", "MaxResults": 5}),
            id="a number, and a member under another name",
        ),
        pytest.param(
            "DELETE",
            "/tags/arn%3Aaws%3Ascheduler%3Ax%3A1%3Aschedule-group%2Fg",
            "TagKeys=a&TagKeys=b%20c",
            b"",
            ("UntagResource", {"ResourceArn": "arn:aws:scheduler:x:1:schedule-group/g", "TagKeys": ["a", "b c"]}),
            id="a list, and an ARN in the path",
        ),
        pytest.param(
            "POST",
            "/schedules/a",
            "",
            b'{"Name": "b"}',
            ("CreateSchedule", {"Name": "a"}),
            id="the path's member does not stand in the body",
        ),
        pytest.param(
            "GET",
            "/schedules",
            "MaxResults=x",
            b"",
            ("ListSchedules", {"MaxResults": "x"}),
            id="no number: found out later",
        ),
    ],
)
def test_requests(method: str, path: str, query: str, body: bytes, expected: tuple[str, dict[str, object]]) -> None:
    assert read(method, path, query, body) == expected


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/schedules/a"), ("GET", "/"), ("GET", "/schedules/a/b")])
def test_nobody_is_there(method: str, path: str) -> None:
    assert rest_json.route("scheduler", method, path) is None


def test_a_body_that_is_no_object() -> None:
    with pytest.raises(MalformedBody):
        read("POST", "/schedules/a", body=b"[]")


@pytest.mark.parametrize(("service", "speaks"), [("scheduler", True), ("ecs", False), ("polly", False), (None, False)])
def test_who_speaks_it(service: str | None, *, speaks: bool) -> None:
    assert rest_json.speaks_rest(service) is speaks
