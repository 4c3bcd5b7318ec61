"""Why a service is not well: causes, the most important first, from one picture. Pure.

What the picture must hold for it: stopped tasks, targets, events, the service deployment, health checks, and the last log
lines of one task of each group of failures (`deployment/evidence.py` fetches them).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fairway.deployment.causes import likely_cause
from fairway.deployment.changes import is_bad_news, label
from fairway.deployment.failures import Failure, split_failures
from fairway.observed import BAD, GUARD_PREFIX, ROLLBACK_SUCCESSFUL, ROLLING_BACK, SUCCESSFUL, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.observed import LogTail, Picture, Target

_SHORT_ID: Final = 8
_MOST_TASKS: Final = 5
_MOST_EVENTS: Final = 3
_MOST_LINES: Final = 12
_ALARM: Final = "look at the log of that time, and at the alarm's metric in CloudWatch"


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why the service is not well."""

    kind: str
    """Stable, for programs: `crash`, `image-not-found`, `health-check-path`, …"""
    title: str
    facts: tuple[str, ...] = ()
    likely: str = ""
    remedy: str = ""
    tasks: tuple[str, ...] = ()
    log: LogTail | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a service, the reason first."""

    service: str
    headline: str
    causes: tuple[Cause, ...]
    next_command: str
    earlier: str = ""
    """What failed before, in one line: no cause of how things are now."""

    @property
    def is_well(self) -> bool:
        return not self.causes

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "service": self.service,
            "headline": self.headline,
            "causes": [
                {
                    "kind": cause.kind,
                    "title": cause.title,
                    "facts": list(cause.facts),
                    "likely": cause.likely,
                    "remedy": cause.remedy,
                    "tasks": list(cause.tasks),
                    "log": None if cause.log is None else list(cause.log.lines),
                    "log_missing": "" if cause.log is None else cause.log.missing,
                }
                for cause in self.causes
            ],
            "earlier": self.earlier,
            "next": self.next_command,
        }


def diagnose(picture: Picture, *, address: str, can_go_back: bool = False) -> Diagnosis:
    """The causes in a picture. `address` is how the service is named on the command line: `api` or `CLUSTER/SERVICE`.

    `can_go_back`: there is another revision that is known to be good.
    """
    target = picture.target.arn if picture.target is not None else None
    now, earlier = split_failures(picture)
    # what the deployment brought in comes first
    now.sort(key=lambda failure: failure.task_definition != target)
    alarms = list(_alarms(picture))
    found = [*alarms, *_failed(picture, now), *_unwell(picture), *_events(picture, has_failures=bool(now))]
    note = ""
    if earlier and not now and not alarms and not _ended_well(picture):
        found += [replace(cause, title=f"earlier: {cause.title}") for cause in _failed(picture, earlier)]
    elif earlier:
        note = _note(picture, earlier)
    return Diagnosis(
        picture.service.name,
        headline(picture),
        tuple(found),
        _next(picture, found, address, can_go_back=can_go_back),
        note,
    )


def _ended_well(picture: Picture) -> bool:
    return picture.deployment is not None and picture.deployment.status == SUCCESSFUL


def _note(picture: Picture, earlier: list[Failure]) -> str:
    """What failed earlier, in one line."""
    newest = max(earlier, key=lambda failure: failure.newest.stopped_at or failure.newest.created_at)
    count = sum(len(failure.tasks) for failure in earlier)
    when = newest.newest.stopped_at or newest.newest.created_at
    what = f"{count} task{'s' if count > 1 else ''} stopped, the last of {label(picture, newest.task_definition)}"
    return f"earlier: {what} at {when:%H:%M:%S}: {newest.reason}"


def headline(picture: Picture) -> str:
    """How the deployment stands, in one line."""
    service, record = picture.service, picture.deployment
    if record is None:
        return f"{service.name}: ECS has no record of a deployment; {service.running} of {service.desired} tasks run"
    target = picture.target.label() if picture.target is not None else short(record.target_revision.arn)
    counts = f"{service.running} of {service.desired} tasks run"
    now = label(picture, service.task_definition)
    if record.status == SUCCESSFUL:
        bad = picture.target is not None and picture.target.verdict == BAD
        return f"{service.name}: {target} was deployed{', and is marked bad' if bad else ''}; {counts}"
    if record.status == ROLLBACK_SUCCESSFUL:
        return f"{service.name}: {target} failed and was rolled back; {now} serves, {counts}"
    if record.status in ROLLING_BACK:
        return f"{service.name}: {target} failed and is being rolled back; {counts}"
    if record.is_over:
        return f"{service.name}: {target} failed and was not rolled back ({record.status}); {counts}"
    return f"{service.name}: {target} is being deployed ({record.status}); {counts}"


def _alarms(picture: Picture) -> Iterator[Cause]:
    """The alarms by which ECS itself failed the deployment: no task need have failed."""
    record = picture.deployment
    if record is None or not record.alarms or record.status == SUCCESSFUL:
        return
    for name in record.alarms:
        own = name.startswith(GUARD_PREFIX)
        likely = "what it watches was beyond its limit when the new version came in"
        if own and name.endswith("-errors"):
            likely = f"too many requests failed when the new version came in ({name})"
        elif own and "-latency" in name:
            likely = f"answers were too slow when the new version came in ({name})"
        yield Cause("alarm", f"ECS failed the deployment because the alarm {name} fired", likely=likely, remedy=_ALARM)


def _failed(picture: Picture, groups: list[Failure]) -> Iterator[Cause]:
    tails = {(tail.task_id, tail.container): tail for tail in picture.logs}
    for failure in groups:
        log = next((tails[t.id, failure.container] for t in failure.tasks if (t.id, failure.container) in tails), None)
        likely = likely_cause(failure, picture, () if log is None else log.lines)
        count = len(failure.tasks)
        never = "" if failure.lived_seconds is not None else " before it ran" if count == 1 else " before they ran"
        yield Cause(
            kind=likely.kind,
            title=f"{count} task{'s' if count > 1 else ''} of {label(picture, failure.task_definition)} stopped{never}: "
            f"{failure.reason}",
            facts=tuple(_facts(failure)),
            likely=likely.text,
            remedy=likely.remedy,
            tasks=tuple(task.arn for task in failure.tasks),
            log=log,
        )


def _facts(failure: Failure) -> Iterator[str]:
    if failure.container and failure.exit_code is not None:
        reason = f": {failure.container_reason}" if failure.container_reason else ""
        yield f"container {failure.container}: exit code {failure.exit_code}{reason}"
    elif failure.container_reason and failure.container_reason not in failure.reason:
        yield f"container {failure.container}: {failure.container_reason}"
    if failure.target_reason:
        yield f"target: {failure.target_reason}"
    lived = failure.lived_seconds
    ids = [task.id[:_SHORT_ID] for task in failure.tasks]
    more = f" and {len(ids) - _MOST_TASKS} more" if len(ids) > _MOST_TASKS else ""
    ran = "" if lived is None else f"; the newest ran for {lived:.0f} s"
    yield f"task{'s' if len(ids) > 1 else ''} {', '.join(ids[:_MOST_TASKS])}{more}{ran}"


def _unwell(picture: Picture) -> Iterator[Cause]:
    """What runs and is not well: targets and tasks that fail their checks now."""
    by_reason: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], Target] = {}
    for target in picture.targets:
        if target.state in {"unhealthy", "unavailable"}:
            key = (target.state, target.description or target.reason)
            by_reason[key] += 1
            example[key] = target
    for (state, why), count in by_reason.most_common():
        target = example[state, why]
        check = next((c for c in picture.checks if c.target_group == target.target_group), None)
        asks = "" if check is None else f"the load balancer asks {check.path} and wants {check.matcher}"
        yield Cause(
            kind="target-unhealthy",
            title=f"{count} target{'s are' if count > 1 else ' is'} {state}: {why}",
            facts=(f"such as {target.address}:{target.port}", *([asks] if asks else [])),
        )
    sick = [task for task in picture.tasks if task.health == "UNHEALTHY"]
    if sick:
        yield Cause(
            kind="task-unhealthy",
            title=f"{len(sick)} running task{'s fail their' if len(sick) > 1 else ' fails its'} container health check",
            facts=(", ".join(task.id[:_SHORT_ID] for task in sick[:_MOST_TASKS]),),
            tasks=tuple(task.arn for task in sick),
        )


_TOLD_OTHERWISE: Final = (
    "failed container health checks",
    "is unhealthy in",
    "rolling back to",
    "tasks failed to start",
)
_BREAKER: Final = "circuit breaker"


def _events(picture: Picture, *, has_failures: bool) -> Iterator[Cause]:
    """Service events that tell of trouble which no stopped task shows: placement, capacity, bounds, permissions."""
    record = picture.deployment
    since = None if record is None else record.finished_at if _ended_well(picture) else record.created_at
    shown: set[str] = set()
    for event in picture.service.events:
        if len(shown) >= _MOST_EVENTS or (since is not None and event.at < since):
            return
        message = event.message
        if not is_bad_news(message) or message in shown or any(words in message for words in _TOLD_OTHERWISE):
            continue
        if has_failures and ("CannotPull" in message or "ResourceInitialization" in message):
            continue
        shown.add(message)
        likely, remedy = _explain_event(message)
        yield Cause("event", message, likely=likely, remedy=remedy)


def _explain_event(message: str) -> tuple[str, str]:
    if "unable to stop or start tasks" in message:
        return "the bounds let no task move", "raise maximumPercent, or lower minimumHealthyPercent"
    if "unable to consistently start" in message:
        return "tasks stop again and again: ECS waits longer each time", "correct what stops them, and deploy again"
    if "service linked role" in message or "misconfigured" in message:
        return "ECS lacks a permission", "look at the service-linked role AWSServiceRoleForECS"
    return "", ""


def serves_nobody(picture: Picture) -> bool:
    """The deployment is over, and the load balancer calls every target unwell."""
    record, states = picture.deployment, [target.state for target in picture.targets if target.state != "draining"]
    return record is not None and record.is_over and bool(states) and set(states) <= {"unhealthy", "unavailable"}


def _next(picture: Picture, causes: list[Cause], address: str, *, can_go_back: bool) -> str:
    record = picture.deployment
    if can_go_back and serves_nobody(picture):
        return f"fairway rollback {address}"
    if record is not None and not record.is_over:
        return f"fairway watch {address}" if not causes else f"fairway rollback {address}"
    if any(cause.log is not None and cause.log.lines for cause in causes):
        return f"fairway logs {address} --stopped"
    if record is not None and record.status not in {SUCCESSFUL, ROLLBACK_SUCCESSFUL}:
        return f"fairway rollback {address}"
    return f"fairway history {address}" if causes else f"fairway status {address}"


def render(diagnosis: Diagnosis) -> list[str]:
    """A diagnosis as lines of text: the reason first."""
    lines = [diagnosis.headline]
    for cause in diagnosis.causes:
        lines += ["", f"  {cause.title}"]
        lines += [f"    {fact}" for fact in cause.facts]
        if cause.likely:
            lines.append(f"    likely cause: {cause.likely}")
        if cause.log is not None:
            lines += _render_log(cause.log)
        if cause.remedy:
            lines.append(f"    to do: {cause.remedy}")
    if diagnosis.is_well:
        lines.append("  all is well now, as far as ECS remembers (it keeps stopped tasks for about an hour)")
    if diagnosis.earlier:
        lines.append(f"  {diagnosis.earlier}")
    return [*lines, "", f"  next: {diagnosis.next_command}"]


def _render_log(log: LogTail) -> list[str]:
    if not log.lines:
        return [f"    no log lines: {log.missing}"]
    where = f" ({log.group})" if log.group else ""
    shown = log.lines[-_MOST_LINES:]
    return [
        f"    last lines of {log.container} in {log.task_id[:_SHORT_ID]}{where}:",
        *(f"      | {line}" for line in shown),
    ]
