"""Goes back: plans what changes for each service, then does it.

In a running deployment ECS's own rollback is asked for (StopServiceDeployment) when it would land on the known good revision;
otherwise the service is updated to that revision, and to the settings that belonged to it.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.session import AwsError
from fairway.deployment.follow import Followed
from fairway.deployment.known_good import Choice, has_source, last_known_good, settings_of
from fairway.deployment.lock import Locks
from fairway.deployment.outcome import EXIT_CODES, Ending, Outcome
from fairway.deployment.register import mark, run_id
from fairway.deployment.secret_versions import outdated
from fairway.deployment.update import refuse_others, stop_deployment
from fairway.deployment.way_back import restore_alarms, update_back, without_alarms
from fairway.errors import UsageError
from fairway.observed import BAD, DEPLOYMENT_TAG, GOOD, ONE_WAY_TAG, ROLLING_BACK, SUCCESSFUL
from fairway.planning.canonical import living_definition
from fairway.planning.changes import DEFINITION, Change
from fairway.planning.defaults import TASK_DEFINITION
from fairway.planning.difference import compare
from fairway.planning.show import change_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.follow import Watcher
    from fairway.observed import Service, ServiceDeployment, TaskDefinition

_MOST_BETWEEN: Final = 50
"""Revisions that are looked at for migrations which cannot be undone."""
_ENDED_BY_STOPPING = frozenset({Ending.ROLLED_BACK, Ending.NOT_ROLLED_BACK})
"""ECS's rollback is over; whether it landed where it should is asked apart."""


class NothingToGoBackTo(UsageError):
    """No other revision of the service is known to be good, or was ever deployed with success."""

    code = "nothing-to-go-back-to"


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing is to be done: what is wanted serves already."""

    definition: TaskDefinition
    reason: str


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What a rollback of a service changes."""

    service: Service
    current: TaskDefinition
    choice: Choice
    running: ServiceDeployment | None = None
    """The deployment that is under way."""
    by_stopping: bool = False
    """ECS's own rollback of the running deployment lands on the chosen revision."""
    goes_on: bool = False
    """The running deployment is a rollback already, which somebody began: it is followed."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What UpdateService is told beside the revision: the network and the capacity that belonged to it."""

    @property
    def marks_bad(self) -> bool:
        """What we leave is newer than what we go back to: it is marked bad, so that the next rollback does not choose it."""
        return self.current.number > self.choice.definition.number

    def lines(self) -> list[str]:
        """What changes, for whoever has to say yes."""
        target = self.choice.definition
        notes = [self.choice.kind]
        if target.verdict == BAD:
            notes = ["marked bad"]
        if target.tags.get("fairway:verified-at"):
            notes.append(f"since {target.tags['fairway:verified-at']}")
        how = "ECS rolls the running deployment back" if self.by_stopping else "the service is updated"
        how = "a rollback that was begun goes on" if self.goes_on else how
        lines = [f"{self.service.name}: {self.current.label()} → {target.label()} ({', '.join(notes)}); {how}"]
        lines += [f"  {line}" for line in difference_lines(self.current, target)]
        lines += [f"  {name} goes back to what it was then" for name in self.settings]
        if not self.by_stopping and without_alarms(self.service.document):
            lines.append("  ECS's deployment alarms are off until it is back")
        if self.marks_bad:
            lines.append(f"  {self.current.name} is marked bad")
        return lines


def difference_lines(current: TaskDefinition, target: TaskDefinition) -> list[str]:
    """What a task is made of then, where that differs; values that may be secrets are hidden. Pure."""
    found = compare(living_definition(current), living_definition(target), TASK_DEFINITION)
    return [change_line(Change(DEFINITION, difference)) for difference in found.differences]


