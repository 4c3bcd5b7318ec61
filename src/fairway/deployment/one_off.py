"""Runs a one-off task (the migrations) to its end: its lines are told as they come, its exit code decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.calls import calling
from fairway.aws.documents import read_task
from fairway.aws.logs import Follower, elsewhere, log_stream, never_started
from fairway.aws.session import AwsError
from fairway.clock import monotonic
from fairway.deployment.causes import telling_line
from fairway.deployment.progress import Change
from fairway.deployment.resume import find_one_off

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.begun import Begun
    from fairway.deployment.progress import Listener
    from fairway.observed import Task, TaskDefinition

_LAST_LINES: Final = 12
LIMIT_SECONDS: Final = 1800.0
"""How long a one-off task is waited for when nobody gives another time."""
_TELL_SECONDS: Final = 10.0
_SHORT_ID: Final = 8
_LIKE_THE_SERVICE: Final = ("networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion")

_CAPACITY: Final = frozenset({"launchType", "capacityProviderStrategy"})


@dataclass(frozen=True, slots=True)
class OneOffResult:
    """How a one-off task ended."""

    key: str
    task: Task | None
    definition: TaskDefinition
    succeeded: bool
    text: str
    lines: tuple[str, ...] = ()
    """The last lines that it wrote."""
    still_runs: bool = False


def run_like(service: Mapping[str, Any], run: Mapping[str, Any] | None) -> dict[str, Any]:
    """What RunTask takes: the service's own network and capacity, and what the project says instead. Pure.

    A launch type and a capacity provider strategy exclude each other (RunTask, ECS API Reference): whoever names one means it.
    """
    said = dict(run or {})
    like = {key: service[key] for key in _LIKE_THE_SERVICE if service.get(key)}
    if _CAPACITY & said.keys():
        like = {key: value for key, value in like.items() if key not in _CAPACITY}
    elif "capacityProviderStrategy" in like:
        like.pop("launchType", None)
    return {**like, **said}


def run_request(
    run: Mapping[str, Any] | None, *, cluster: str, task_definition: str, started_by: str
) -> dict[str, Any]:
    """What RunTask takes. Pure."""
    return {
        "startedBy": started_by[:128],
        # the same request of the same run starts it once, whatever happens to the answer
        "clientToken": f"{started_by}/{task_definition.rsplit('/', 1)[-1]}"[-64:],
        **(run or {}),
        "cluster": cluster,
        "taskDefinition": task_definition,
        "count": 1,
    }


def judge_task(task: Task) -> tuple[bool, str]:
    """(succeeded, why) of a stopped one-off task: each container that ended must have ended with 0. Pure."""
    codes = {container.name: container.exit_code for container in task.containers}
    known = {name: code for name, code in codes.items() if code is not None}
    if task.stop_code == "TaskFailedToStart" or not known:
        reasons = [container.reason for container in task.containers if container.reason]
        return False, task.stopped_reason or "; ".join(reasons) or "it stopped before it ran"
    failed = {name: code for name, code in known.items() if code != 0}
    if failed:
        exits = ", ".join(f"{name} exited with {code}" for name, code in failed.items())
        reasons = [
            f"({container.reason})" for container in task.containers if container.name in failed and container.reason
        ]
        return False, " ".join([exits, *reasons])
    return True, "exit code 0"


def run_one_off(
    observer: Observer,
    pace: Pace,
    listener: Listener,
    *,
    key: str,
    definition: TaskDefinition,
    run: Mapping[str, Any] | None,
    started_by: str,
    begun: Begun,
    deadline: float | None = None,
    is_resumed: bool = False,
) -> OneOffResult:
    """Run a task and wait for its end: until `deadline`, else for half an hour.

    `is_resumed`: an earlier process of the run may have started it; then that one is waited for.

    Raises:
        AwsError: ECS does not run it (carries its text).
    """
    began = told = monotonic()
    begun.one_off, begun.task, begun.has_run = key, None, True
    task = find_one_off(observer, started_by, definition.family) if is_resumed else None
    if task is None:
        task = _start(observer, key, definition, run, started_by)
    begun.task = task
    listener.change(Change("one_off_started", key, f"{definition.label()} runs as task {task.id}", {"task": task.arn}))
    follower, kept = Follower(observer.aws, since=None), list[str]()
    streams = _streams(definition, task)
    while True:
        found = observer.describe_tasks([task.arn])
        task = found[0] if found else task
        for line in follower.lines(streams) if streams else ():
            kept.append(line.text)
            fields = {"task": task.arn, "container": line.container, "at": line.at, "line": line.text}
            listener.change(Change("one_off_log", key, line.text, fields))
        if task.status == "STOPPED" or not found:
            break
        now = monotonic()
        if now >= (began + LIMIT_SECONDS if deadline is None else deadline):
            text = f"{_limit(deadline)}; task {task.id} goes on"
            return OneOffResult(key, task, definition, succeeded=False, text=text, still_runs=True)
        if now - told >= _TELL_SECONDS:
            told = now
            listener.change(_waiting(key, task, now - began))
        pace.wait()
    begun.one_off = begun.task = None
    succeeded, why = judge_task(task)
    lines = tuple(kept[-_LAST_LINES:])
    says = "" if succeeded else telling_line(lines)
    why = f"{why}: {says}" if says else why
    codes = {container.name: container.exit_code for container in task.containers}
    fields = {"task": task.arn, "succeeded": succeeded, "reason": why, "exit_codes": codes}
    listener.change(Change("one_off_stopped", key, f"{key}: {why}", fields, is_problem=not succeeded))
    return OneOffResult(key, task, definition, succeeded, why, lines)


def _limit(deadline: float | None) -> str:
    if deadline is not None:
        return "--timeout is over"
    return f"it did not end within {LIMIT_SECONDS / 60:.0f} minutes (--timeout gives it more or less)"


def _waiting(key: str, task: Task, seconds: float) -> Change:
    text = f"waiting for the end of task {task.id[:_SHORT_ID]} ({task.status}), for {seconds:.0f} s now"
    return Change("one_off_waiting", key, text, {"task": task.arn, "status": task.status, "seconds": round(seconds)})


def _start(
    observer: Observer, key: str, definition: TaskDefinition, run: Mapping[str, Any] | None, started_by: str
) -> Task:
    request: Any = run_request(run, cluster=observer.cluster, task_definition=definition.arn, started_by=started_by)
    with calling(f"running the task {key}"):
        answer = observer.aws.ecs.run_task(**request)
    if not answer["tasks"]:
        reasons = "; ".join(failure.get("reason", "?") for failure in answer.get("failures", ()))
        raise AwsError(f"running the task {key}: {reasons}")
    return read_task(answer["tasks"][0])


def _streams(definition: TaskDefinition, task: Task) -> list[tuple[str, str]]:
    found = (log_stream(definition, container["name"], task.id) for container in definition.containers)
    return [stream for stream in found if stream is not None]


def where_lines_are(definition: TaskDefinition, task: Task | None) -> str:
    """Why there are no lines of a stopped task, or where they may be looked for: one sentence for each container."""
    return "; ".join(_where(definition, container["name"], task) for container in definition.containers)


def _where(definition: TaskDefinition, container: str, task: Task | None) -> str:
    if task is None or never_started(task, container):
        return f"container {container} never started"
    stream = log_stream(definition, container, task.id)
    if stream is None:
        return elsewhere(definition, container)
    return f"container {container} wrote nothing to {stream[1]} in {stream[0]}"
