from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.engine.control.builders import (
    NEW,
    OLD,
    T0,
    a_deployment,
    a_service,
    a_task,
    exited,
    never_started,
    pending,
    started,
    stopped,
    stopping,
    unchecked,
    unhealthy,
)

from fairway.engine.control.bounds import rolling_bounds
from fairway.engine.control.scheduler import reconcile, stop_order
from fairway.engine.model.service import RolloutState, ServiceStatus
from fairway.engine.model.task import HealthStatus, TaskStatus


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "bounds"),
    [
        pytest.param(4, 50, 200, (2, 8), id="half may stop first"),
        pytest.param(2, 75, 200, (2, 4), id="the lower bound rounds up"),
        pytest.param(3, 100, 125, (3, 3), id="the upper bound rounds down"),
        pytest.param(1, 50, 200, (1, 2), id="fifty percent protect a single task"),
        pytest.param(5, 100, 140, (5, 7), id="140 percent of five: two at a time"),
        pytest.param(5, 100, 200, (5, 10), id="200 percent of five: five at once"),
        pytest.param(0, 100, 200, (0, 0), id="nothing wanted"),
    ],
)
def test_bounds(desired, minimum, maximum, bounds):
    found = rolling_bounds(desired, minimum, maximum)
    assert (found.lower, found.upper) == bounds


def many(make, count, deployment, first=1):
    return tuple(make(first + n, deployment) for n in range(count))


@pytest.mark.parametrize(
    ("desired", "percents", "old", "new", "new_pending", "going", "expected"),
    [
        pytest.param(4, (100, 200), 4, 0, 0, 0, (4, 0), id="starts as many as maximumPercent leaves room for"),
        pytest.param(4, (100, 200), 4, 0, 4, 0, (0, 0), id="new tasks that are not healthy never cost an old one"),
        pytest.param(4, (100, 200), 4, 3, 1, 0, (0, 3), id="each healthy new task releases one old task"),
        pytest.param(4, (50, 100), 4, 0, 0, 0, (0, 2), id="minimum 50: two old ones go first"),
        pytest.param(
            4, (50, 100), 2, 0, 0, 2, (0, 0), id="a stopping task counts for the upper bound until it is gone"
        ),
        pytest.param(4, (50, 100), 2, 0, 0, 0, (2, 0), id="gone: two new ones start"),
        pytest.param(5, (100, 200), 5, 0, 0, 0, (5, 0), id="the document's 100/200: five start at once"),
        pytest.param(5, (100, 140), 5, 0, 0, 0, (2, 0), id="140: two at a time"),
        pytest.param(5, (100, 140), 5, 2, 0, 0, (0, 2), id="140: two healthy release two"),
        pytest.param(5, (100, 140), 3, 2, 0, 2, (0, 0), id="140: the next two wait until the old ones are gone"),
        pytest.param(5, (100, 140), 3, 2, 0, 0, (2, 0), id="140: then the next two start"),
        pytest.param(1, (100, 200), 1, 0, 0, 0, (1, 0), id="a single task is replaced start-first"),
        pytest.param(2, (0, 100), 2, 0, 0, 0, (0, 2), id="minimum 0: everything may go first"),
    ],
)
def test_one_rolling_step(desired, percents, old, new, new_pending, going, expected):
    view = a_service(
        desired=desired,
        min_percent=percents[0],
        max_percent=percents[1],
        tasks=(
            *many(a_task, old, OLD, 1),
            *many(stopping, going, OLD, 21),
            *many(a_task, new, NEW, 41),
            *many(pending, new_pending, NEW, 61),
        ),
        deployments=(a_deployment(NEW, desired_count=desired), a_deployment(OLD, desired_count=old)),
    )
    decision = reconcile(view, T0)
    assert (started(decision), stopped(decision, view, OLD)) == expected
    assert stopped(decision, view, NEW) == 0


def test_the_same_view_gives_the_same_decision():
    view = a_service(tasks=(*many(a_task, 4, OLD), *many(a_task, 2, NEW, 41)))
    assert reconcile(view, T0) == reconcile(view, T0)


