from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engine.control.builders import (
    NEW,
    OLD,
    T0,
    a_deployment,
    a_record,
    a_service,
    a_task,
    exited,
    never_started,
    pending,
    stopped,
    unhealthy,
)

from fairway.engine.control.circuit_breaker import threshold
from fairway.engine.control.rollout import NO_CANDIDATE
from fairway.engine.control.scheduler import reconcile
from fairway.engine.model.service import (
    CircuitBreaker,
    DeploymentRole,
    RolloutState,
    ServiceDeploymentStatus,
    ThresholdType,
)
from fairway.engine.model.task import HealthStatus

ON = CircuitBreaker(enable=True, rollback=True)


@pytest.mark.parametrize(
    ("desired", "kind", "value", "expected"),
    [
        pytest.param(1, ThresholdType.BOUNDED_PERCENT, 50, 3, id="never below three"),
        pytest.param(6, ThresholdType.BOUNDED_PERCENT, 50, 3, id="half of six"),
        pytest.param(7, ThresholdType.BOUNDED_PERCENT, 50, 4, id="rounds up"),
        pytest.param(25, ThresholdType.BOUNDED_PERCENT, 50, 13, id="half of 25"),
        pytest.param(800, ThresholdType.BOUNDED_PERCENT, 50, 200, id="never above 200"),
        pytest.param(800, ThresholdType.UNBOUNDED_PERCENT, 50, 400, id="unbounded is not clamped"),
        pytest.param(1, ThresholdType.UNBOUNDED_PERCENT, 50, 1, id="unbounded may be one"),
        pytest.param(800, ThresholdType.COUNT, 5, 5, id="a count is itself"),
    ],
)
def test_threshold(desired, kind, value, expected):
    assert threshold(CircuitBreaker(threshold_type=kind, threshold_value=value), desired) == expected


def count_after(tasks, *, before=0, started_once=False, breaker=ON):
    deployments = (a_deployment(NEW, failed_tasks=before, started_once=started_once), a_deployment(OLD))
    decision = reconcile(a_service(tasks=tasks, deployments=deployments, breaker=replace(breaker, enable=False)), T0)
    return decision.service.primary.failed_tasks


@pytest.mark.parametrize(
    ("tasks", "before", "started_once", "expected"),
    [
        pytest.param((never_started(1),), 0, False, 1, id="stage 1: a task that never ran"),
        pytest.param((never_started(1), pending(2)), 1, False, 2, id="stage 1: they add up"),
        pytest.param((never_started(1), pending(2)), 0, True, 0, id="stage 2: failed launches no longer count"),
        pytest.param(
            (a_task(1, became_healthy=False, health=HealthStatus.UNKNOWN),),
            2,
            False,
            0,
            id="the first RUNNING task ends stage 1",
        ),
        pytest.param((exited(1),), 0, True, 1, id="an essential exit before the first health"),
        pytest.param(
            (exited(1, became_healthy=True),), 1, True, 1, id="an essential exit after it is a normal replacement"
        ),
        pytest.param((unhealthy(1),), 0, True, 1, id="a failed health check"),
        pytest.param((a_task(1, became_healthy=False),), 2, True, 0, id="a task that becomes healthy resets the count"),
        pytest.param((a_task(1),), 2, True, 2, id="one that was healthy before does not"),
        pytest.param((exited(1), exited(2), exited(3)), 0, True, 3, id="each task counts once"),
        pytest.param((exited(1, OLD),), 0, True, 0, id="failures of older deployments are ignored"),
    ],
)
def test_what_counts_as_a_failure(tasks, before, started_once, expected):
    assert count_after(tasks, before=before, started_once=started_once) == expected


def test_without_reset_the_count_is_cumulative():
    breaker = replace(ON, reset_on_healthy_task=False)
    assert count_after((a_task(1, became_healthy=False),), before=2, started_once=True, breaker=breaker) == 2


