"""The table of failures: that it has every class, that its page is of its list, and that it would notice what is told wrongly."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from benchmarks.failure_rows import (
    FAILURES,
    HEAD,
    KINDS,
    NOTES,
    Failure,
    Seen,
    Told,
    Who,
    first_notice,
    noticed,
    what_was_said,
    wrong,
)
from benchmarks.failures import ROOT

PAGE = (ROOT / "docs" / "reference" / "failures.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| **")]
QUICK = ("bad-image-no-breaker", "migration", "lint")


def test_every_class_has_a_row():
    assert {failure.kind for failure in FAILURES} == set(KINDS)
    assert len({failure.key for failure in FAILURES}) == len(FAILURES)


def test_the_page_is_written_from_the_list():
    assert PAGE.startswith(HEAD)
    assert PAGE.endswith(NOTES)
    assert [row[0] for row in ROWS] == [f"**{failure.kind}**: {failure.broken}" for failure in FAILURES]


@pytest.mark.parametrize(
    ("failure", "row"), list(zip(FAILURES, ROWS, strict=False)), ids=lambda item: getattr(item, "key", "")
)
def test_a_row_says_what_its_failure_must_come_to(failure, row):
    _, who, said, code, *_, serves, _ = row
    assert who in failure.who
    assert int(code) == failure.exit_code
    assert re.search(failure.says, said)
    assert serves.startswith(f"the {'new' if failure.serves_new else 'old'} version")


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.key)
def test_what_a_failure_changes_stands_in_the_project_once(failure):
    for edit in failure.edits:
        path = ROOT / edit.path
        if edit.old:
            assert path.read_text(encoding="utf-8").count(edit.old) == 1
        else:
            assert not path.exists()


@pytest.mark.parametrize(
    ("event", "who"),
    [
        pytest.param({"event": "giving_up", "reason": "its image does not exist"}, Who.GIVE_UP, id="given up"),
        pytest.param({"event": "deployment", "status": "ROLLBACK_IN_PROGRESS", "reason": "ECS deployment circuit breaker: tasks failed to start."}, Who.BREAKER, id="the breaker"),
        pytest.param({"event": "deployment", "status": "ROLLBACK_IN_PROGRESS", "reason": "ECS deployment: alarm detected"}, Who.ALARM, id="an alarm"),
        pytest.param({"event": "deployment", "status": "IN_PROGRESS", "reason": ""}, None, id="it goes on"),
        pytest.param({"event": "outcome", "outcome": "succeeded", "reason": "SUCCESSFUL"}, None, id="it succeeded"),
        pytest.param({"event": "outcome", "outcome": "handed_over", "reason": "the credentials end"}, Who.TOOL, id="handed over"),
        pytest.param({"event": "one_off_stopped", "succeeded": True}, None, id="the migration is done"),
        pytest.param({"event": "one_off_stopped", "succeeded": False}, Who.MIGRATION, id="the migration failed"),
        pytest.param({"event": "verify_verdict", "health": "unhealthy"}, Who.VERIFY, id="verified and unhealthy"),
        pytest.param({"event": "monitor_verdict", "health": "unhealthy"}, Who.MONITOR, id="watched and unhealthy"),
        pytest.param({"event": "monitor_verdict", "health": "healthy"}, None, id="watched and healthy"),
        pytest.param({"event": "check", "state": "failed"}, Who.CHECK, id="a check fails"),
        pytest.param({"event": "check", "state": "warning"}, None, id="a check warns"),
        pytest.param({"event": "error", "exit_code": 2}, Who.LINT, id="refused before anything changed"),
        pytest.param({"event": "error", "exit_code": 6}, Who.TOOL, id="an error of AWS"),
    ],
)  # fmt: skip
def test_who_noticed(event, who):
    assert noticed(event) is who


def test_the_first_to_notice_counts_and_nobody_takes_to_the_end():
    started, ended = Told(0.5, {"event": "started"}), Told(9.0, {"event": "finished"})
    unhealthy = Told(3.0, {"event": "verify_verdict", "health": "unhealthy"})
    late = Told(7.0, {"event": "monitor_verdict", "health": "unhealthy"})
    assert first_notice([started, unhealthy, late, ended]) == (Who.VERIFY, 3.0)
    assert first_notice([started, ended]) == (Who.NOBODY, 9.0)


def test_the_reason_is_the_first_likely_cause():
    events: list[dict[str, Any]] = [
        {"event": "outcome", "reason": "ECS rolled back"},
        {"event": "diagnosis", "headline": "v2 failed", "causes": [{"likely": ""}, {"likely": "no such image"}]},
    ]
    assert what_was_said(events, Who.BREAKER) == ("v2 failed", "no such image")
    assert what_was_said(events[:1], Who.BREAKER) == ("ECS rolled back", "")


WANTED = Failure("key", "leak", "it leaks", frozenset({Who.MONITOR}), 4, says="OutOfMemory")
RIGHT = Seen(Who.MONITOR, "unhealthy", "OutOfMemoryError", 4, 1.0, 2.0, "the old version", False, 100, 0)


@pytest.mark.parametrize(
    ("changed", "mistakes"),
    [
        pytest.param({}, [], id="as it should be"),
        pytest.param({"exit_code": 0}, ["exit code 0 instead of 4"], id="the exit code"),
        pytest.param({"who": Who.VERIFY}, ["noticed by verify instead of monitor"], id="who noticed"),
        pytest.param({"likely": "it failed"}, ["does not say 'OutOfMemory'"], id="the reason"),
        pytest.param({"serves_new": True}, ["afterwards serves the old version"], id="what serves"),
    ],
)
def test_what_is_told_wrongly_is_found(changed, mistakes):
    assert wrong(WANTED, replace(RIGHT, **changed)) == mistakes


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_three_failures_are_told_as_they_should_be():
    ended = subprocess.run(
        [sys.executable, "benchmarks/failures.py", *QUICK],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert list(found["failures"]) == list(QUICK)
    assert found["wrong"] == []
    assert all(seen["requests"] > 0 and seen["failed"] == 0 for seen in found["failures"].values())