def test_a_deployment_is_complete_when_the_old_tasks_are_gone_and_not_before():
    new = many(a_task, 4, NEW, 41)
    draining = a_service(tasks=(*new, stopping(1, OLD, TaskStatus.STOPPING)))
    assert reconcile(draining, T0).service.primary.rollout is RolloutState.IN_PROGRESS
    done = reconcile(a_service(tasks=new), T0)
    assert done.service.primary.rollout is RolloutState.COMPLETED
    assert [d.id for d in done.service.deployments] == [NEW]
    assert done.closing_events == (f"(deployment {NEW}) deployment completed.", "has reached a steady state.")
    assert [str(record.status) for record in done.records] == ["SUCCESSFUL"]


def test_a_service_of_no_tasks_completes_at_once():
    done = reconcile(a_service(desired=0, deployments=(a_deployment(NEW, desired_count=0),)), T0)
    assert done.service.primary.rollout is RolloutState.COMPLETED


def test_a_lost_old_task_is_replaced_from_its_own_revision_during_a_rollout():
    view = a_service(tasks=(*many(a_task, 3, OLD), exited(9, OLD, became_healthy=True)), max_percent=125)
    decision = reconcile(view, T0)
    assert started(decision, OLD) == 1
    assert started(decision, NEW) == 1


def test_a_second_deployment_takes_over_from_an_unfinished_one():
    third = "ecs-svc/1000000000000000003"
    view = a_service(
        deployments=(
            a_deployment(NEW),
            a_deployment(third, rollout=RolloutState.IN_PROGRESS, desired_count=4),
            a_deployment(OLD),
        ),
        tasks=(*many(a_task, 4, OLD), *many(pending, 4, third, 41)),
    )
    decision = reconcile(view, T0)
    assert stopped(decision, view, third) == 4, "what the overtaken one has not got healthy goes at once"
    assert stopped(decision, view, OLD) == 0
    assert started(decision, third) == 0


def steady(tasks, **changes):
    changes.setdefault("desired", 2)
    return a_service(
        tasks=tasks,
        deployments=(a_deployment(NEW, rollout=RolloutState.COMPLETED, desired_count=changes["desired"]),),
        **changes,
    )


def sick(number):
    return unhealthy(number, became_healthy=True)


@pytest.mark.parametrize(
    ("tasks", "maximum", "expected"),
    [
        pytest.param((a_task(1), sick(2)), 200, (1, 0), id="the replacement is started first"),
        pytest.param((a_task(1), sick(2), pending(3)), 200, (0, 0), id="and waited for"),
        pytest.param((a_task(1), sick(2), a_task(3)), 200, (0, 1), id="healthy: the unhealthy one is stopped"),
        pytest.param((a_task(1), sick(2), sick(3)), 200, (1, 1), id="unhealthy too: one of the two goes"),
        pytest.param((sick(1), sick(2)), 100, (0, 1), id="no room above: one at a time is stopped first"),
        pytest.param((sick(1), stopping(2)), 100, (0, 0), id="and the next waits for its replacement"),
        pytest.param((a_task(1), a_task(2), a_task(3)), 200, (0, 1), id="one too many: a healthy one goes"),
        pytest.param((a_task(1), a_task(2), pending(3)), 200, (0, 1), id="one too many: the pending one goes"),
        pytest.param((a_task(1), exited(2, became_healthy=True)), 200, (1, 0), id="an exit is replaced"),
    ],
)
def test_outside_a_deployment(tasks, maximum, expected):
    view = steady(tasks, max_percent=maximum, min_percent=0 if maximum == 100 else 100)
    decision = reconcile(view, T0)
    assert (started(decision), len(decision.stops)) == expected


def test_unhealthy_new_tasks_of_a_rollout_are_stopped_and_replaced_at_once():
    view = a_service(tasks=(*many(a_task, 4, OLD), unhealthy(41), *many(pending, 3, NEW, 42)))
    decision = reconcile(view, T0)
    assert [stop.reason for stop in decision.stops] == ["Task failed container health checks"]
    assert f"(task {41:032x}) failed container health checks." in decision.events
    assert decision.starts == (), "the one that was told to stop still counts for the upper bound"
    assert decision.service.primary.failed_tasks == 1
    gone = replace(stopping(41), status=TaskStatus.STOPPED, counted_failed=True, became_healthy=False)
    tasks = (*many(a_task, 4, OLD), gone, *many(pending, 3, NEW, 42))
    later = reconcile(replace(a_service(tasks=tasks), service=decision.service), T0 + timedelta(seconds=10))
    assert [(start.count, start.replaced) for start in later.starts] == [(1, 1)], "its replacement is named as one"
    assert later.service.primary.to_replace == 0


