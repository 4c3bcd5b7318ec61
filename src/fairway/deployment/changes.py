"""What is new in a picture since the one before. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.deployment.progress import Change
from fairway.deployment.standing import lacks
from fairway.observed import short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.observed import Picture, Rollout, Task, TaskDefinition

_SHORT_ID = 8
_ENDED = frozenset({"STOPPED", "DEPROVISIONING", "DELETED"})
_PROBLEM_TARGETS = frozenset({"unhealthy", "unavailable"})


def changes(before: Picture | None, after: Picture) -> list[Change]:
    """Every change of a service, in the order: its deployment, rollouts, tasks, targets, events."""
    return [
        *_deployment(before, after),
        *_rollouts(before, after),
        *_baking(before, after),
        *_tasks(before, after),
        *_targets(before, after),
        *_events(before, after),
    ]


def _deployment(before: Picture | None, after: Picture) -> Iterator[Change]:
    record = after.deployment
    if record is None:
        return
    previous = before.deployment if before is not None and before.deployment is not None else None
    if previous is not None and (previous.arn, previous.status) == (record.arn, record.status):
        return
    reason = record.rollback_reason or record.reason
    text = f"service deployment {record.id} {record.status}" + (f": {reason}" if reason else "")
    fields = {"service_deployment": record.arn, "status": record.status, "reason": reason}
    yield Change("deployment", after.service.name, text, fields, is_problem=record.status not in _QUIET)


_QUIET = frozenset({"PENDING", "IN_PROGRESS", "SUCCESSFUL"})


def _rollouts(before: Picture | None, after: Picture) -> Iterator[Change]:
    known = {} if before is None else {rollout.id: _figures(rollout) for rollout in before.service.rollouts}
    for rollout in after.service.rollouts:
        if known.get(rollout.id) == _figures(rollout):
            continue
        revision = label(after, rollout.task_definition)
        text = (
            f"{rollout.status:<8}{revision}  desired {rollout.desired}  pending {rollout.pending}"
            f"  running {rollout.running}  failed {rollout.failed}"
        )
        if rollout.state == "FAILED":
            text += f"  {rollout.reason}"
        fields = {
            "deployment": rollout.id,
            "status": rollout.status,
            "task_definition": rollout.task_definition,
            "desired": rollout.desired,
            "pending": rollout.pending,
            "running": rollout.running,
            "failed": rollout.failed,
            "rollout_state": rollout.state,
        }
        failed = rollout.failed > 0 or rollout.state == "FAILED"
        yield Change("rollout", after.service.name, text, fields, is_problem=failed)


def _figures(rollout: Rollout) -> tuple[object, ...]:
    return (rollout.status, rollout.desired, rollout.pending, rollout.running, rollout.failed, rollout.state)


def label(picture: Picture, definition_arn: str) -> str:
    """`taskmanager-api:7 (v1.2.3)`, as far as it is known."""
    found: TaskDefinition | None = picture.definitions.get(definition_arn)
    return short(definition_arn) if found is None else found.label()


def _baking(before: Picture | None, after: Picture) -> Iterator[Change]:
    """All is there, and ECS goes on for minutes without a word: it watches the deployment alarms.

    Source: Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures" (the bake time, which ECS reckons
    from the alarms' periods).
    """
    alarms = _watched_by_ecs(after)
    if not alarms or (before is not None and _watched_by_ecs(before)):
        return
    assert after.target is not None
    revision, number = label(after, after.target.arn), after.service.desired
    text = f"all {number} tasks of {revision} serve; ECS watches {', '.join(alarms)} before it ends the deployment"
    fields = {"task_definition": after.target.arn, "alarms": list(alarms)}
    yield Change("baking", after.service.name, text, fields)


def _watched_by_ecs(picture: Picture) -> tuple[str, ...]:
    """The deployment alarms, when they are all that the deployment still waits for."""
    record, target, service = picture.deployment, picture.target, picture.service
    alarms = service.document.get("deploymentConfiguration", {}).get("alarms", {})
    if record is None or record.status != "IN_PROGRESS" or target is None or not alarms.get("enable"):
        return ()
    if service.desired == 0 or lacks(service, picture.tasks, picture.targets, target.arn):
        return ()
    return tuple(alarms.get("alarmNames", ()))


def _tasks(before: Picture | None, after: Picture) -> Iterator[Change]:
    shown = [*after.tasks, *after.stopped]
    if before is None:
        # what ran or stopped before we looked is no news
        target = after.target.arn if after.target is not None else ""
        shown = [task for task in shown if task.task_definition == target and task.status not in _ENDED]
    known = {} if before is None else {t.arn: (t.status, t.health) for t in (*before.tasks, *before.stopped)}
    for task in sorted(shown, key=lambda task: task.created_at):
        if known.get(task.arn) == (task.status, task.health):
            continue
        if before is not None and task.arn not in known and task.status in _ENDED and _is_old(task, before):
            continue
        yield _task(after, task)


def _is_old(task: Task, before: Picture) -> bool:
    return task.stopped_at is not None and task.stopped_at < before.at


def _task(picture: Picture, task: Task) -> Change:
    health = "" if task.health == "UNKNOWN" else f" {task.health}"
    text = f"task {task.id[:_SHORT_ID]} {short(task.task_definition)} {task.status}{health}"
    codes = {c.name: c.exit_code for c in task.containers if c.exit_code is not None}
    if task.status in _ENDED and task.stopped_reason:
        exits = ", ".join(f"{name} exit {code}" for name, code in codes.items())
        text += f": {task.stopped_reason}" + (f" ({exits})" if exits else "")
    fields = {
        "task": task.arn,
        "task_definition": task.task_definition,
        "status": task.status,
        "health": task.health,
        "stop_code": task.stop_code,
        "stopped_reason": task.stopped_reason,
        "exit_codes": codes,
    }
    return Change("task", picture.service.name, text, fields, is_problem=is_failure(task))


def is_failure(task: Task) -> bool:
    """It stopped because something is wrong with it, not because ECS needed one task less or somebody stopped it."""
    if not task.stop_code or task.stop_code == "UserInitiated":
        return False
    if task.stop_code == "ServiceSchedulerInitiated":
        return task.stopped_reason.startswith("Task failed")
    return True


def _targets(before: Picture | None, after: Picture) -> Iterator[Change]:
    known = {} if before is None else {(t.target_group, t.address, t.port): (t.state, t.reason) for t in before.targets}
    for target in after.targets:
        key = (target.target_group, target.address, target.port)
        if known.get(key) == (target.state, target.reason):
            continue
        why = f": {target.description or target.reason}" if target.reason else ""
        fields = {
            "target_group": target.target_group,
            "address": target.address,
            "port": target.port,
            "state": target.state,
            "reason": target.reason,
            "description": target.description,
        }
        text = f"target {target.address}:{target.port} {target.state}{why}"
        yield Change("target", after.service.name, text, fields, is_problem=target.state in _PROBLEM_TARGETS)


def _events(before: Picture | None, after: Picture) -> Iterator[Change]:
    if before is not None:
        known = {event.id for event in before.service.events}
        new = [event for event in after.service.events if event.id not in known]
    else:
        since = after.deployment.created_at if after.deployment is not None else after.at
        new = [event for event in after.service.events if event.at >= since]
    # newest first as ECS shows them; some have the same time
    for event in reversed(new):
        fields = {"id": event.id, "at": event.at, "message": event.message}
        yield Change("service_event", after.service.name, event.message, fields, is_problem=is_bad_news(event.message))


_BAD_NEWS = ("unable to", "failed", "unhealthy", "rolling back", "could not launch", "misconfigured", "throttled")


def is_bad_news(message: str) -> bool:
    """A service event that tells of a problem."""
    return any(words in message for words in _BAD_NEWS)
