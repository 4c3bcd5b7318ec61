"""Builds pictures for tables of cases: what a row does not speak of has a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fairway.observed import (
    ContainerState,
    Event,
    Picture,
    RevisionCount,
    Rollout,
    Service,
    ServiceDeployment,
    Task,
    TaskDefinition,
)

T0 = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PREFIX = "arn:aws:ecs:us-east-1:123456789012"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/0123456789abcdef"


def at(seconds):
    return T0 + timedelta(seconds=seconds)


def a_definition(number=2, *, version="v2", verdict=None, containers=None, **tags):
    containers = containers or [{"name": "api", "image": f"shop/api:{version}", "memory": 512, "essential": True}]
    known = {"fairway:version": version} | ({"fairway:verdict": verdict} if verdict else {}) | tags
    return TaskDefinition(
        f"{PREFIX}:task-definition/shop-api:{number}", {"containerDefinitions": containers, "memory": "1024"}, known
    )


def a_record(status="IN_PROGRESS", *, name="ours", seconds=0, target=2, sources=(1,), **fields):
    return ServiceDeployment(
        arn=f"{PREFIX}:service-deployment/shop/api/{name}",
        service_arn=f"{PREFIX}:service/shop/api",
        status=status,
        created_at=at(seconds),
        target_revision=RevisionCount(f"revision-{target}"),
        source_revisions=tuple(RevisionCount(f"revision-{source}") for source in sources),
        **fields,
    )


def a_rollout(number=2, *, status="PRIMARY", desired=3, running=0, pending=0, failed=0, state="IN_PROGRESS"):
    return Rollout(
        id=f"ecs-svc/{number}",
        status=status,
        task_definition=f"{PREFIX}:task-definition/shop-api:{number}",
        desired=desired,
        pending=pending,
        running=running,
        failed=failed,
        state=state,
        reason="",
    )


def a_service(*rollouts, events=(), grace=0, groups=(), controller="ECS", **document):
    rollouts = rollouts or (a_rollout(),)
    return Service(
        arn=f"{PREFIX}:service/shop/api",
        name="api",
        cluster="shop",
        status="ACTIVE",
        controller=controller,
        desired=rollouts[0].desired,
        running=sum(rollout.running for rollout in rollouts),
        pending=sum(rollout.pending for rollout in rollouts),
        task_definition=rollouts[0].task_definition,
        rollouts=tuple(rollouts),
        events=tuple(events),
        target_groups=tuple(groups),
        grace_seconds=grace,
        document=document,
    )


def a_task(number=1, *, definition=2, status="RUNNING", containers=None, lived=None, stopped=60, **fields):
    task = Task(
        arn=f"{PREFIX}:task/shop/{number:032x}",
        task_definition=f"{PREFIX}:task-definition/shop-api:{definition}",
        status=status,
        desired="STOPPED" if status == "STOPPED" else "RUNNING",
        health="UNKNOWN",
        started_by=f"ecs-svc/{definition}",
        created_at=at(0),
        containers=tuple(containers or (ContainerState("api", status),)),
    )
    if status == "STOPPED":
        started = None if lived is None else at(stopped - lived)
        task = replace(task, stopped_at=at(stopped), started_at=started)
    return replace(task, **fields)


def a_stopped_task(number=1, *, reason, code="EssentialContainerExited", exit_code=None, why="", **fields):
    containers = (ContainerState("api", "STOPPED", exit_code=exit_code, reason=why),)
    return a_task(number, status="STOPPED", stop_code=code, stopped_reason=reason, containers=containers, **fields)


def an_event(message, seconds=10, number=1):
    return Event(f"event-{number}", at(seconds), message)


def a_picture(service=None, **fields):
    definition = fields.pop("target", a_definition())
    return Picture(
        service=service or a_service(),
        at=at(120),
        deployment=fields.pop("deployment", a_record()),
        target=definition,
        definitions=fields.pop("definitions", {definition.arn: definition}),
        **fields,
    )