def test_a_failure_is_not_counted_twice():
    view = a_service(tasks=(exited(1),), breaker=replace(ON, enable=False))
    marked = reconcile(view, T0).tasks
    assert [task.counted_failed for task in marked] == [True]


def tripped(**changes):
    changes.setdefault("breaker", ON)
    return a_service(
        tasks=(*(a_task(n, OLD) for n in range(1, 5)), exited(41), exited(42), exited(43), pending(44)), **changes
    )


def test_the_breaker_rolls_back_to_the_last_completed_deployment_under_its_own_id():
    view = tripped()
    decision = reconcile(view, T0)
    restored, failed = decision.service.deployments
    assert (restored.id, restored.role, restored.rollout) == (OLD, DeploymentRole.PRIMARY, RolloutState.IN_PROGRESS)
    assert (failed.id, failed.role, failed.rollout) == (NEW, DeploymentRole.ACTIVE, RolloutState.FAILED)
    assert decision.events[:2] == (
        f"(deployment {NEW}) deployment failed: tasks failed to start.",
        f"rolling back to deployment {OLD}.",
    )
    assert stopped(decision, view, NEW) == 1
    assert stopped(decision, view, OLD) == 0
    (record,) = decision.records
    assert record.status is ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS
    assert record.breaker_status == "TRIGGERED"
    assert record.rollback is not None
    assert record.rollback.revision_arn == f"revision-of-{OLD}"


def test_without_rollback_it_stays_failed_and_keeps_what_serves():
    view = tripped(breaker=CircuitBreaker(enable=True))
    decision = reconcile(view, T0)
    assert decision.service.primary.id == NEW
    assert decision.service.primary.rollout is RolloutState.FAILED
    assert decision.starts == ()
    assert stopped(decision, view, OLD) == 0
    assert decision.records[0].status is ServiceDeploymentStatus.STOPPED


def test_the_first_deployment_has_nothing_to_go_back_to():
    view = a_service(tasks=(exited(1), exited(2), exited(3)), deployments=(a_deployment(NEW),), breaker=ON)
    decision = reconcile(view, T0)
    assert decision.service.primary.rollout is RolloutState.FAILED
    assert decision.starts == ()
    assert (decision.records[0].status, decision.records[0].status_reason) == (
        ServiceDeploymentStatus.ROLLBACK_FAILED,
        NO_CANDIDATE,
    )


def test_below_the_threshold_nothing_happens():
    view = a_service(tasks=(*(a_task(n, OLD) for n in range(1, 5)), exited(41), exited(42)), breaker=ON)
    assert reconcile(view, T0).service.primary.rollout is RolloutState.IN_PROGRESS


def test_a_rollback_that_a_user_asks_for():
    view = a_service(
        tasks=(*(a_task(n, OLD) for n in range(1, 5)), pending(41)),
        record=a_record(ServiceDeploymentStatus.ROLLBACK_REQUESTED),
    )
    decision = reconcile(view, T0)
    assert decision.service.primary.id == OLD
    assert decision.records[0].status is ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS
    assert stopped(decision, view, NEW) == 1


def test_the_end_of_a_rollback_is_told_as_such():
    deployments = (
        a_deployment(
            OLD, role=DeploymentRole.PRIMARY, rollout=RolloutState.IN_PROGRESS, service_deployment_arn="record-new"
        ),
        a_deployment(NEW, role=DeploymentRole.ACTIVE, rollout=RolloutState.FAILED, service_deployment_arn=None),
    )
    view = a_service(
        tasks=tuple(a_task(n, OLD) for n in range(1, 5)),
        deployments=deployments,
        record=a_record(ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS),
    )
    decision = reconcile(view, T0)
    assert decision.records[0].status is ServiceDeploymentStatus.ROLLBACK_SUCCESSFUL
    assert [d.id for d in decision.service.deployments] == [OLD]
    assert decision.service.primary.rollout_reason == f"ECS deployment {OLD} completed."
