"""GO or NO-GO, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairway.deployment.rehearsal.acts import EARLY, LATE, Act, Catcher, Kind, Stage
from fairway.deployment.rehearsal.happened import Capacity, Happened, Requests, Told
from fairway.deployment.rehearsal.verdict import Ended, decide, judge, wrongly_at

RELEASE = Act("release", Stage.TRUTH, Kind.RELEASE, "the release", is_whole=True, loses_none=True)
CRASH = Act("api:crash", Stage.TRUTH, Kind.FAULT, "api cannot start", 4, EARLY, "api", loses_none=True)
ERRORS = Act("api:error_rate", Stage.TRUTH, Kind.FAULT, "api answers errors", 4, LATE, "api", is_watched=True)
SIGTERM = Act(
    "api:ignore_sigterm", Stage.TRUTH, Kind.FAULT, "api ignores SIGTERM", 0, frozenset({Catcher.NOBODY}), "api"
)
RESUME = replace(RELEASE, key="resume", kind=Kind.RESUME, title="killed and resumed")
GOOD = Happened(0, Told(Catcher.NOBODY), 10.0, {"api": Capacity(5, 5, 5)}, Requests(1000, 0))
CAUGHT = replace(GOOD, exit_code=4, told=Told(Catcher.BREAKER, "circuit breaker", 40, 2))


@pytest.mark.parametrize(
    ("act", "happened", "ended", "words"),
    [
        pytest.param(RELEASE, GOOD, Ended.AS_EXPECTED, "", id="a good release"),
        pytest.param(RELEASE, replace(GOOD, exit_code=6, told=Told(Catcher.NOBODY, "too few requests")), Ended.WRONG, "exit code 6, not 0: too few requests", id="a good release that nobody can judge"),
        pytest.param(RELEASE, replace(CAUGHT), Ended.WRONG, "ECS circuit breaker objected: circuit breaker", id="a good release that fails"),
        pytest.param(RELEASE, replace(GOOD, requests=Requests(1000, 2, {"HTTP 502": 2})), Ended.WRONG, "2 of 1,000 requests failed (2 of HTTP 502)", id="a request that fails in a planned change"),
        pytest.param(RELEASE, replace(GOOD, capacity={"api": Capacity(4, 5, 5)}), Ended.WRONG, "api fell to 4 healthy tasks of 5", id="less capacity than was promised"),
        pytest.param(RELEASE, replace(GOOD, capacity={"api": Capacity(5, 10, 5)}), Ended.AS_EXPECTED, "", id="as little capacity as was promised"),
        pytest.param(RELEASE, replace(GOOD, left_behind=("the lock api/1",)), Ended.WRONG, "left behind: the lock api/1", id="a lock that stays"),
        pytest.param(RELEASE, replace(GOOD, exit_code=None), Ended.WRONG, "did not end within 10 s", id="it hangs"),
        pytest.param(RELEASE, replace(GOOD, not_back=("api serves api:1, as before",)), Ended.WRONG, "does not serve what it has to", id="deployed, and still the old one serves"),
        pytest.param(RESUME, replace(GOOD, twice=("2 revisions of api were registered",)), Ended.WRONG, "done more than once: 2 revisions", id="a resume that does a thing twice"),
        pytest.param(CRASH, CAUGHT, Ended.AS_EXPECTED, "", id="a fault that is caught"),
        pytest.param(CRASH, replace(CAUGHT, told=Told(Catcher.GIVE_UP)), Ended.AS_EXPECTED, "", id="given up earlier than the breaker"),
        pytest.param(CRASH, GOOD, Ended.WRONG, "nobody noticed (ECS circuit breaker or ECS deployment alarm or early give-up must)", id="a fault that nobody catches"),
        pytest.param(CRASH, replace(CAUGHT, told=Told(Catcher.MONITOR, "late")), Ended.WRONG, "monitoring noticed, and not", id="caught later than it must be"),
        pytest.param(CRASH, replace(CAUGHT, exit_code=5, not_back=("worker serves worker:9",)), Ended.WRONG, "worker serves worker:9: did not go back", id="caught, and not all went back"),
        pytest.param(ERRORS, replace(CAUGHT, told=Told(Catcher.MONITOR), requests=Requests(1000, 50)), Ended.AS_EXPECTED, "", id="requests may fail until a late fault is found"),
        pytest.param(replace(ERRORS, uncatchable="no monitoring ran"), GOOD, Ended.NOT_CAUGHT_HERE, "", id="nobody who could have noticed ran"),
        pytest.param(replace(ERRORS, uncatchable="no monitoring ran"), replace(GOOD, exit_code=4, told=Told(Catcher.VERIFY)), Ended.AS_EXPECTED, "", id="verification noticed, where monitoring did not run"),
        pytest.param(replace(ERRORS, uncatchable="no monitoring ran"), replace(GOOD, left_behind=("a run",)), Ended.WRONG, "left behind: a run", id="not caught here, and something is left"),
        pytest.param(SIGTERM, GOOD, Ended.AS_EXPECTED, "", id="what nobody has to notice"),
    ],
)  # fmt: skip
def test_what_an_act_proved(act, happened, ended, words):
    played = judge(act, happened)
    assert played.ended is ended
    assert words in "\n".join(played.reasons)
    assert bool(words) is bool(played.reasons)


def test_go_only_if_everything_was_as_expected():
    good = [judge(RELEASE, GOOD), judge(CRASH, CAUGHT)]
    assert decide(good).exit_code == 0
    assert decide([*good, judge(CRASH, GOOD)]).exit_code == 4
    assert decide(good, left_behind=["the process 12"]).reasons == ("left behind on this machine: the process 12",)
    assert decide(good, missing=["scale: the baseline does not stand"]).exit_code == 4


def test_no_go_when_nothing_was_proved():
    assert decide([judge(CRASH, CAUGHT)]).reasons == ("the release itself was not played",)


def test_the_reason_of_the_release_comes_first():
    decision = decide([judge(CRASH, GOOD), judge(RELEASE, replace(GOOD, exit_code=1))])
    assert decision.reasons[0].startswith("truth: the release: it ended with exit code 1")


def test_what_could_not_be_caught_is_told_with_go_too():
    decision = decide([judge(RELEASE, GOOD), judge(replace(ERRORS, uncatchable="no monitoring ran"), GOOD)])
    assert decision.go
    assert decision.not_caught == ("truth: api answers errors: not caught here: no monitoring ran",)


ROLLBACK = replace(RELEASE, kind=Kind.ROLLBACK)


@pytest.mark.parametrize(
    ("act", "code", "now", "before", "belongs", "expected"),
    [
        pytest.param(RELEASE, 0, "c:3", "c:2", True, None, id="a release moves it"),
        pytest.param(RELEASE, 0, "c:2", "c:2", True, ", as before", id="a release that forgets it"),
        pytest.param(RELEASE, 4, "c:2", "c:2", True, None, id="a release that failed has said so"),
        pytest.param(replace(SIGTERM), 0, "c:2", "c:2", False, None, id="the release of another service"),
        pytest.param(ROLLBACK, 0, "c:1", "c:3", True, None, id="back to the baseline"),
        pytest.param(ROLLBACK, 0, "c:2", "c:3", True, "", id="back, but not far enough"),
        pytest.param(CRASH, 4, "c:2", "c:2", True, None, id="a fault leaves what was"),
        pytest.param(CRASH, 4, "c:3", "c:2", True, "", id="a fault that stays"),
        pytest.param(CRASH, 4, "nothing", None, True, "", id="nothing is there any more"),
    ],
)  # fmt: skip
def test_what_stands_after_an_act(act, code, now, before, belongs, expected):
    assert wrongly_at(act, code, now=now, before=before, baseline="c:1", belongs=belongs) == expected
