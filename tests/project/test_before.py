"""Peak hours, the checklist and what else a project asks for before it is deployed."""

from __future__ import annotations

import tomllib
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fairway.errors import UsageError
from fairway.project.before import Before, Item, ScanLimits, read_before
from fairway.project.peak_hours import peak_at

OFFICE = (
    '[[peak_hours]]\ndays = ["mon-fri"]\nfrom = "09:00"\nto = "18:00"\nzone = "Europe/Berlin"\nwhy = "people work"\n'
)
NIGHT = '[[peak_hours]]\ndays = ["fri"]\nfrom = "22:00"\nto = "03:00"\nzone = "Europe/Berlin"\n'
ALL_DAY = '[[peak_hours]]\ndays = ["sat", "sun"]\nfrom = "00:00"\nto = "24:00"\nzone = "UTC"\n'
SUMMER_ENDS = '[[peak_hours]]\ndays = ["sun"]\nfrom = "02:00"\nto = "03:00"\nzone = "Europe/Berlin"\n'


def read(tmp_path, environment, project="", name="production", known=("local", "production", "staging")):
    files = []
    for file, text in ((tmp_path / "fairway.toml", project), (tmp_path / f"{name}.toml", environment)):
        file.write_text(text)
        files.append((tomllib.loads(text), file))
    return read_before(files[0], files[1], name, known)


@pytest.mark.parametrize(
    ("windows", "moment", "zone", "expected"),
    [
        pytest.param(OFFICE, "2026-11-27T09:00", "Europe/Berlin", True, id="its first minute, on a Friday"),
        pytest.param(OFFICE, "2026-11-27T08:59", "Europe/Berlin", False, id="the minute before"),
        pytest.param(OFFICE, "2026-11-27T18:00", "Europe/Berlin", False, id="its end is not in it"),
        pytest.param(OFFICE, "2026-11-28T12:00", "Europe/Berlin", False, id="Saturday"),
        pytest.param(OFFICE, "2026-11-23T09:00", "Europe/Berlin", True, id="Monday"),
        pytest.param(OFFICE, "2026-11-27T08:30", "UTC", True, id="another zone's clock: 09:30 in Berlin, winter"),
        pytest.param(OFFICE, "2026-07-24T07:30", "UTC", True, id="the same wall time in summer is an hour earlier"),
        pytest.param(OFFICE, "2026-11-27T07:30", "UTC", False, id="which in winter is not in it"),
        pytest.param(OFFICE, "2026-11-27T20:30", "America/Los_Angeles", False, id="Friday evening there, Saturday here"),
        pytest.param(NIGHT, "2026-11-27T22:00", "Europe/Berlin", True, id="over midnight: the evening"),
        pytest.param(NIGHT, "2026-11-28T02:59", "Europe/Berlin", True, id="over midnight: the morning after"),
        pytest.param(NIGHT, "2026-11-28T03:00", "Europe/Berlin", False, id="over midnight: its end"),
        pytest.param(NIGHT, "2026-11-27T02:00", "Europe/Berlin", False, id="the morning of its own day is another night"),
        pytest.param(NIGHT, "2026-11-28T22:30", "Europe/Berlin", False, id="the evening after"),
        pytest.param(ALL_DAY, "2026-11-28T00:00", "UTC", True, id="a whole day begins"),
        pytest.param(ALL_DAY, "2026-11-29T23:59", "UTC", True, id="and ends"),
        pytest.param(ALL_DAY, "2026-11-30T00:00", "UTC", False, id="the next day"),
        pytest.param(SUMMER_ENDS, "2026-10-25T00:30", "UTC", True, id="summer ends: 02:30 for the first time"),
        pytest.param(SUMMER_ENDS, "2026-10-25T01:30", "UTC", True, id="and for the second"),
        pytest.param(SUMMER_ENDS, "2026-10-25T02:00", "UTC", False, id="and then 03:00"),
        pytest.param(SUMMER_ENDS, "2026-03-29T01:00", "UTC", False, id="summer begins: from 02:00 it is 03:00"),
        pytest.param(SUMMER_ENDS, "2026-03-29T00:59", "UTC", False, id="and before that 01:59"),
    ],
)  # fmt: skip
def test_peak_hours(tmp_path, windows, moment, zone, expected):
    at = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    assert (peak_at(read(tmp_path, windows).peak_hours, at) is not None) is expected


