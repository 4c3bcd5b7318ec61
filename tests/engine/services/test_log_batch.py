"""Which events of a batch are taken; when all of it is refused; what retention removes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.engine.services.account import T0, Account

from fairway.engine.services.logs.batch import DAY, MOST_EVENT_BYTES, judge_batch
from fairway.engine.services.logs.segments import Position, append, drop_before, read_forward, segments
from fairway.engine.services.logs.table import InvalidParameterException

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("ages", "retention", "taken", "rejected"),
    [
        pytest.param([5, 4, 0], None, (0, 3), {}, id="all are taken"),
        pytest.param([DAY, 0], None, (0, 2), {}, id="24 hours are not too much"),
        pytest.param([15 * DAY, 14 * DAY + 1, 1], None, (2, 3), {"tooOldLogEventEndIndex": 2}, id="older than 14 days"),
        pytest.param([14 * DAY], None, (0, 1), {}, id="14 days are not too old"),
        pytest.param([2 * DAY, 1], 1, (1, 2), {"expiredLogEventEndIndex": 1}, id="older than the group's retention"),
        pytest.param(
            [20 * DAY, 8 * DAY, 1],
            7,
            (2, 3),
            {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2},
            id="too old, and expired",
        ),
        pytest.param([0, -2 * HOUR - 1], None, (0, 1), {"tooNewLogEventStartIndex": 1}, id="too far ahead"),
        pytest.param([-2 * HOUR], None, (0, 1), {}, id="two hours ahead are not too far"),
        pytest.param([-3 * HOUR], None, (0, 0), {"tooNewLogEventStartIndex": 0}, id="the first is too new already"),
        pytest.param(
            [15 * DAY, 1, -3 * HOUR],
            None,
            (1, 2),
            {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2},
            id="what is left out does not count for the 24 hours",
        ),
    ],
)
def test_what_is_taken_of_a_batch(ages, retention, taken, rejected):
    found = judge_batch([(NOW - age, "m") for age in ages], NOW, retention)
    assert ((found.first, found.end), found.rejected) == (taken, rejected)


@pytest.mark.parametrize(
    ("events", "text"),
    [
        pytest.param([(NOW, "a"), (NOW - 1, "b")], "must be in chronological order", id="order"),
        pytest.param([(NOW - DAY - 1, "a"), (NOW, "b")], "cannot span more than 24 hours", id="span"),
        pytest.param(
            [(NOW, "ü" * (MOST_EVENT_BYTES // 2))],
            "Log event too large: 1048602 bytes exceeds limit of 1048576",
            id="an event's bytes in UTF-8, and 26",
        ),
        pytest.param(
            [(NOW, "x" * 524_262), (NOW, "x" * 524_263)],
            "Upload too large: 1048577 bytes exceeds limit of 1048576",
            id="the bytes of all",
        ),
    ],
)
def test_a_batch_that_is_refused(events, text):
    with pytest.raises(InvalidParameterException, match=text):
        judge_batch(events, NOW, None)


def test_the_largest_batch_is_taken():
    assert judge_batch([(NOW, "x" * 524_262)] * 2, NOW, None).end == 2


def an_account(tmp_path: Path) -> Account:
    account = Account(None, tmp_path)
    account("logs", "CreateLogGroup", logGroupName="g")
    account("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    return account


def put(account: Account, *events: tuple[int, str]) -> dict[str, object]:
    told = [{"timestamp": int(T0.timestamp() * 1000) - age, "message": message} for age, message in events]
    answer: dict[str, object] = account("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=told)
    return answer


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    account = an_account(tmp_path)
    answer = put(account, (15 * DAY, "old"), (0, "now"), (-3 * HOUR, "ahead"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert "rejectedLogEventsInfo" not in put(account, (0, "again"))
    found = account("logs", "GetLogEvents", logGroupName="g", logStreamName="s", startFromHead=True)
    assert [event["message"] for event in found["events"]] == ["now", "again"]


@pytest.mark.parametrize("from_head", [True, False])
def test_expired_events_are_not_shown(tmp_path, from_head):
    account = an_account(tmp_path)
    put(account, (2 * DAY, "old"))
    put(account, (0, "new"))
    account("logs", "PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    found = account("logs", "GetLogEvents", logGroupName="g", logStreamName="s", startFromHead=from_head)
    assert [event["message"] for event in found["events"]] == ["new"]
    found = account("logs", "FilterLogEvents", logGroupName="g")
    assert [event["message"] for event in found["events"]] == ["new"]
    stream = account("logs", "DescribeLogStreams", logGroupName="g")["logStreams"][0]
    assert stream["firstEventTimestamp"] == int(T0.timestamp() * 1000)


@pytest.mark.parametrize("from_head", [True, False])
def test_a_page_holds_a_megabyte_at_most(tmp_path, from_head):
    account = an_account(tmp_path)
    for number in range(5):
        put(account, (5 - number, str(number) + "ü" * 200_000))
    seen: list[str] = []
    token: dict[str, object] = {"startFromHead": from_head}
    while True:
        page = account("logs", "GetLogEvents", logGroupName="g", logStreamName="s", **token)
        if not page["events"]:
            break
        assert sum(len(event["message"].encode()) + 26 for event in page["events"]) <= 1024 * 1024
        numbers = [event["message"][0] for event in page["events"]]
        seen = seen + numbers if from_head else numbers + seen
        token = {"nextToken": page["nextForwardToken" if from_head else "nextBackwardToken"]}
    assert seen == ["0", "1", "2", "3", "4"]


def test_expired_segments_are_deleted_and_positions_stay_good(tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    append(folder, [(1, "first")])
    (folder / "00000001.log").write_bytes((folder / "00000000.log").read_bytes() * 3)
    after = Position(1, (folder / "00000001.log").stat().st_size)
    for number in segments(folder):
        os.utime(folder / f"{number:08d}.log", (1, 1))
    drop_before(folder, 500)
    assert segments(folder) == [0, 1], "nothing is older than that"
    drop_before(folder, 2000)
    assert segments(folder) == [1]
    assert list(read_forward(folder, Position())) == []
    append(folder, [(2, "new")])
    assert [record.message for record in read_forward(folder, after)] == ["new"], "a token that was given out before"
