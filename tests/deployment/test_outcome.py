from __future__ import annotations

import pytest
from tests.deployment.builders import a_definition, a_record, a_rollout

from fairway.deployment.outcome import BackTo, Ending, Newer, judge, overall

GOOD = BackTo(a_definition(1, version="v1", verdict="good"))
BAD = BackTo(a_definition(1, version="v1", verdict="bad"))
UNTAGGED = BackTo(a_definition(1, version="v1"))
STAND_IN = BackTo(a_definition(1, version="v1"), is_stand_in=True)
BAD_STAND_IN = BackTo(a_definition(1, version="v1", verdict="bad"), is_stand_in=True)
NEWER = Newer("theirs", "shop-api:3 (v3)", "arn:aws:iam::123456789012:user/eve")
OLD = Newer("theirs", "shop-api:1", "arn:aws:iam::123456789012:user/eve", is_fresh=False)
ANONYMOUS = Newer("theirs", "shop-api:3", None)
FAILED = a_rollout(state="FAILED")


@pytest.mark.parametrize(
    ("status", "facts", "ending", "exit_code", "verdict", "text"),
    [
        pytest.param("PENDING", {}, None, None, None, None, id="pending goes on"),
        pytest.param("IN_PROGRESS", {}, None, None, None, None, id="in progress goes on"),
        pytest.param("ROLLBACK_IN_PROGRESS", {}, None, None, None, None, id="a rollback under way goes on"),
        pytest.param("STOP_REQUESTED", {}, None, None, None, None, id="a stop under way goes on"),
        pytest.param("SUCCESSFUL", {}, "succeeded", 0, "good", "SUCCESSFUL", id="successful is success"),
        pytest.param("SUCCESSFUL", {"newer": NEWER}, "succeeded", 0, "good", "SUCCESSFUL", id="what ended well before somebody else came has ended well"),
        pytest.param("ROLLBACK_SUCCESSFUL", {"back_to": GOOD}, "rolled_back", 4, "bad", "the known good shop-api:1 (v1)", id="rolled back to a known good"),
        pytest.param("ROLLBACK_SUCCESSFUL", {"back_to": STAND_IN}, "rolled_back", 4, "bad", "the unverified shop-api:1 (v1)", id="without any verdict the one that ran before stands in"),
        pytest.param("ROLLBACK_SUCCESSFUL", {"back_to": UNTAGGED}, "not_rolled_back", 5, "bad", "not known to be good", id="rolled back to one that nobody vouches for"),
        pytest.param("ROLLBACK_SUCCESSFUL", {"back_to": BAD}, "not_rolled_back", 5, "bad", "known to be bad", id="rolled back to a known bad"),
        pytest.param("ROLLBACK_SUCCESSFUL", {"back_to": BAD_STAND_IN}, "not_rolled_back", 5, "bad", "known to be bad", id="a bad one never stands in"),
        pytest.param("ROLLBACK_SUCCESSFUL", {}, "not_rolled_back", 5, "bad", "cannot be told", id="rolled back to a revision that is gone"),
        pytest.param("ROLLBACK_FAILED", {}, "not_rolled_back", 5, "bad", "rollback failed", id="the rollback failed"),
        pytest.param("STOPPED", {}, "not_rolled_back", 5, "bad", "nothing was rolled back", id="failed, and the breaker does not roll back"),
        pytest.param("STOPPED", {"newer": NEWER}, "superseded", 7, None, "superseded by shop-api:3 (v3) (service deployment theirs), started by arn:aws:iam::123456789012:user/eve", id="stopped by a newer deployment"),
        pytest.param("IN_PROGRESS", {"newer": NEWER}, "superseded", 7, None, "superseded by", id="overtaken while under way"),
        pytest.param("STOP_REQUESTED", {"newer": ANONYMOUS}, "superseded", 7, None, "started by somebody whom ECS does not name", id="overtaken by somebody unknown"),
        pytest.param("STOPPED", {"newer": OLD}, "superseded", 7, None, "(its revision was registered by arn:aws:iam::123456789012:user/eve)", id="overtaken by an old revision, whose author did not start it"),
        pytest.param("IN_PROGRESS", {"timed_out": "--timeout 5 is over"}, "handed_over", 6, None, "--timeout 5 is over; ECS goes on (IN_PROGRESS)", id="our time is over, and ECS goes on"),
        pytest.param("ROLLBACK_IN_PROGRESS", {"timed_out": "--timeout 5 is over"}, "handed_over", 6, None, "ECS goes on", id="our time is over during the rollback"),
        pytest.param("SUCCESSFUL", {"timed_out": "--timeout 5 is over"}, "succeeded", 0, "good", "SUCCESSFUL", id="it ended just in time"),
        pytest.param("IN_PROGRESS", {"primary": FAILED}, None, None, None, None, id="failed, and ECS has not said what it does about it"),
    ],
)  # fmt: skip
def test_judging_our_service_deployment(status, facts, ending, exit_code, verdict, text):
    outcome = judge(a_record(status), **facts)
    if ending is None:
        assert outcome is None
        return
    assert outcome is not None
    assert (outcome.ending, outcome.exit_code, outcome.verdict) == (ending, exit_code, verdict)
    assert text in outcome.text