def test_a_window_says_what_it_is(tmp_path):
    [window] = read(tmp_path, OFFICE).peak_hours
    assert str(window) == "mon tue wed thu fri 09:00-18:00 Europe/Berlin (people work)"


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        pytest.param('days = ["mo"]', "3: 'mo' is no day", "mon", id="another language"),
        pytest.param("days = []", "peak_hours.days is []", "mon-fri", id="no day"),
        pytest.param('from = "9:00"', "peak_hours.from is '9:00'", "09:00", id="not HH:MM"),
        pytest.param('to = "24:30"', "peak_hours.to is '24:30'", "18:00", id="beyond the day"),
        pytest.param('zone = "Berlin"', "there is no time zone 'Berlin'", "IANA", id="no zone"),
        pytest.param('zone = ""', "there is no time zone ''", "IANA", id="an empty zone"),
        pytest.param("zone = 1", "there is no time zone 1", "IANA", id="a number"),
        pytest.param('until = "x"', "unknown key peak_hours.until", "known are", id="an unknown key"),
    ],
)
def test_windows_that_are_wrong(tmp_path, line, message, hint):
    key = line.split(" ")[0]
    kept = [text for text in OFFICE.splitlines() if not text.startswith(key)]
    with pytest.raises(UsageError) as refused:
        read(tmp_path, "\n".join([*kept[:2], line, *kept[2:]]))
    assert message in refused.value.message
    assert hint in (refused.value.hint or "")


def test_a_window_without_a_zone_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"peak_hours\.zone is missing"):
        read(tmp_path, OFFICE.replace('zone = "Europe/Berlin"\n', ""))


def test_the_environment_says_the_last_word_on_the_checklist_and_the_limits(tmp_path):
    project = '[checklist]\nreviewed = "Reviewed"\ntold = "Told"\n[check]\nscan = { critical = 1, high = 5 }\n'
    environment = """
requires = "staging"
[checklist]
told = false
scanned = { title = "Scanned", checks = ["image-scan"] }
[check]
scan = { high = 0 }
"""
    assert read(tmp_path, environment, project) == Before(
        (Item("reviewed", "Reviewed"), Item("scanned", "Scanned", ("image-scan",))), ScanLimits(1, 0), "staging"
    )
    assert read(tmp_path, "", "") == Before()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            'requires = "stagin"', "requires names no other environment: 'stagin'", id="an unknown environment"
        ),
        pytest.param('requires = "production"', "no other environment", id="itself"),
        pytest.param('requires = "local"', "no other environment", id="a laptop proves nothing"),
        pytest.param("[checklist]\nA = 'x'", "names no point of a checklist", id="a name that makes no variable"),
        pytest.param("[checklist]\na = 1", "checklist.a is 1", id="a number"),
        pytest.param("[checklist]\na = {}", "checklist.a.title is missing", id="without a title"),
        pytest.param('[checklist]\na = { title = "A", checks = "image" }', "must be a list of codes", id="not a list"),
        pytest.param("[check]\nscan = { critical = -1 }", "check.scan.critical is -1", id="below zero"),
        pytest.param("[check]\nscan = { medium = 1 }", "unknown key check.scan.medium", id="an unknown severity"),
        pytest.param("[check]\nscans = {}", "unknown key check.scans", id="an unknown key"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError) as refused:
        read(tmp_path, text)
    assert message in refused.value.message
    assert "production.toml:" in refused.value.message


def test_the_variable_of_a_point():
    assert Item("on-call-told", "").variable == "FAIRWAY_CONFIRM_ON_CALL_TOLD"