def plan_rollback(
    observer: Observer,
    name: str,
    to: str | None = None,
    *,
    further: bool = False,
    over_one_way: bool = False,
    old_secrets: bool = False,
) -> RollbackPlan | Unchanged:
    """What a rollback of a service would change; `to` names a revision (`7`, `family:7`, or its version).

    After ECS itself has rolled back, or a rollback before this one, the known good revision serves already, and nothing
    changes (the same command twice is one rollback) unless `further` says so; nor when `to` serves.

    Raises:
        ServiceNotFound: there is no such service.
        NothingToGoBackTo: no other revision is known to be good.
        UsageError: no such revision, it is being deployed now, a migration between cannot be undone, or it keeps versions of
            secrets that are no longer current.
    """
    service = observer.service(name)
    refuse_others(service)
    running = _running(observer, name)
    current_arn = service.task_definition
    if running is not None:
        of = observer.revision_definitions([running.target_revision.arn])
        current_arn = of.get(running.target_revision.arn, current_arn)
    current = observer.task_definition(current_arn, fresh=True)
    if to is None and running is None and current.verdict == GOOD and _failed_since(observer, name, current_arn):
        reason = f"{current.label()} is known to be good and serves already: ECS has rolled back by itself"
        return Unchanged(current, reason)
    if to is None and running is None and not further:
        left = _left_by_rollback(observer, name, current)
        if left is not None:
            reason = f"{current.label()} serves already: a rollback from {left.label()} has brought it back"
            return Unchanged(current, f"{reason} (--further goes back once more)")
    if to is not None and running is None and _is_meant(current, to):
        return Unchanged(current, f"{name} is at {to} already: nothing to do")
    if to is None and running is not None and not further:
        left = _left_by(observer, running, current)
        if left is not None:
            return RollbackPlan(
                service, left, Choice(current, is_verified=current.verdict == GOOD), running, goes_on=True
            )
    choice = last_known_good(observer, service, current_arn) if to is None else _named(observer, current, to)
    if choice is None:
        raise NothingToGoBackTo(
            f"{name}: no revision but {current.label()} is known to be good, or was ever deployed with success",
            hint=f"choose one yourself: fairway rollback {observer.cluster}/{name} --to REVISION (see fairway history)",
        )
    if choice.definition.arn == current_arn:
        raise UsageError(
            f"{name}: {current.label()} is being deployed now", hint=f"fairway watch {observer.cluster}/{name}"
        )
    if not over_one_way:
        _refuse_one_way(observer, name, current, choice.definition)
    if not old_secrets:
        _refuse_old_secrets(observer, name, choice.definition)
    by_stopping = running is not None and has_source(observer, running, choice.definition.arn)
    settings = {} if by_stopping else settings_of(observer, service, choice.definition.arn)
    return RollbackPlan(service, current, choice, running, by_stopping, settings=settings)


def _refuse_old_secrets(observer: Observer, name: str, target: TaskDefinition) -> None:
    found = outdated(observer.aws, target)
    if found:
        raise UsageError(
            f"{name}: {target.label()} keeps versions of secrets that are no longer current: {', '.join(found)}",
            hint="a password that was revoked since would come back with it; if that is what you want: rollback --old-secrets",
        )


def _left_by_rollback(observer: Observer, name: str, current: TaskDefinition) -> TaskDefinition | None:
    """The bad revision from which the newest deployment went back to an older one; None: the newest went forward."""
    records = observer.service_deployments(name, most=1)
    if not records or records[0].status != SUCCESSFUL:
        return None
    whole = observer.describe_deployments([records[0].arn]).get(records[0].arn)
    return None if whole is None else _left_by(observer, whole, current)


def _left_by(observer: Observer, record: ServiceDeployment, current: TaskDefinition) -> TaskDefinition | None:
    """The bad revision from which a deployment goes back to an older one; None: it goes forward."""
    of = observer.revision_definitions(source.arn for source in record.source_revisions)
    for arn in of.values():
        source = observer.find_task_definition(arn)
        if source is not None and source.verdict == BAD and source.number > current.number:
            return source
    return None


def one_way_between(
    definitions: Iterable[TaskDefinition], current: int, target: int
) -> list[tuple[str, TaskDefinition]]:
    """Migrations that cannot be undone and ran after revision number `target`, up to `current`; with their revisions. Pure."""
    return [
        (migration, definition)
        for definition in definitions
        if target < definition.number <= current
        for migration in definition.tags.get(ONE_WAY_TAG, "").split()
    ]


def _refuse_one_way(observer: Observer, name: str, current: TaskDefinition, target: TaskDefinition) -> None:
    if target.family != current.family or target.number >= current.number:
        return
    numbers = range(current.number, target.number, -1)[:_MOST_BETWEEN]
    between = (observer.find_task_definition(f"{current.family}:{number}") for number in numbers)
    found = one_way_between((d for d in between if d is not None), current.number, target.number)
    if found:
        migration, definition = found[0]
        raise UsageError(
            f"{name}: the migration {migration}, which ran before {definition.label()}, cannot be undone: "
            f"{target.label()} may not run on what it left",
            hint="correct it forward: fairway deploy; or, if you know that it can run: rollback --over-one-way",
        )


def _is_meant(current: TaskDefinition, to: str) -> bool:
    """`to` names the current revision. By its version only if it is not known to be bad: another one of it may be meant."""
    by_version = current.version == to and current.verdict != BAD
    return to in {str(current.number), current.name} or (by_version and not to.isdigit())


def _running(observer: Observer, name: str) -> ServiceDeployment | None:
    records = observer.service_deployments(name, most=1)
    if not records or records[0].is_over:
        return None
    return observer.describe_deployments([records[0].arn]).get(records[0].arn)


def _failed_since(observer: Observer, name: str, current: str) -> bool:
    """The newest deployment brought in something else, and did not succeed."""
    records = observer.service_deployments(name, most=1)
    of = observer.revision_definitions(record.target_revision.arn for record in records)
    return bool(records) and records[0].status != SUCCESSFUL and of.get(records[0].target_revision.arn) != current


