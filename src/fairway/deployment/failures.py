"""Stopped tasks grouped by what they died of. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fairway.deployment.changes import is_failure
from fairway.observed import SUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fairway.observed import ContainerState, Event, Picture, Task

_TARGET_REASON: Final = re.compile(
    r"\(task (?P<task>[0-9a-f]{32})\).* is unhealthy in .* due to \(reason (?P<reason>.*)\)\.?$"
)
_CHECKS_FAILED: Final = "Task failed container health checks"
_HEX: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Failure:
    """Tasks that stopped for the same reason."""

    task_definition: str
    stop_code: str
    reason: str
    container: str
    """The container that is to blame; empty: none in particular."""
    exit_code: int | None
    container_reason: str
    target_reason: str
    """What the load balancer said about the tasks' targets."""
    tasks: tuple[Task, ...]
    """Newest first."""

    @property
    def newest(self) -> Task:
        return self.tasks[0]

    @property
    def lived_seconds(self) -> float | None:
        """How long the newest of them ran; None: it never did."""
        task = self.newest
        if task.started_at is None or task.stopped_at is None:
            return None
        return max(0.0, (task.stopped_at - task.started_at).total_seconds())


def failures(picture: Picture, *, only: str | None = None) -> list[Failure]:
    """Failed tasks of a picture in groups, the largest first; `only` of one task definition."""
    said = target_reasons(picture.service.events)
    failed = {(task.task_definition, task.stopped_reason) for task in picture.stopped if is_failure(task)}
    groups: dict[tuple[object, ...], list[tuple[Task, ContainerState | None, str]]] = {}
    for stopped in picture.stopped:
        task = _as_counted(stopped, failed)
        if not is_failure(task) or (only is not None and task.task_definition != only):
            continue
        container = to_blame(task, _essential(picture, task))
        target_reason = said.get(task.id, "")
        key = (
            task.task_definition,
            task.stop_code,
            _HEX.sub("…", task.stopped_reason),
            container.name if container else "",
            container.exit_code if container and not target_reason else None,
            _HEX.sub("…", container.reason) if container else "",
            target_reason,
        )
        groups.setdefault(key, []).append((task, container, target_reason))
    made = [_failure(members) for members in groups.values()]
    return sorted(made, key=lambda failure: len(failure.tasks), reverse=True)


def _as_counted(task: Task, failed: Iterable[tuple[str, str]]) -> Task:
    """The task as ECS's circuit breaker saw it.

    Tasks that fail their container's checks together are counted together; but once it trips, those that are not yet stopped for
    it are stopped to scale the failed revision in, and say so.
    """
    if is_failure(task) or task.stop_code != "ServiceSchedulerInitiated" or task.health != "UNHEALTHY":
        return task
    reasons = (why for of, why in failed if of == task.task_definition and why.startswith(_CHECKS_FAILED))
    reason = next(reasons, None)
    return task if reason is None else replace(task, stopped_reason=reason)


def split_failures(picture: Picture) -> tuple[list[Failure], list[Failure]]:
    """(failures of the deployment in question or since, earlier ones).

    Of a deployment that goes on or failed: tasks of the revision that it brought in, or that were started since it began. Of
    one that ended well: tasks that stopped after its end; what stopped on the way did not keep it from succeeding.
    """
    return (
        failures(replace(picture, stopped=tuple(task for task in picture.stopped if _is_of_now(picture, task)))),
        failures(replace(picture, stopped=tuple(task for task in picture.stopped if not _is_of_now(picture, task)))),
    )


def _is_of_now(picture: Picture, task: Task) -> bool:
    record = picture.deployment
    if record is None:
        return True
    if record.status == SUCCESSFUL:
        return task.stopped_at is None or record.finished_at is None or task.stopped_at > record.finished_at
    return task.created_at >= record.created_at


def _failure(members: Sequence[tuple[Task, ContainerState | None, str]]) -> Failure:
    task, container, target_reason = members[0]
    return Failure(
        task_definition=task.task_definition,
        stop_code=task.stop_code,
        reason=task.stopped_reason,
        container=container.name if container else "",
        exit_code=container.exit_code if container else None,
        container_reason=container.reason if container else "",
        target_reason=target_reason,
        tasks=tuple(member for member, _, _ in members),
    )


def _essential(picture: Picture, task: Task) -> frozenset[str]:
    definition = picture.definitions.get(task.task_definition)
    containers = () if definition is None else definition.containers
    return frozenset(str(c["name"]) for c in containers if c.get("essential", True))


def to_blame(task: Task, essential: frozenset[str] = frozenset()) -> ContainerState | None:
    """The container that most likely ended the task: one with a reason, a bad exit code, an exit code, bad health."""

    def weight(container: ContainerState) -> tuple[bool, ...]:
        return (
            bool(container.reason),
            container.health == "UNHEALTHY",
            container.exit_code not in {None, 0},
            container.exit_code is not None,
            container.name in essential,
        )

    return max(task.containers, key=weight, default=None)


def target_reasons(events: Iterable[Event]) -> dict[str, str]:
    """Task id -> why its target was unhealthy, as the service's events tell it; the target itself is gone by then."""
    found: dict[str, str] = {}
    for event in events:
        match = _TARGET_REASON.search(event.message)
        if match is not None:
            found.setdefault(match["task"], match["reason"])
    return found
