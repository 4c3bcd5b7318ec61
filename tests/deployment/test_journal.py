"""What is kept of a run that has not ended: when it is watched anew, and what it may be resumed with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.deployment.builders import at

from fairway.cli.deployed import in_a_word
from fairway.deployment.journal import Journal, State, check_resumed, hash_sets, read, write
from fairway.deployment.pipeline import Result
from fairway.deployment.release import Choices
from fairway.deployment.report import verdict_of
from fairway.deployment.subject import Finding, Health, needs_new_window
from fairway.errors import UsageError

RUN = Journal("run-1", "anna", at(0), "local", ("api",), tag="v2", before={"api": "shop-api:1"})
SETS = (("api", None, "COLOUR", "green"),)
OPEN = Finding(Health.INCONCLUSIVE, "412 requests are missing", {"watched_to_its_end": True})
INTERRUPTED = Finding(Health.INCONCLUSIVE, "--timeout is over", {"watched_to_its_end": False})
UNASKED = Finding(Health.INCONCLUSIVE, "AWS cannot be asked")
GOOD = Finding(Health.HEALTHY, "15 minutes: …", {"watched_to_its_end": True})


@pytest.mark.parametrize("state", list(State))
def test_what_is_written_is_read(state):
    journal = replace(RUN, state=state, since=at(60))
    assert read(write(journal)) == journal


@pytest.mark.parametrize(
    ("state", "since", "expected"),
    [
        pytest.param(State.GOING, None, at(900), id="it has just been deployed"),
        pytest.param(State.WATCHING, at(60), at(60), id="an interrupted watch goes on with its own window"),
        pytest.param(State.HELD, at(60), at(900), id="a held one has seen all of its window, and begins anew"),
    ],
)
def test_when_a_watch_begins(state, since, expected):
    assert replace(RUN, state=state, since=since).watched_since(at(900)) == expected


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param([OPEN], True, id="all of it was watched"),
        pytest.param([INTERRUPTED], False, id="the rest of the window is still to be watched"),
        pytest.param([INTERRUPTED, OPEN], True, id="one of them has no window any more"),
        pytest.param([UNASKED], True, id="verification came to nothing: no window was begun"),
        pytest.param([GOOD], False, id="nothing is open"),
    ],
)
def test_which_verdict_needs_another_window(findings, expected):
    assert needs_new_window(findings) is expected


@pytest.mark.parametrize(
    ("state", "sets", "refused"),
    [
        pytest.param(State.GOING, SETS, False, id="repeated"),
        pytest.param(State.GOING, (), True, id="what is to be deployed needs its values"),
        pytest.param(State.WATCHING, (), False, id="what is watched does not"),
        pytest.param(State.HELD, (("api", None, "COLOUR", "red"),), True, id="another value is never meant"),
    ],
)
def test_a_run_is_resumed_with_its_own_set(state, sets, refused):
    journal = replace(RUN, state=state, sets=hash_sets(SETS))
    if not refused:
        check_resumed(journal, Choices(sets=sets))
        return
    with pytest.raises(UsageError, match="another --set"):
        check_resumed(journal, Choices(sets=sets))


@pytest.mark.parametrize(
    ("result", "word", "verdict"),
    [
        pytest.param(Result(watched={"api": GOOD}), "deployed", "deployed", id="good"),
        pytest.param(Result(6, watched={"api": OPEN}), "deployed, not decided", "deployed, not decided", id="held"),
        pytest.param(
            Result(6), "not deployed", "inconclusive, held, or handed over while ECS goes on", id="handed over"
        ),
        pytest.param(
            Result(6, watched={"api": OPEN}, held=("0007",)),
            "not deployed",
            "inconclusive, held, or handed over while ECS goes on",
            id="failed, and held by a migration",
        ),
        pytest.param(
            Result(7, verified={"api": GOOD}),
            "deployed, and superseded since",
            "locked, aborted or superseded",
            id="superseded while it was watched",
        ),
        pytest.param(
            Result(accepted="accepted by anna: load is low"),
            "deployed",
            "deployed; accepted by anna: load is low",
            id="decided by somebody",
        ),
    ],
)
def test_how_it_ended_in_words(result, word, verdict):
    assert in_a_word(result)[0] == word
    assert verdict_of(result) == verdict