def _named(observer: Observer, current: TaskDefinition, to: str) -> Choice:
    if to.isdigit() or to.startswith(f"{current.family}:"):
        reference = f"{current.family}:{to}" if to.isdigit() else to
        found = observer.find_task_definition(reference)
    else:
        others = (observer.find_task_definition(arn) for arn in observer.family(current.family))
        # the newest revision of that version which is not known to be bad
        named = [d for d in others if d is not None and d.version == to and d.arn != current.arn]
        found = next((d for d in named if d.verdict != BAD), named[0] if named else None)
    if found is None:
        raise UsageError(
            f"{current.family} has no revision {to}", hint="name it by number, family:number, or its version"
        )
    if not found.is_active:
        raise UsageError(f"{found.name} is deregistered: ECS does not deploy it any more", hint="choose another one")
    return Choice(found, is_verified=found.verdict == GOOD)


def start_rollback(observer: Observer, pace: Pace, plan: RollbackPlan) -> Followed:
    """Begin to go back; the deployment that is to be followed then."""
    target = plan.choice.definition
    if plan.goes_on and plan.running is not None:
        return Followed(plan.service.name, plan.running.arn, target)
    if plan.by_stopping and plan.running is not None:
        going = plan.running.status in ROLLING_BACK
        if going or stop_deployment(observer, plan.running.arn) is None:
            return Followed(plan.service.name, plan.running.arn, plan.current)
    begun = update_back(observer, pace, plan.settings, observer.service(plan.service.name), target.arn)
    return Followed(plan.service.name, begun.record.arn, target)


def go_back(
    observer: Observer, pace: Pace, watcher: Watcher, plan: RollbackPlan, *, on_begin: Callable[[], None] | None = None
) -> tuple[int, Followed]:
    """Go back, and follow it to its end: the exit code, and what was followed. Both revisions get their verdicts.

    `on_begin` is called just before ECS is asked: an interrupt may come before its answer does.

    Raises:
        AwsError: ECS refuses.
    """
    aws, name = observer.aws, plan.service.name
    if plan.marks_bad:
        # first, so that a rollback which is interrupted is not undone by the next one
        mark(aws, plan.current.arn, BAD, aws.now(), why=f"rolled back by {aws.caller_arn()}")
    if on_begin is not None:
        on_begin()
    followed = start_rollback(observer, pace, plan)
    while not watcher.look([followed]):
        watcher.wait()
    assert followed.outcome is not None
    landed = observer.services([name]).get(name)
    code = rollback_exit_code(plan, followed.outcome, "" if landed is None else landed.task_definition)
    if code == 0:
        mark(aws, plan.choice.definition.arn, GOOD, aws.now())
        if followed.target is plan.choice.definition:
            restore_alarms(observer, plan.service, watcher.listener)
    return code, followed


@contextmanager
def overriding_locks(observer: Observer, names: Sequence[str]) -> Iterator[None]:
    """Take the locks of services from whoever has them: the way back waits for nobody, and a deployment hears of it.

    Who may update a service and may not use SSM goes back all the same.
    """
    aws = observer.aws
    with ExitStack() as stack:
        with suppress(AwsError):
            run = f"rollback-{run_id(aws.now())}"
            stack.enter_context(Locks(aws, observer.cluster, names, run, take_over=True))
        yield


def rollback_exit_code(plan: RollbackPlan, outcome: Outcome, landed: str) -> int:
    """The exit code of a rollback of one service, which is to serve `landed` in the end. Pure."""
    wanted = plan.choice.definition.arn
    ended = outcome.ending is Ending.SUCCEEDED or (plan.by_stopping and outcome.ending in _ENDED_BY_STOPPING)
    if ended and landed == wanted:
        return 0
    if outcome.ending in {Ending.SUPERSEDED, Ending.HANDED_OVER}:
        return outcome.exit_code
    return EXIT_CODES[Ending.NOT_ROLLED_BACK]


def newest_release(definitions: Mapping[str, TaskDefinition]) -> list[str]:
    """The services (by key) that the newest run of Fairway deployed; all, when none was deployed by Fairway. Pure.

    One word takes a release back as a whole, and leaves services alone that it did not touch.
    """
    tagged = {key: found for key, found in definitions.items() if DEPLOYMENT_TAG in found.tags}
    if not tagged:
        return list(definitions)
    newest = max(tagged.values(), key=lambda found: str(found.document.get("registeredAt", "")))
    return [key for key, found in tagged.items() if found.tags[DEPLOYMENT_TAG] == newest.tags[DEPLOYMENT_TAG]]


def reversed_order(keys: Sequence[str], after: Mapping[str, Sequence[str]]) -> list[str]:
    """The services in the order in which they go back: whatever comes after another goes back before it. Pure."""
    order: list[str] = []

    def visit(key: str) -> None:
        if key not in order:
            for earlier in after.get(key, ()):
                if earlier in keys:
                    visit(earlier)
            order.append(key)

    for key in keys:
        visit(key)
    return order[::-1]
