from __future__ import annotations

from dataclasses import replace

import pytest
from tests.deployment.builders import (
    GROUP,
    a_definition,
    a_picture,
    a_record,
    a_rollout,
    a_service,
    a_stopped_task,
    a_task,
    an_event,
)

from fairway.deployment.changes import changes, is_failure
from fairway.observed import Target


def kinds(found):
    return [change.kind for change in found]


def test_nothing_is_told_twice():
    picture = a_picture(tasks=(a_task(1),), stopped=(a_stopped_task(2, reason="x"),))
    assert changes(picture, picture) == []


def test_the_first_look_tells_what_the_deployment_did_and_not_what_was_there():
    before_us = a_task(1, definition=1)
    ours = a_task(2, status="PENDING")
    old = an_event("(service api) has reached a steady state.", seconds=-100, number=1)
    new = an_event("(service api) has started 1 tasks: (task 2).", seconds=5, number=2)
    picture = a_picture(a_service(events=(new, old)), tasks=(before_us, ours))
    found = changes(None, picture)
    assert kinds(found) == ["deployment", "rollout", "task", "service_event"]
    assert found[2].fields["task"] == ours.arn
    assert found[3].fields["message"] == new.message


def test_events_of_the_same_time_keep_the_order_of_ecs():
    second, first = an_event("second", number=2), an_event("first", number=1)
    found = changes(a_picture(), a_picture(a_service(events=(second, first))))
    assert [change.text for change in found] == ["first", "second"]


def test_a_task_is_told_at_each_state_with_reason_and_exit_code_at_its_end():
    before = a_picture(tasks=(a_task(1, status="PENDING"),))
    running = replace(before, tasks=(a_task(1),))
    ended = replace(before, tasks=(), stopped=(a_stopped_task(1, reason="Essential container in task exited", exit_code=1, stopped=130),))  # fmt: skip
    [started] = changes(before, running)
    assert started.text == "task 00000000 shop-api:2 RUNNING"
    [stopped] = changes(running, ended)
    assert stopped.text == "task 00000000 shop-api:2 STOPPED: Essential container in task exited (api exit 1)"
    assert stopped.fields["exit_codes"] == {"api": 1}
    assert stopped.is_problem


def test_revisions_are_told_by_version_and_counts():
    before = a_picture(a_service(a_rollout(pending=3)))
    after = a_picture(a_service(a_rollout(running=2, pending=1, failed=1)))
    [change] = changes(before, after)
    assert change.text == "PRIMARY shop-api:2 (v2)  desired 3  pending 1  running 2  failed 1"
    assert change.is_problem


def test_a_service_deployment_is_told_with_its_reason():
    after = a_picture(deployment=a_record("ROLLBACK_IN_PROGRESS", rollback_reason="tasks failed to start."))
    [change] = changes(a_picture(), after)
    assert change.text == "service deployment ours ROLLBACK_IN_PROGRESS: tasks failed to start."


def test_targets_are_told_when_their_health_changes():
    initial = Target(GROUP, "10.0.0.1", 8000, "initial", "Elb.RegistrationInProgress", "")
    sick = replace(initial, state="unhealthy", reason="Target.ResponseCodeMismatch", description="Health checks failed with these codes: [404]")  # fmt: skip
    [first] = changes(a_picture(), a_picture(targets=(initial,)))
    assert first.text == "target 10.0.0.1:8000 initial: Elb.RegistrationInProgress"
    [second] = changes(a_picture(targets=(initial,)), a_picture(targets=(sick,)))
    assert second.text == "target 10.0.0.1:8000 unhealthy: Health checks failed with these codes: [404]"
    assert second.is_problem


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        pytest.param("EssentialContainerExited", "Essential container in task exited", True, id="it ended by itself"),
        pytest.param("TaskFailedToStart", "CannotPullContainerError: x", True, id="it never started"),
        pytest.param("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", True, id="the load balancer gave it up"),
        pytest.param("ServiceSchedulerInitiated", "Task failed container health checks", True, id="its own check gave it up"),
        pytest.param("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", False, id="ECS needed one less"),
        pytest.param("UserInitiated", "Task stopped by user", False, id="somebody stopped it"),
        pytest.param("SpotInterruption", "Your Spot Task was interrupted.", True, id="Spot took it"),
    ],
)  # fmt: skip
def test_which_stopped_tasks_are_failures(code, reason, expected):
    assert is_failure(a_stopped_task(1, reason=reason, code=code)) is expected


def test_unknown_revisions_are_told_by_their_number():
    picture = a_picture(target=a_definition(9), definitions={})
    assert "shop-api:2 " in changes(None, picture)[1].text


ALARMS = {"alarms": {"enable": True, "rollback": True, "alarmNames": ["api-errors", "api-slow"]}}
READY = a_service(a_rollout(running=1, desired=1, state="IN_PROGRESS"), deploymentConfiguration=ALARMS)


@pytest.mark.parametrize(
    ("changed", "is_told"),
    [
        pytest.param({}, True, id="all that is waited for are the alarms"),
        pytest.param({"service": replace(READY, rollouts=(a_rollout(desired=1, pending=1),))}, False, id="a task does not run yet"),
        pytest.param({"service": replace(READY, document={})}, False, id="there are no alarms"),
        pytest.param({"deployment": a_record("SUCCESSFUL")}, False, id="it has ended"),
        pytest.param({"service": replace(READY, rollouts=(*READY.rollouts, a_rollout(1, status="ACTIVE", running=1)))}, False, id="old tasks still stop"),
    ],
)  # fmt: skip
def test_the_minutes_in_which_ecs_watches_its_alarms_are_told_once(changed, is_told):
    waiting = replace(a_picture(READY, tasks=(a_task(1),)), **changed)
    found = [change for change in changes(None, waiting) if change.kind == "baking"]
    assert [change.text for change in found] == ["all 1 tasks of shop-api:2 (v2) serve; ECS watches api-errors, api-slow before it ends the deployment"] * is_told  # fmt: skip
    assert not [change for change in changes(waiting, waiting) if change.kind == "baking"]
