from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from taskmanager.web.times import NoSuchTime, day_and_time, is_overdue, moment_at, moment_text

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2027, 3, 5, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        pytest.param("2027-03-05", "10:00", "2027-03-05T09:00+00:00", id="winter"),
        pytest.param("2027-07-05", "10:00", "2027-07-05T08:00+00:00", id="summer"),
        pytest.param("2027-10-31", "02:30", "2027-10-31T00:30+00:00", id="the first of two when clocks go back"),
        pytest.param("2027-03-28", "02:30", None, id="none when they go forward"),
        pytest.param("2027-02-30", "10:00", None, id="no such day"),
        pytest.param("2027-03-05", "25:00", None, id="no such time"),
        pytest.param("9999-12-31", "23:59", "9999-12-31T22:59+00:00", id="the end of all days"),
        pytest.param("0001-01-01", "00:00", None, id="before all days"),
    ],
)
def test_a_moment_is_written_where_one_is(day, clock, expected):
    if expected is None:
        with pytest.raises(NoSuchTime):
            moment_at(day, clock, BERLIN)
        return
    moment = moment_at(day, clock, BERLIN)
    assert moment == datetime.fromisoformat(expected)
    assert day_and_time(moment, BERLIN) == (day, clock)


def test_a_moment_is_shown_where_one_is():
    assert moment_text(NOW, BERLIN) == "6 Mar 2027, 00:30"
    assert moment_text(NOW, UTC) == "5 Mar 2027, 23:30"
    assert day_and_time(None, UTC) == ("", "")


@pytest.mark.parametrize(
    ("fields", "zone", "expected"),
    [
        pytest.param({"due_at": NOW - timedelta(seconds=1)}, UTC, True, id="a moment ago"),
        pytest.param({"due_at": NOW}, UTC, False, id="now"),
        pytest.param({"due_on": date(2027, 3, 5)}, UTC, False, id="today"),
        pytest.param({"due_on": date(2027, 3, 5)}, BERLIN, True, id="yesterday, where it is past midnight"),
        pytest.param({"due_on": date(2027, 3, 1), "status": "done"}, UTC, False, id="done"),
        pytest.param({}, UTC, False, id="not due"),
    ],
)
def test_what_is_overdue(fields, zone, expected):
    assert is_overdue({"status": "todo", "due_at": None, "due_on": None} | fields, NOW, zone) is expected
