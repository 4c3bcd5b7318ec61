"""The course of a deployment: begun, failed, rolled back, completed, and what is told of it.

Source: ECS Developer Guide, "service deployment" (states), "deployment circuit breaker" (rollback), "early success
criteria" (when a rolling deployment is complete).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.control import deployment_alarms
from fairway.engine.control.circuit_breaker import threshold
from fairway.engine.model.service import (
    Deployment,
    DeploymentRole,
    RevisionCount,
    Rollback,
    RolloutState,
    ServiceDeployment,
    ServiceDeploymentStatus,
)
from fairway.engine.model.task import TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.engine.control.bounds import Bounds
    from fairway.engine.control.decision import Draft
    from fairway.engine.model.task import Task

BREAKER_REASON: Final = "ECS deployment circuit breaker: tasks failed to start."
REQUESTED_REASON: Final = "Service deployment rollback was requested."
_BACK: Final = {
    BREAKER_REASON: "ECS deployment circuit breaker: ",
    deployment_alarms.REASON: "ECS deployment alarms: ",
    REQUESTED_REASON: "ECS deployment rollback requested: ",
}
"""How the deployment that is gone back to begins its `rolloutStateReason`; AWS's own text for the last two is not known."""
NO_CANDIDATE: Final = "No rollback candidate was found to run the rollback."
STUCK: Final = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again."
)
STEADY_REPEAT: Final = timedelta(hours=6)
_LIVE: Final = frozenset({ServiceDeploymentStatus.IN_PROGRESS, ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS})


def put(draft: Draft, deployment: Deployment) -> None:
    """Take a changed deployment into the service."""
    changed = tuple(deployment if d.id == deployment.id else d for d in draft.service.deployments)
    draft.service = replace(draft.service, deployments=changed)


def record_of(draft: Draft, deployment: Deployment) -> ServiceDeployment | None:
    """The service deployment that runs a deployment now, if it has not ended."""
    return draft.records.get(deployment.service_deployment_arn or "")


def _put_record(draft: Draft, record: ServiceDeployment) -> None:
    draft.records[record.arn] = replace(record, updated_at=draft.now)


# -- begin -------------------------------------------------------------------------------------------------------------


def begin(draft: Draft) -> None:
    """Let new service deployments begin, end those that were overtaken, and do what a user asked for."""
    primary = draft.service.primary
    for record in list(draft.records.values()):
        current = record.arn == primary.service_deployment_arn
        match record.status:
            case ServiceDeploymentStatus.PENDING if current:
                watched = deployment_alarms.first_status(record.configuration, draft.view.alarms)
                _put_record(
                    draft,
                    replace(
                        record,
                        status=ServiceDeploymentStatus.IN_PROGRESS,
                        started_at=draft.now,
                        alarms_status=watched,
                    ),
                )
            case ServiceDeploymentStatus.ROLLBACK_REQUESTED if current:
                _fail(draft, REQUESTED_REASON, rollback=True)
            case ServiceDeploymentStatus.STOP_REQUESTED:
                _end(draft, record, ServiceDeploymentStatus.STOPPED)
            case _ if not current:
                _end(draft, replace(record, status_reason=_overtaken(primary)), ServiceDeploymentStatus.STOPPED)


def _overtaken(primary: Deployment) -> str:
    return f"Service deployment stopped because a new service deployment ({primary.id}) was started."


def _end(draft: Draft, record: ServiceDeployment, status: ServiceDeploymentStatus) -> None:
    breaker, alarms = (
        "MONITORING_COMPLETE" if monitor == "MONITORING" else monitor
        for monitor in (record.breaker_status, record.alarms_status)
    )
    stopped = draft.now if status is ServiceDeploymentStatus.STOPPED else record.stopped_at
    _put_record(
        draft,
        replace(
            record,
            status=status,
            finished_at=draft.now,
            stopped_at=stopped,
            breaker_status=breaker,
            alarms_status=alarms,
        ),
    )


