"""What answers a point of the checklist."""

from __future__ import annotations

import pytest
from tests.planning.builders import T0

from fairway.checks.checklist import go_through, read_confirmations
from fairway.checks.finding import Finding, State
from fairway.errors import UsageError
from fairway.project.before import Item

SCANNED = Item("scanned", "Scanned", ("image", "image-scan"))
REVIEWED = Item("reviewed-by", "Code reviewed")


def found(image=State.OK, scan=State.OK):
    pairs = (("image", image), ("image-scan", scan))
    return [Finding(code, state, "api", "text") for code, state in pairs if state is not None]


def answered(item, findings, given=None, variables=None):
    """`open`, `failed`, or how it was confirmed."""
    answer = go_through([item], findings, given=given or {}, variables=variables or {}, by="arn:me", at=T0)
    if answer.open or answer.failed:
        return "open" if answer.open else "failed"
    [said] = answer.confirmed
    return str(said.how)


@pytest.mark.parametrize(
    ("item", "findings", "given", "variables", "expected"),
    [
        pytest.param(SCANNED, found(), {}, {}, "check", id="its checks pass"),
        pytest.param(SCANNED, found(scan=State.WARNING), {}, {}, "check", id="a warning is an answer"),
        pytest.param(SCANNED, found(scan=State.FAILED), {"scanned": ""}, {}, "failed", id="nobody confirms a failure away"),
        pytest.param(SCANNED, found(scan=State.NOT_CHECKED), {}, {}, "open", id="a check could not look"),
        pytest.param(SCANNED, found(scan=None), {}, {}, "open", id="a check was left out"),
        pytest.param(SCANNED, found(scan=State.NOT_CHECKED), {"scanned": ""}, {}, "--confirm", id="then a person may say so"),
        pytest.param(REVIEWED, found(), {}, {}, "open", id="only a person knows"),
        pytest.param(REVIEWED, [], {"reviewed-by": "ann"}, {}, "--confirm", id="by the option"),
        pytest.param(REVIEWED, [], {}, {"FAIRWAY_CONFIRM_REVIEWED_BY": "#42"}, "variable", id="by a variable"),
        pytest.param(REVIEWED, [], {}, {"FAIRWAY_CONFIRM_REVIEWED_BY": "false"}, "open", id="a variable that says no"),
        pytest.param(REVIEWED, [], {}, {"FAIRWAY_CONFIRM_REVIEWED_BY": ""}, "open", id="an empty variable"),
    ],
)  # fmt: skip
def test_who_answers(item, findings, given, variables, expected):
    assert answered(item, findings, given, variables) == expected


def test_what_is_recorded():
    answer = go_through([REVIEWED], [], given={"reviewed-by": "ann"}, variables={}, by="arn:me", at=T0)
    assert answer.confirmed[0].document() == {
        "name": "reviewed-by",
        "title": "Code reviewed",
        "how": "--confirm",
        "by": "arn:me",
        "at": "2026-11-27T12:00:00+00:00",
        "text": "ann",
    }


def test_a_check_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="names a check 'image-scans'") as refused:
        go_through([Item("a", "A", ("image-scans",))], [], given={}, variables={}, by="", at=T0)
    assert refused.value.hint == 'did you mean "image-scan"?'


def test_confirmations_are_of_the_checklist():
    assert read_confirmations(["reviewed-by=ann=x"], [REVIEWED]) == {"reviewed-by": "ann=x"}
    with pytest.raises(UsageError, match="--confirm reviewed: the checklist has no such point"):
        read_confirmations(["reviewed"], [REVIEWED])
