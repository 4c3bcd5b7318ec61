"""Log groups, streams and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conformance.world import World


def now(world: World) -> int:
    """The endpoint's own time, in milliseconds: an engine's clock may run faster than ours."""
    date = world.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    return int(parsedate_to_datetime(date).timestamp() * 1000)


@pytest.fixture
def group(world: World) -> str:
    name = f"/{world.name('group')}"
    world.logs.create_log_group(logGroupName=name, tags={"a": "b"})
    return name


def put(world: World, group: str, stream: str, *messages: str, start: int | None = None) -> list[int]:
    start = now(world) if start is None else start
    stamps = [start + n for n in range(len(messages))]
    events = [{"timestamp": t, "message": m} for t, m in zip(stamps, messages, strict=True)]
    world.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return stamps


def refused(call: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    return str(caught.value.response["Error"]["Code"])


def test_a_group_from_creation_to_deletion(world: World, group: str) -> None:
    assert refused(world.logs.create_log_group, logGroupName=group) == "ResourceAlreadyExistsException"
    shown = world.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert shown["arn"].endswith(f":log-group:{group}:*")
    assert "retentionInDays" not in shown
    world.logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    assert world.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 14
    assert (
        refused(world.logs.put_retention_policy, logGroupName=group, retentionInDays=15) == "InvalidParameterException"
    )
    world.logs.delete_retention_policy(logGroupName=group)
    arn = shown["arn"].removesuffix(":*")
    assert world.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    world.logs.tag_resource(resourceArn=arn, tags={"c": "d"})
    world.logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert world.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
    world.logs.delete_log_group(logGroupName=group)
    assert refused(world.logs.delete_log_group, logGroupName=group) == "ResourceNotFoundException"
    assert refused(world.logs.filter_log_events, logGroupName=group) == "ResourceNotFoundException"


def test_events_are_read_forward_and_backward(world: World, group: str) -> None:
    world.logs.create_log_stream(logGroupName=group, logStreamName="s")
    messages = [f"line {n}" for n in range(10)]
    stamps = put(world, group, "s", *messages)
    tail = world.logs.get_log_events(logGroupName=group, logStreamName="s", limit=3)
    assert [event["message"] for event in tail["events"]] == messages[7:]
    assert abs(tail["events"][0]["timestamp"] - stamps[7]) <= 50, "stored at wall time, shown at the engine's"
    before = world.logs.get_log_events(
        logGroupName=group, logStreamName="s", limit=3, nextToken=tail["nextBackwardToken"]
    )
    assert [event["message"] for event in before["events"]] == messages[4:7]
    head = world.logs.get_log_events(logGroupName=group, logStreamName="s", limit=4, startFromHead=True)
    assert [event["message"] for event in head["events"]] == messages[:4]
    rest = world.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=head["nextForwardToken"])
    assert [event["message"] for event in rest["events"]] == messages[4:]
    end = world.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=rest["nextForwardToken"])
    assert end["events"] == []
    assert end["nextForwardToken"] == rest["nextForwardToken"], "the same token says: nothing newer yet"
    put(world, group, "s", "newest")
    newest = world.logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=end["nextForwardToken"])
    assert [event["message"] for event in newest["events"]] == ["newest"]
    assert (
        refused(world.logs.get_log_events, logGroupName=group, logStreamName="s", nextToken="what")
        == "InvalidParameterException"
    )
    assert refused(world.logs.get_log_events, logGroupName=group, logStreamName="no") == "ResourceNotFoundException"


def test_the_tail_within_a_window_of_time(world: World, group: str) -> None:
    world.logs.create_log_stream(logGroupName=group, logStreamName="s")
    start = now(world) - 3_600_000
    put(world, group, "s", *[f"old {n}" for n in range(5)], start=start)
    put(world, group, "s", *[f"new {n}" for n in range(50)])
    found = world.logs.get_log_events(
        logGroupName=group, logStreamName="s", endTime=start + 1_800_000, limit=3, startFromHead=False
    )
    assert [event["message"] for event in found["events"]] == ["old 2", "old 3", "old 4"]


def test_filter_merges_streams_by_time(world: World, group: str) -> None:
    for stream in ("a", "b"):
        world.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    start = now(world)
    put(world, group, "a", "one ERROR", start=start)
    put(world, group, "b", "two", start=start + 1000)
    put(world, group, "a", "three ERROR", '{"level": "error", "ms": 12}', start=start + 2000)

    def found(**filters: Any) -> list[str]:
        pages = world.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, PaginationConfig={"PageSize": 1}, **filters
        )
        return [event["message"] for page in pages for event in page["events"]]

    assert found() == ["one ERROR", "two", "three ERROR", '{"level": "error", "ms": 12}']
    assert found(filterPattern="ERROR") == ["one ERROR", "three ERROR"]
    assert found(filterPattern="?two ?three") == ["two", "three ERROR"]
    assert found(filterPattern="ERROR -one") == ["three ERROR"]
    assert found(filterPattern='"three ERROR"') == ["three ERROR"]
    assert found(filterPattern='{ $.level = "error" && $.ms > 10 }') == ['{"level": "error", "ms": 12}']
    assert found(logStreamNames=["b"]) == ["two"]
    assert found(logStreamNamePrefix="a", filterPattern="ERROR") == ["one ERROR", "three ERROR"]
    assert found(startTime=start + 500, endTime=start + 1500) == ["two"]
    events = world.logs.filter_log_events(logGroupName=group)["events"]
    assert len({event["eventId"] for event in events}) == len(events)
    assert (
        refused(world.logs.filter_log_events, logGroupName=group, filterPattern="[a, b]") == "InvalidParameterException"
    )
    assert refused(world.logs.filter_log_events, logGroupName=group, nextToken="x") == "InvalidParameterException"


def test_streams_are_listed_by_name_and_by_their_last_event(world: World, group: str) -> None:
    start = now(world)
    for number, stream in enumerate(["b", "a", "c"]):
        world.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        put(world, group, stream, "x", start=start + 1000 * number)

    def names(**options: Any) -> list[str]:
        pages = world.logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, PaginationConfig={"PageSize": 2}, **options
        )
        return [stream["logStreamName"] for page in pages for stream in page["logStreams"]]

    assert names() == ["a", "b", "c"]
    assert names(orderBy="LastEventTime", descending=True) == ["c", "a", "b"]
    assert names(logStreamNamePrefix="a") == ["a"]
    assert (
        refused(world.logs.create_log_stream, logGroupName=group, logStreamName="a") == "ResourceAlreadyExistsException"
    )
    world.logs.delete_log_stream(logGroupName=group, logStreamName="a")
    assert names() == ["b", "c"]


def test_events_out_of_order_are_refused(world: World, group: str) -> None:
    world.logs.create_log_stream(logGroupName=group, logStreamName="s")
    start = now(world)
    events = [{"timestamp": start + 1, "message": "a"}, {"timestamp": start, "message": "b"}]
    assert (
        refused(world.logs.put_log_events, logGroupName=group, logStreamName="s", logEvents=events)
        == "InvalidParameterException"
    )
    assert world.logs.get_log_events(logGroupName=group, logStreamName="s")["events"] == []


def test_what_is_not_there_is_refused_by_name(world: World, simulated: None, group: str) -> None:
    with pytest.raises(ClientError, match="StartQuery is not supported by this engine"):
        world.logs.start_query(logGroupName=group, startTime=0, endTime=1, queryString="fields @message")
