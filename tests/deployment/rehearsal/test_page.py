"""The report of a rehearsal: nothing of it is markup, and it fits a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairway.deployment.rehearsal.acts import EARLY, Act, Catcher, Kind, Playbill, Stage
from fairway.deployment.rehearsal.happened import Capacity, Happened, Requests, Told
from fairway.deployment.rehearsal.page import act_document, rehearsal_document, render_page, row, terminal_table
from fairway.deployment.rehearsal.stand_ins import Differing
from fairway.deployment.rehearsal.verdict import decide, judge

CRASH = Act("api:crash", Stage.TRUTH, Kind.FAULT, "api <cannot> start", 4, EARLY, "api", loses_none=True)
CAUGHT = Happened(4, Told(Catcher.BREAKER, "<b>tasks failed</b>", 40.04, 2.02), 10, {"api": Capacity(5, 5, 5)}, Requests(1000, 0))  # fmt: skip
RELEASE = Act("release", Stage.TRUTH, Kind.RELEASE, "the release")
GOOD = Happened(0, Told(Catcher.NOBODY), 10)


def a_report(*played):
    return rehearsal_document(
        run="rehearsal-1",
        project="shop",
        environment={"name": "production", "account": "1", "region": "us-east-1", "cluster": "c"},
        tag="v2",
        from_tag="v1",
        began=datetime(2026, 11, 27, tzinfo=UTC),
        seconds=61.23,
        decision=decide(played),
        played=played,
        bills=[Playbill(Stage.TRUTH, (), (("api:leak", "--quick leaves slow acts out"),))],
        differing={"truth": [Differing("api: cpu", "1024", "256", "the tasks share this machine")]},
        notes={"truth": ["<i>note</i>"]},
    )


def test_a_page_says_all_of_it_and_escapes_all_of_it():
    page = render_page(a_report(judge(RELEASE, GOOD), judge(CRASH, CAUGHT)))
    for text in (": GO", "40 s (2.0 s)", "api 5/5", "0 of 1,000", "--quick leaves slow acts out", "api: cpu", "1024"):
        assert text in page
    for markup in ("<cannot>", "<b>", "<i>", "<script"):
        assert markup not in page


def test_a_document_says_what_was_expected_and_what_was_not():
    report = a_report(judge(RELEASE, GOOD), judge(CRASH, GOOD))
    assert (report["go"], report["exit_code"]) == (False, 4)
    wrong = report["acts"][1]
    assert wrong["ended"] == "wrong"
    assert wrong["expected"]["exit_code"] == 4
    assert "nobody noticed" in wrong["reasons"][0]
    assert "NO-GO" in render_page(report)


@pytest.mark.parametrize("width", [100, 120, 160])
def test_a_table_fits_its_terminal_as_far_as_it_can(width):
    rows = [row(act_document(judge(RELEASE, GOOD))), row(act_document(judge(CRASH, CAUGHT)))]
    lines = terminal_table(rows, width)
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert lines[2].startswith("truth  api <cann")
    assert "caught by" in lines[0]