def test_the_alarm_that_failed_a_deployment_is_named():
    record = a_record("ROLLBACK_SUCCESSFUL", rollback_reason="alarm detected.", alarms=("shop-errors",))
    outcome = judge(record, back_to=GOOD)
    assert outcome is not None
    assert outcome.text.endswith("the known good shop-api:1 (v1): alarm detected. (shop-errors)")


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to():
    outcome = judge(a_record("IN_PROGRESS", sources=()), primary=FAILED)
    assert outcome is not None
    assert outcome.exit_code == 5
    assert "nothing to go back to" in outcome.text


def test_the_reason_of_ecs_stands_in_the_sentence():
    record = a_record("ROLLBACK_SUCCESSFUL", rollback_reason="ECS deployment circuit breaker: tasks failed to start.")
    outcome = judge(record, back_to=GOOD)
    assert outcome is not None
    assert outcome.text.endswith(": ECS deployment circuit breaker: tasks failed to start.")


OK, BACK, NOT, OTHER, OVER = (
    Ending.SUCCEEDED,
    Ending.ROLLED_BACK,
    Ending.NOT_ROLLED_BACK,
    Ending.SUPERSEDED,
    Ending.HANDED_OVER,
)


@pytest.mark.parametrize(
    ("endings", "went_back", "left", "expected"),
    [
        pytest.param([OK, OK], [], 0, 0, id="all succeeded"),
        pytest.param([BACK], [], 0, 4, id="one failed and was rolled back"),
        pytest.param([OK, BACK], [True], 0, 4, id="the finished one went back too"),
        pytest.param([OK, BACK], [False], 0, 5, id="the finished one did not come back"),
        pytest.param([OK, BACK], [], 1, 5, id="the finished one has nothing to go back to"),
        pytest.param([OK, NOT], [True], 0, 5, id="the failed one was not rolled back"),
        pytest.param([BACK, NOT], [], 0, 5, id="two failed, one was not rolled back"),
        pytest.param([BACK, OTHER], [], 0, 5, id="one failed, and another belongs to somebody else now"),
        pytest.param([BACK, OVER], [], 0, 5, id="one failed, and another goes on"),
        pytest.param([OK, OTHER], [], 0, 7, id="superseded is nobody's failure"),
        pytest.param([OK, OVER], [], 0, 6, id="handed over"),
        pytest.param([OVER, OTHER], [], 0, 7, id="superseded outweighs handed over"),
    ],
)
def test_the_exit_code_of_a_run(endings, went_back, left, expected):
    assert overall(endings, went_back=went_back, left=left) == expected
