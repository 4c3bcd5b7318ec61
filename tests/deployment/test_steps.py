"""Which steps of a deployment are done."""

from __future__ import annotations

import pytest

from fairway.deployment.steps import Step, choose_steps
from fairway.errors import UsageError

ALL = " ".join(Step)


@pytest.mark.parametrize(
    ("options", "done", "later"),
    [
        pytest.param({}, ALL, "", id="all of them"),
        pytest.param(
            {"only": ["migrate"]}, "lock migrate record unlock", "", id="what is changed is locked and recorded"
        ),
        pytest.param({"only": ["services"]}, "lock register services record unlock", "", id="services need revisions"),
        pytest.param(
            {"skip": ["check", "monitor"]}, "lock lint migrate register services verify record unlock", "", id="skip"
        ),
        pytest.param(
            {"start": "services"}, "lock register services verify monitor record unlock", "", id="from a step on"
        ),
        pytest.param({"start": "monitor"}, "lock monitor record unlock", "", id="only the watch is left"),
        pytest.param(
            {"until": "shifted"},
            "lock lint check migrate register services record unlock",
            "verify monitor",
            id="until the traffic is there",
        ),
        pytest.param(
            {"until": "verified", "skip": ["monitor"]},
            "lock lint check migrate register services verify record unlock",
            "",
            id="what is skipped is not left for later",
        ),
    ],
)
def test_choice(options, done, later):
    selection = choose_steps(**options)
    assert [step for step in Step if step in selection] == done.split()
    assert sorted(selection.later) == sorted(later.split())
    assert not set(selection.skipped) & (selection.steps | selection.later)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        pytest.param({"skip": ["verfy"]}, "--skip verfy: there is no such step", 'did you mean "verify"', id="typo"),
        pytest.param({"only": ["lint"], "start": "lint"}, "--only and --from", "leave one", id="contradiction"),
        pytest.param({"skip": ["unlock"]}, "the step unlock cannot be skipped", "left behind", id="must be done"),
    ],
)
def test_refused(options, message, hint):
    with pytest.raises(UsageError) as error:
        choose_steps(**options)
    assert message in error.value.message
    assert hint in str(error.value.hint)