# -- fail --------------------------------------------------------------------------------------------------------------


def judge(draft: Draft) -> None:
    """Let the circuit breaker look at the newest deployment."""
    primary, breaker = draft.service.primary, draft.service.configuration.breaker
    limit = threshold(breaker, draft.service.desired_count)
    record = record_of(draft, primary)
    if record is not None and not record.status.is_terminal:
        status = record.breaker_status
        if status in {"DISABLED", "MONITORING"}:
            status = "MONITORING" if breaker.enable else "DISABLED"
        if (record.breaker_failures, record.breaker_threshold, record.breaker_status) != (
            primary.failed_tasks,
            limit,
            status,
        ) and status != "TRIGGERED":
            _put_record(
                draft,
                replace(
                    record,
                    breaker_failures=primary.failed_tasks,
                    breaker_threshold=limit,
                    breaker_status=status,
                ),
            )
    if breaker.enable and primary.rollout is RolloutState.IN_PROGRESS and primary.failed_tasks >= limit:
        if record is not None:
            _put_record(draft, replace(draft.records[record.arn], breaker_status="TRIGGERED"))
        draft.events.append(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
        _fail(draft, BREAKER_REASON, rollback=breaker.rollback)


def judge_alarms(draft: Draft) -> None:
    """Let an alarm fail the newest deployment, from its first running task on until it is complete."""
    primary = draft.service.primary
    record = record_of(draft, primary)
    if record is None or not _is_watched(record) or primary.rollout is not RolloutState.IN_PROGRESS:
        return
    fired = deployment_alarms.triggered(record.configuration, draft.view.alarms)
    if not fired or not (primary.started_once or primary.bake_started_at is not None):
        return
    _put_record(draft, replace(record, alarms_status="TRIGGERED", alarms_triggered=fired))
    draft.events.append(f"(deployment {primary.id}) {deployment_alarms.FAILED}")
    _fail(draft, deployment_alarms.REASON, rollback=record.configuration.alarms_rollback)


def _is_watched(record: ServiceDeployment) -> bool:
    """Alarms can fail it: not any more once it is on its way back."""
    return record.alarms_status == "MONITORING" and record.status is ServiceDeploymentStatus.IN_PROGRESS


def _fail(draft: Draft, reason: str, *, rollback: bool) -> None:
    """The newest deployment has failed: go back to the most recent COMPLETED one, or stay where we are."""
    failed = replace(draft.service.primary, rollout=RolloutState.FAILED, rollout_reason=reason, updated_at=draft.now)
    put(draft, failed)
    record = record_of(draft, failed)
    if not rollback:
        if record is not None:
            stopping = replace(record, status=ServiceDeploymentStatus.STOP_REQUESTED, status_reason=reason)
            _end(draft, stopping, ServiceDeploymentStatus.STOPPED)
        return
    candidate = next((d for d in draft.service.deployments[1:] if d.rollout is RolloutState.COMPLETED), None)
    if candidate is None:
        if record is not None:
            _end(draft, replace(record, status_reason=NO_CANDIDATE), ServiceDeploymentStatus.ROLLBACK_FAILED)
        return
    draft.events.append(f"rolling back to deployment {candidate.id}.")
    if record is not None:
        _put_record(
            draft,
            replace(
                record,
                status=ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
                status_reason=reason,
                rollback=Rollback(reason, draft.now, candidate.revision_arn),
            ),
        )
    _restore(draft, failed, candidate, _BACK[reason])


def _restore(draft: Draft, failed: Deployment, candidate: Deployment, cause: str) -> None:
    """The candidate becomes PRIMARY again under its own id; the failed one stands behind it until its tasks are gone."""
    restored = replace(
        candidate,
        role=DeploymentRole.PRIMARY,
        rollout=RolloutState.IN_PROGRESS,
        rollout_reason=f"{cause}rolling back to deploymentId {candidate.id}.",
        desired_count=draft.service.desired_count,
        updated_at=draft.now,
        failed_tasks=0,
        started_once=False,
        bake_started_at=None,
        launch_failures=0,
        next_start_at=None,
        service_deployment_arn=failed.service_deployment_arn,
    )
    behind = replace(failed, role=DeploymentRole.ACTIVE, service_deployment_arn=None)
    others = [d for d in draft.service.deployments if d.id not in {failed.id, candidate.id}]
    draft.service = replace(draft.service, deployments=(restored, behind, *others), steady=False, stuck_told=False)


# -- complete ----------------------------------------------------------------------------------------------------------


def complete(draft: Draft) -> None:
    """End the newest deployment if all that completion asks for is there; forget deployments that are over."""
    if draft.service.primary.rollout is RolloutState.IN_PROGRESS and _is_complete(draft) and _is_baked(draft):
        primary = draft.service.primary
        done = replace(
            primary,
            rollout=RolloutState.COMPLETED,
            rollout_reason=f"ECS deployment {primary.id} completed.",
            updated_at=draft.now,
            failed_tasks=0,
        )
        put(draft, done)
        _count_tasks(draft)
        record = record_of(draft, done)
        if record is not None:
            rolled_back = record.status is ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS
            _end(
                draft,
                record,
                ServiceDeploymentStatus.ROLLBACK_SUCCESSFUL if rolled_back else ServiceDeploymentStatus.SUCCESSFUL,
            )
        draft.closing_events.append(f"(deployment {primary.id}) deployment completed.")
    _forget(draft)


def _is_complete(draft: Draft) -> bool:
    """The newest deployment has its share healthy, and what it replaces is cleaned up (drained and stopped)."""
    primary, early = draft.service.primary, draft.service.configuration.early_success
    old_left = any(
        task.status is not TaskStatus.STOPPED for task in draft.tasks.values() if task.deployment_id != primary.id
    )
    if early.enable:
        return _is_up(draft) and not (early.blocking_cleanup and old_left)
    return _is_up(draft) and not old_left


def _is_up(draft: Draft) -> bool:
    """The newest deployment has its share healthy; without early success: exactly all, and the old ones scaled to zero."""
    primary, early = draft.service.primary, draft.service.configuration.early_success
    desired, standing = draft.service.desired_count, _standing(draft)
    own = [task for task in standing if task.deployment_id == primary.id]
    serving = sum(draft.verdicts[task.arn].healthy for task in own)
    if early.enable:
        return serving >= max(min(1, desired), -(-desired * early.healthy_percent // 100))
    return serving >= desired and len(own) == desired == len(standing)


def bake(draft: Draft) -> None:
    """Begin the time in which alarms are watched before the deployment is complete, when its tasks stand."""
    primary = draft.service.primary
    record = record_of(draft, primary)
    if record is None or not _is_watched(record) or primary.rollout is not RolloutState.IN_PROGRESS:
        return
    if primary.bake_started_at is None and _is_up(draft):
        put(draft, replace(primary, bake_started_at=draft.now))
    draft.ask_again(_bake_end(draft, record))


def _bake_end(draft: Draft, record: ServiceDeployment) -> datetime | None:
    began = draft.service.primary.bake_started_at
    return None if began is None else began + deployment_alarms.bake_time(record.configuration, draft.view.alarms)


def _is_baked(draft: Draft) -> bool:
    """No alarm is watched, or it was watched long enough."""
    record = record_of(draft, draft.service.primary)
    if record is None or not _is_watched(record):
        return True
    end = _bake_end(draft, record)
    return end is not None and draft.now >= end


def _standing(draft: Draft) -> list[Task]:
    told = {s.task_arn for s in draft.stops}
    return [task for task in draft.tasks.values() if not task.stopping and task.arn not in told]


def _forget(draft: Draft) -> None:
    """Drop older deployments without tasks; the last COMPLETED one stays while a rollback may need it."""
    primary = draft.service.primary
    with_tasks = {task.deployment_id for task in draft.tasks.values() if task.status is not TaskStatus.STOPPED}
    kept, candidate_seen = [primary], primary.rollout is RolloutState.COMPLETED
    for deployment in draft.service.deployments[1:]:
        is_candidate = deployment.rollout is RolloutState.COMPLETED and not candidate_seen
        candidate_seen = candidate_seen or is_candidate
        if is_candidate or deployment.id in with_tasks:
            kept.append(deployment)
    if len(kept) != len(draft.service.deployments):
        draft.service = replace(draft.service, deployments=tuple(kept))


# -- report ------------------------------------------------------------------------------------------------------------


def report(draft: Draft, bounds: Bounds) -> None:
    """Keep the counts of the service deployment, and tell when the service is steady or stuck."""
    primary = draft.service.primary
    if primary.desired_count != draft.service.desired_count and primary.rollout is not RolloutState.FAILED:
        put(draft, replace(primary, desired_count=draft.service.desired_count))
    _count_tasks(draft)
    steady = (
        draft.service.primary.rollout is RolloutState.COMPLETED and not draft.starts and not draft.stops
    ) and _is_steady(draft)
    told_at = draft.service.steady_told_at
    if steady and (not draft.service.steady or told_at is None or draft.now >= told_at + STEADY_REPEAT):
        draft.closing_events.append("has reached a steady state.")
        told_at = draft.now
        draft.service = replace(draft.service, steady_told_at=told_at)
    if steady and told_at is not None:
        draft.ask_again(told_at + STEADY_REPEAT)
    if steady is not draft.service.steady:
        draft.service = replace(draft.service, steady=steady)
    stuck = _is_stuck(draft, bounds)
    if stuck and not draft.service.stuck_told:
        draft.events.append(STUCK)
    if stuck is not draft.service.stuck_told:
        draft.service = replace(draft.service, stuck_told=stuck)


def _is_steady(draft: Draft) -> bool:
    primary = draft.service.primary
    if any(task.status is not TaskStatus.STOPPED and task.stopping for task in draft.tasks.values()):
        return False
    standing = _standing(draft)
    return len(standing) == draft.service.desired_count and all(
        task.deployment_id == primary.id and draft.verdicts[task.arn].healthy for task in standing
    )


def _is_stuck(draft: Draft, bounds: Bounds) -> bool:
    """The deployment lacks tasks, all is quiet, and neither bound lets one task move."""
    primary = draft.service.primary
    if primary.rollout is not RolloutState.IN_PROGRESS or draft.starts or draft.stops:
        return False
    living = [task for task in draft.tasks.values() if task.status is not TaskStatus.STOPPED]
    quiet = all(task.arn in draft.verdicts and draft.verdicts[task.arn].healthy for task in living)
    own = sum(task.deployment_id == primary.id for task in living)
    return quiet and own < draft.service.desired_count and len(living) >= bounds.upper and len(living) <= bounds.lower


def _count_tasks(draft: Draft) -> None:
    """Write the task counts into the service deployments under way."""
    for record in list(draft.records.values()):
        if record.status not in _LIVE:
            continue
        target = _counted(draft, record.target_revision)
        sources = tuple(_counted(draft, source) for source in record.source_revisions)
        if (target, sources) != (record.target_revision, record.source_revisions):
            _put_record(draft, replace(record, target_revision=target, source_revisions=sources))


def _counted(draft: Draft, count: RevisionCount) -> RevisionCount:
    deployment = next((d for d in draft.service.deployments if d.revision_arn == count.arn), None)
    if deployment is None:
        return replace(count, requested=0, running=0, pending=0)
    tasks = [t for t in draft.tasks.values() if t.deployment_id == deployment.id and not t.stopping]
    running = sum(task.status is TaskStatus.RUNNING for task in tasks)
    requested = deployment.desired_count
    if deployment.id == draft.service.primary.id and deployment.rollout is not RolloutState.FAILED:
        requested = draft.service.desired_count
    return RevisionCount(count.arn, requested, running, len(tasks) - running)