def test_bad_health_within_the_grace_period_does_not_count_yet():
    task = a_task(1, health=HealthStatus.UNHEALTHY, started_at=T0 - timedelta(seconds=30))
    view = steady((task, a_task(2)), grace_seconds=60)
    decision = reconcile(view, T0)
    assert decision.starts == ()
    assert decision.stops == ()
    assert decision.next_check == T0 + timedelta(seconds=30)


def test_the_grace_period_lasts_real_seconds_at_any_rate():
    task = a_task(1, health=HealthStatus.UNHEALTHY, started_at=T0 - timedelta(seconds=100))
    assert reconcile(steady((task, a_task(2)), grace_seconds=60, rate=20), T0).starts == ()


def test_a_task_without_any_check_counts_after_forty_seconds():
    tasks = tuple(
        a_task(n, started_at=T0 - timedelta(seconds=39), became_healthy=False, health=HealthStatus.UNKNOWN)
        for n in range(1, 5)
    )
    view = a_service(tasks=tasks, checked=False, deployments=(a_deployment(NEW),))
    assert reconcile(view, T0).service.primary.rollout is RolloutState.IN_PROGRESS
    assert reconcile(view, T0).next_check == T0 + timedelta(seconds=1)
    assert reconcile(view, T0 + timedelta(seconds=1)).service.primary.rollout is RolloutState.COMPLETED


def test_bounds_that_let_no_task_move_are_told_once():
    view = a_service(
        desired=3,
        max_percent=125,
        tasks=many(a_task, 3, OLD),
        deployments=(a_deployment(NEW, desired_count=3), a_deployment(OLD, desired_count=3)),
    )
    first = reconcile(view, T0)
    assert any("was unable to stop or start tasks during a deployment" in text for text in first.events)
    again = reconcile(a_service(desired=3, max_percent=125, tasks=many(a_task, 3, OLD), stuck_told=True), T0)
    assert not any("unable to stop or start" in text for text in again.events)


def test_failed_launches_are_restarted_at_a_pace():
    view = steady((a_task(1), never_started(2)))
    decision = reconcile(view, T0)
    assert decision.starts == ()
    assert decision.next_check == T0 + timedelta(seconds=10)


def test_a_deleted_service_stops_everything_and_ends():
    view = steady((a_task(1), pending(2)), status=ServiceStatus.DRAINING)
    decision = reconcile(view, T0)
    assert len(decision.stops) == 2
    over = reconcile(steady((stopping(1, status=TaskStatus.STOPPING),), status=ServiceStatus.DRAINING), T0)
    assert over.service.status is ServiceStatus.INACTIVE


def test_scale_in_keeps_the_zones_balanced():
    tasks = [a_task(n) for n in (1, 3, 5, 2)]  # three in us-east-1b, one in us-east-1a
    assert [task.availability_zone for task in stop_order(tasks, 2)] == ["us-east-1b", "us-east-1b"]


def test_new_tasks_in_their_grace_period_do_not_release_old_ones():
    view = a_service(tasks=(*many(a_task, 4, OLD), *many(unchecked, 4, NEW, 41)), grace_seconds=600)
    assert reconcile(view, T0).stops == ()


def test_the_steady_state_is_told_again_after_six_hours():
    first = reconcile(steady((a_task(1), a_task(2))), T0)
    assert first.closing_events == ("has reached a steady state.",)
    assert first.next_check == T0 + timedelta(hours=6)
    view = replace(steady((a_task(1), a_task(2))), service=first.service)
    assert reconcile(view, T0 + timedelta(hours=5)).closing_events == ()
    again = reconcile(view, T0 + timedelta(hours=6))
    assert again.closing_events == ("has reached a steady state.",)
    assert again.next_check == T0 + timedelta(hours=12)
