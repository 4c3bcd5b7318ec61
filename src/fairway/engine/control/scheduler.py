"""The service scheduler: what to start and what to stop, so that a service gets to, and stays at, its desired count.

    reconcile(view, now) -> Decision

The order of the steps is the policy: count what failed, let the circuit breaker and the alarms judge, replace what is unhealthy, start
what is missing, release what is old, and only then ask whether the deployment is complete.

Each deployment has a desired count. The newest (PRIMARY) one wants the service's; an older one keeps what it had and gives
tasks up as the new ones become healthy. So an old task that dies on its own is replaced from its own revision.
Source: ECS Developer Guide, "Deploy Amazon ECS services by replacing tasks".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from fairway.engine.control import rollout
from fairway.engine.control.bounds import Bounds, rolling_bounds
from fairway.engine.control.circuit_breaker import FailureCount, failed_after_start, failed_at_launch
from fairway.engine.control.decision import Decision, Draft, ServiceView, Start, Stop
from fairway.engine.control.start_throttle import is_impaired, start_delay
from fairway.engine.control.task_health import verdict
from fairway.engine.model.service import Deployment, RolloutState, ServiceStatus
from fairway.engine.model.task import StopCode, Task, TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

_GONE = frozenset({TaskStatus.DEPROVISIONING, TaskStatus.STOPPED})


def reconcile(view: ServiceView, now: datetime) -> Decision:
    """Decide the next step towards the desired state. Pure; calling it twice gives the same answer twice."""
    draft = _draft(view, now)
    if view.service.status is ServiceStatus.DRAINING:
        _drain(draft)
        return draft.finish()
    if view.service.status is not ServiceStatus.ACTIVE:
        return draft.finish()
    rollout.begin(draft)
    _count(draft)
    rollout.judge(draft)
    rollout.judge_alarms(draft)
    bounds = rolling_bounds(
        draft.service.desired_count,
        draft.service.configuration.minimum_healthy_percent,
        draft.service.configuration.maximum_percent,
    )
    _replace_failing(draft, bounds)
    _start_missing(draft, bounds)
    _release_old(draft, bounds)
    _scale_in(draft, bounds)
    rollout.bake(draft)
    rollout.complete(draft)
    rollout.report(draft, bounds)
    return draft.finish()


def _draft(view: ServiceView, now: datetime) -> Draft:
    grace = timedelta(seconds=view.service.grace_seconds * view.rate)
    draft = Draft(
        view,
        now,
        service=view.service,
        records={record.arn: record for record in view.records},
        verdicts={},
        tasks={observed.task.arn: observed.task for observed in view.tasks},
    )
    for observed in view.tasks:
        judged = verdict(observed.task, observed.targets, checked=observed.checked, grace=grace, now=now)
        if not observed.task.stopping:
            draft.verdicts[observed.task.arn] = judged
        draft.ask_again(judged.next_check)
    return draft


def _drain(draft: Draft) -> None:
    """The service was deleted: every task goes."""
    for task in alive(draft):
        stop(draft, task, f"Scaling activity initiated by (deployment {task.deployment_id})")
    if all(task.status in _GONE or task.status is TaskStatus.STOPPING for task in draft.tasks.values()):
        draft.service = replace(draft.service, status=ServiceStatus.INACTIVE, deployments=())


# -- counting ----------------------------------------------------------------------------------------------------------


def _count(draft: Draft) -> None:
    """Let each deployment remember which of its tasks started, became healthy or failed since the last step."""
    for deployment in draft.service.deployments:
        counted = _count_deployment(draft, deployment)
        if counted != deployment:
            rollout.put(draft, replace(counted, updated_at=draft.now))
    for arn, task in draft.tasks.items():
        if not task.became_healthy and arn in draft.verdicts and draft.verdicts[arn].healthy:
            draft.tasks[arn] = replace(task, became_healthy=True)


def _count_deployment(draft: Draft, deployment: Deployment) -> Deployment:
    service, now = draft.service, draft.now
    tasks = [task for task in draft.tasks.values() if task.deployment_id == deployment.id]
    count = FailureCount(deployment.failed_tasks, deployment.started_once)
    launches, failed_starts = deployment.launch_failures, 0
    if any(task.started_at is not None for task in tasks):
        count, launches = count.running(), 0
    for task in tasks:
        judged = draft.verdicts.get(task.arn)
        if judged is not None and judged.healthy and not task.became_healthy:
            count = count.healthy(service.configuration.breaker)
            deployment = replace(deployment, succeeded_once=True)
    for task in tasks:
        if task.counted_failed:
            continue
        judged = draft.verdicts.get(task.arn)
        if failed_at_launch(task):
            count, launches = count.launch_failed(1), launches + 1
        elif failed_after_start(task, failed_checks=judged is not None and judged.failing is not None):
            count = count.failed(1)
        else:
            continue
        failed_starts += not task.became_healthy
        draft.tasks[task.arn] = replace(task, counted_failed=True)
    if deployment.rollout is not RolloutState.IN_PROGRESS:
        count = FailureCount(deployment.failed_tasks, deployment.started_once)
    if not failed_starts:
        return replace(
            deployment, failed_tasks=count.failures, started_once=count.reached_running, launch_failures=launches
        )
    if is_impaired(launches, service.desired_count) and not is_impaired(
        deployment.launch_failures, service.desired_count
    ):
        draft.events.append("is unable to consistently start tasks successfully.")
    return replace(
        deployment,
        failed_tasks=count.failures,
        started_once=count.reached_running,
        launch_failures=launches,
        next_start_at=now + start_delay(launches, service.desired_count),
    )


# -- the counts that bounds speak of -----------------------------------------------------------------------------------


def alive(draft: Draft, deployment: Deployment | None = None) -> list[Task]:
    """Tasks that nobody has told to stop, in this step or before."""
    told = {s.task_arn for s in draft.stops}
    return [
        task
        for task in draft.tasks.values()
        if not task.stopping and task.arn not in told and (deployment is None or task.deployment_id == deployment.id)
    ]


def healthy(draft: Draft, deployment: Deployment | None = None) -> list[Task]:
    return [task for task in alive(draft, deployment) if draft.verdicts[task.arn].healthy]


def _failing(draft: Draft, deployment: Deployment) -> list[Task]:
    return [task for task in alive(draft, deployment) if draft.verdicts[task.arn].failing is not None]


def _room(draft: Draft, bounds: Bounds) -> int:
    """How many tasks may be started under the upper bound; what was told to stop counts until it is gone."""
    occupying = sum(task.status not in _GONE for task in draft.tasks.values())
    return bounds.upper - occupying - sum(start.count for start in draft.starts)


# -- steps -------------------------------------------------------------------------------------------------------------


def _replace_failing(draft: Draft, bounds: Bounds) -> None:
    """Stop unhealthy tasks: at once in a running rollout, else when their replacement stands, else one by one if there is no room.

    In a rollout a failing task of the new revision serves nobody and only takes up room under the upper bound; ECS was seen to
    stop it in the same moment in which it started the replacement. Source for the rest: ECS Developer Guide, "Amazon ECS
    services" (replacement of unhealthy tasks).
    """
    for deployment in draft.service.deployments:
        failing = _failing(draft, deployment)
        if not failing:
            continue
        rolling = deployment.rollout is RolloutState.IN_PROGRESS and deployment.id == draft.service.primary.id
        if rolling:
            victims = failing
            to_replace = len(victims)
        else:
            wanted = _wanted(draft, deployment)
            surplus = max(0, len(healthy(draft, deployment)) + len(failing) - wanted)
            victims, to_replace = failing[:surplus], 0
            if not victims and _room(draft, bounds) <= 0 and not _moving(draft):
                victims, to_replace = failing[:1], 1
        if to_replace:
            rollout.put(draft, replace(deployment, to_replace=deployment.to_replace + to_replace))
        for task in victims:
            judged = draft.verdicts[task.arn]
            if judged.event is not None:
                draft.events.append(judged.event)
            stop(draft, task, judged.failing or "")


def _moving(draft: Draft) -> bool:
    """A task is on its way up or down: wait for it before another step that costs one."""
    for arn, task in draft.tasks.items():
        if task.status in _GONE:
            continue
        judged = draft.verdicts.get(arn)
        if judged is None or not (judged.healthy or judged.failing):
            return True
    return bool(draft.stops)


def _wanted(draft: Draft, deployment: Deployment) -> int:
    """How many tasks a deployment is to keep."""
    if deployment.id == draft.service.primary.id:
        return 0 if deployment.rollout is RolloutState.FAILED else draft.service.desired_count
    if deployment.rollout is RolloutState.COMPLETED:
        return deployment.desired_count
    return min(deployment.desired_count, len(alive(draft, deployment)))


def _start_missing(draft: Draft, bounds: Bounds) -> None:
    """Start what each deployment lacks, as far as the upper bound leaves room; lost tasks of old revisions first."""
    primary = draft.service.primary
    for deployment in [*draft.service.deployments[1:], primary]:
        standing = alive(draft, deployment)
        failing = len(_failing(draft, deployment))
        missing = _wanted(draft, deployment) + failing - len(standing)
        if deployment.id != primary.id:
            serving = len(alive(draft)) - sum(len(_failing(draft, d)) for d in draft.service.deployments)
            missing = min(missing, draft.service.desired_count - serving)
        count = min(missing, _room(draft, bounds))
        if count <= 0:
            continue
        if deployment.next_start_at is not None and deployment.next_start_at > draft.now:
            draft.ask_again(deployment.next_start_at)
            continue
        replaced = min(count, deployment.to_replace)
        if replaced:
            rollout.put(draft, replace(deployment, to_replace=deployment.to_replace - replaced))
        draft.starts.append(Start(deployment.id, count, replaced=min(count, replaced + failing)))


def _release_old(draft: Draft, bounds: Bounds) -> None:
    """Stop tasks of older deployments as the newest one takes over.

    Together they keep what the lower bound still asks of them: `lower - healthy tasks of the newest`. What a failed or
    overtaken deployment has not got healthy is worth nothing to anybody and goes at once.
    """
    primary = draft.service.primary
    if primary.rollout is RolloutState.FAILED:
        return
    for deployment in draft.service.deployments[1:]:
        if deployment.rollout is not RolloutState.COMPLETED:
            _give_up(draft, deployment, idle_tasks(draft, deployment))
    older = draft.service.deployments[1:]
    keep = max(0, bounds.lower - len(healthy(draft, primary)))
    going = sum(len(alive(draft, deployment)) for deployment in older) - keep
    for deployment in sorted(older, key=lambda d: d.rollout is RolloutState.COMPLETED):
        idle = stop_order(idle_tasks(draft, deployment), going)
        spare = max(0, min(going - len(idle), len(healthy(draft)) - bounds.lower))
        chosen = [*idle, *stop_order(healthy(draft, deployment), spare)]
        _give_up(draft, deployment, chosen)
        going -= len(chosen)


def idle_tasks(draft: Draft, deployment: Deployment) -> list[Task]:
    """Tasks that were not told to stop and do not count as healthy."""
    return [task for task in alive(draft, deployment) if not draft.verdicts[task.arn].healthy]


def _give_up(draft: Draft, deployment: Deployment, tasks: list[Task]) -> None:
    """Stop tasks of an older deployment, which keeps so many fewer from now on."""
    for task in tasks:
        stop(draft, task, f"Scaling activity initiated by (deployment {deployment.id})")
    if tasks:
        left = max(0, deployment.desired_count - len(tasks))
        rollout.put(draft, replace(deployment, desired_count=left, updated_at=draft.now))


def _scale_in(draft: Draft, bounds: Bounds) -> None:
    """Stop what the newest deployment has too many of: what is not healthy first, then where the zone has most."""
    primary = draft.service.primary
    standing = alive(draft, primary)
    excess = len(standing) - len(_failing(draft, primary)) - _wanted(draft, primary)
    if primary.rollout is RolloutState.FAILED or excess <= 0:
        return
    serving = {task.arn for task in standing if draft.verdicts[task.arn].healthy}
    waiting = [t for t in standing if t.arn not in serving and draft.verdicts[t.arn].failing is None]
    victims = stop_order(waiting, excess)
    left = min(excess - len(victims), max(0, len(healthy(draft)) - bounds.lower))
    victims += stop_order([task for task in standing if task.arn in serving], left)
    for task in victims:
        stop(draft, task, f"Scaling activity initiated by (deployment {primary.id})")


def stop_order(tasks: list[Task], count: int) -> list[Task]:
    """`count` of `tasks`, always from the Availability Zone that has most of those left, the newest there first."""
    left, chosen = list(tasks), []
    for _ in range(min(count, len(left))):
        zones = Counter(task.availability_zone for task in left)
        victim = max(left, key=lambda task: (zones[task.availability_zone], task.created_at, task.arn))
        left.remove(victim)
        chosen.append(victim)
    return chosen


def stop(draft: Draft, task: Task, reason: str) -> None:
    """Tell a task to stop, by the scheduler's own will."""
    draft.stops.append(Stop(task.arn, StopCode.SERVICE_SCHEDULER_INITIATED, reason))
