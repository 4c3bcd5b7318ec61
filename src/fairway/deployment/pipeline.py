"""A whole deployment: lock → lint → check → migrate → register → services → verify → monitor → record → unlock.

What it has done is on ECS, not in its memory: it may be interrupted at any moment, and `--resume`, `watch` or `rollback` go on
from what ECS says. (`lint` and `check` refuse before the first change: the command line asks them before it begins this.)
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from fairway.deployment.journal import Journal, Journals, hash_sets
from fairway.deployment.lock import TASK, Locks
from fairway.deployment.monitor import monitor
from fairway.deployment.one_off import OneOffResult, run_one_off
from fairway.deployment.outcome import EXIT_CODES, Ending, overall
from fairway.deployment.scheduled import Scheduled, started_before
from fairway.deployment.services import Services, ServicesResult, register_once
from fairway.deployment.steps import Selection, Step
from fairway.deployment.subject import Finding, Health, Subject, is_held, needs_new_window
from fairway.deployment.update import refuse_others
from fairway.deployment.verify import verify
from fairway.errors import DeploymentSuperseded, UsageError
from fairway.observed import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from fairway.aws.observe import Observer
    from fairway.deployment.context import Context
    from fairway.deployment.lock import Holding
    from fairway.deployment.release import Choices, OneOff, Release, ServiceRelease
    from fairway.observed import Service, TaskDefinition
    from fairway.project.model import Project


@dataclass(frozen=True, slots=True)
class Options:
    """How a deployment goes about it."""

    selection: Selection = field(default_factory=Selection)
    gives_up: bool = True
    take_over: bool = False
    """Take the locks, whoever has them."""
    despite_changes: bool = False
    """Go on with a run although somebody has changed a service since it began."""
    rolls_back_over_time: bool = False
    """When `--timeout` is over: roll back, instead of leaving it to ECS."""
    one_way: tuple[str, ...] = ()
    """Migrations of this release that cannot be undone."""
    on_wait: Callable[[str, Holding, float], None] | None = None
    """Waits for a lock; None: refuse at once."""
    on_locked: Callable[[], None] | None = None
    """Looks once more when nobody else can deploy any more, before anything is changed; refuses by an error."""


@dataclass(slots=True)
class Result:
    """How a deployment ended."""

    exit_code: int = 0
    services: ServicesResult = field(default_factory=ServicesResult)
    one_off: OneOffResult | None = None
    """The one-off task that failed."""
    verified: dict[str, Finding] = field(default_factory=dict)
    watched: dict[str, Finding] = field(default_factory=dict)
    pending: tuple[Step, ...] = ()
    """What is left for `watch --pending`."""
    revisions: dict[str, TaskDefinition] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    """Migrations because of which nothing went back by itself."""
    watches_anew: bool = False
    """All of the window was watched, and nothing is known: whoever goes on watches another one."""
    proved: dict[str, TaskDefinition] = field(default_factory=dict)
    """By key: what served already, was not deployed by this run, and is verified and watched by it."""
    accepted: str = ""
    """Who has decided that what serves is good, and why."""

    @property
    def has_looked(self) -> bool:
        """Everything was deployed: verifying or watching has begun."""
        return bool(self.verified or self.watched)

    @property
    def is_undecided(self) -> bool:
        """The new version serves, and whether it is good is not known."""
        return self.exit_code == EXIT_CODES[Ending.HELD] and self.has_looked and not self.held


def check_release(observer: Observer, release: Release) -> dict[str, Service]:
    """Refuse what cannot be deployed, before anything is changed; the living services, by ECS's name.

    Raises:
        UsageError: another controller deploys a service, or it is missing.
    """
    living = observer.services([item.name for item in release.services])
    for item in release.services:
        service = living.get(item.name)
        if service is not None:
            refuse_others(service)
        elif item.service is None:
            named = item.service_path is not None
            why = f'{item.key} has manage = "task-definition"' if named else "fairway.toml names no service definition"
            raise UsageError(
                f"there is no service {item.name} in cluster {observer.cluster}, and {why}"
                + ("" if named else f" for {item.key}"),
                hint="create the service first"
                + (', or take manage = "service"' if named else f', or add service = "…" under [services.{item.key}]'),
            )
    return living


def begin_journal(
    context: Context,
    project: Project,
    release: Release,
    choices: Choices,
    options: Options,
    living: Mapping[str, Service],
    proves: tuple[str, ...] = (),
) -> Journal:
    """The journal of a run that begins now.

    Raises:
        UsageError: a rule or schedule that starts a task of the release does not exist.
    """
    return Journal(
        run=context.origin.run,
        by=context.origin.by,
        began=context.observer.aws.now(),
        environment=project.environment.name,
        services=tuple(item.key for item in release.services),
        tag=choices.tag,
        tags=choices.tags,
        images=choices.images,
        sets=hash_sets(choices.sets),
        commit=context.origin.commit,
        steps=tuple(step for step in Step if step in options.selection.steps | options.selection.later),
        before={
            item.key: living[item.name].task_definition.rsplit("/", 1)[-1]
            for item in release.services
            if item.name in living
        },
        proves=proves,
        scheduled_before=started_before(context.observer.aws, release.scheduled),
        one_way=options.one_way,
    )


class Pipeline:
    """One run over a release."""

    def __init__(
        self,
        context: Context,
        project: Project,
        release: Release,
        journal: Journal,
        options: Options,
    ) -> None:
        self._context = context
        self._project = project
        self._release = release
        self._journal = journal
        self._options = options
        self._journals = Journals(context.observer.aws, context.observer.cluster)
        # what serves already is looked at, and neither deployed nor taken back
        deployed = tuple(item for item in release.services if item.key not in journal.proves)
        self._services = Services(
            context,
            replace(release, services=deployed),
            journal.before,
            gives_up=options.gives_up,
            held=bool(journal.one_way),
            rolls_back_over_time=options.rolls_back_over_time,
            watched={key: spec.monitor for key, spec in project.services.items()}
            if Step.MONITOR in options.selection.steps | options.selection.later
            else {},
        )
        self._scheduled = Scheduled(context, release.scheduled, journal.scheduled_before)
        self.result = Result(services=self._services.result)
        """As far as the run has come."""

    @property
    def context(self) -> Context:
        return self._context

    def name_of(self, key: str) -> str:
        """ECS's name of a service of the release."""
        return next(item.name for item in self._release.services if item.key == key)

    def go(self) -> Result:
        """Do the steps that are chosen.

        Raises:
            Locked: somebody else deploys one of the services.
            ChangedSince: the run is resumed, and somebody has changed a service that it has not deployed yet.
            LockLost: our lock was taken over meanwhile; nothing more is changed.
            AwsError: AWS refused before any service was changed.
        """
        if Step.LOCK not in self._options.selection:
            self._steps()
            return self.result
        with self._locks() as locks:
            self._context.guard = locks.check
            if self._options.on_locked is not None:
                self._options.on_locked()
            if (
                self._context.is_resumed
                and Step.SERVICES in self._options.selection
                and not self._options.despite_changes
            ):
                self._services.refuse_changed()
            self._end_others()
            self._journals.put(self._journal)
            try:
                self._steps()
            except BaseException:
                if self._context.begun.is_nothing and not self._context.is_resumed:
                    # nobody has anything to go on with
                    with suppress(ClientError, BotoCoreError):
                        self._journals.end(self._journal.run)
                raise
        # last: who is killed before has left something that can be resumed, also while locks are released
        self._end_journal()
        return self.result

    def accept(self, why: str) -> Result:
        """Somebody has decided that what serves is good: mark it so, and end the run. No service is changed.

        Raises:
            Locked: somebody verifies or watches it, or deploys one of the services.
            DeploymentSuperseded: a service serves something else by now.
        """
        context, result = self._context, self.result
        by = context.observer.aws.caller_arn()
        with self._locks() as locks:
            context.guard = locks.check
            self._services.adopt()
            self._scheduled.adopt()
            self._refuse_what_is_not_ours()
            result.accepted = f"accepted by {by}" + (f": {why}" if why else "")
            context.tell("accepted", "", result.accepted, run=self._journal.run, by=by, why=why)
            self._all_good(result.accepted)
        self._end_journal()
        return result

    def _refuse_what_is_not_ours(self) -> None:
        living = self._context.observer.services([item.name for item in self._release.services])
        for item in self._release.services:
            service = living.get(item.name)
            ours = self._target_of(item)
            if ours is None or service is None or service.task_definition != ours.arn:
                serves = "is gone" if service is None else f"serves {service.task_definition.rsplit('/', 1)[-1]}"
                raise DeploymentSuperseded(
                    f"{item.name} {serves}, and not what run {self._journal.run} has deployed: nothing was marked",
                    hint="see what was deployed since: fairway history; `fairway watch --pending` ends the run",
                )

    def _target_of(self, item: ServiceRelease) -> TaskDefinition | None:
        """The revision that this run has deployed, or proves."""
        followed = self._services.result.followed.get(item.key)
        if followed is None and item.key in self._journal.proves:
            found = self._context.observer.task_definition(self._journal.before[item.key], fresh=True)
            self.result.proved[item.key] = found
            return found
        return None if followed is None else followed.target

    def _locks(self) -> Locks:
        names = [item.name for item in self._release.services]
        names += [f"{TASK}{task.key}" for task in self._release.before]
        return Locks(
            self._context.observer.aws,
            self._context.observer.cluster,
            names,
            self._context.origin.run,
            take_over=self._options.take_over,
            wait=self._options.on_wait,
        )

    def _steps(self) -> None:
        selection, result = self._options.selection, self.result
        if Step.MIGRATE in selection:
            for task in self._release.before:
                if not self._one_off(task):
                    names = (item.key for item in self._release.services)
                    result.services.not_started = tuple(key for key in names if key not in self._journal.proves)
                    return
        if Step.REGISTER in selection:
            result.revisions = self._services.register()
            for item in self._release.scheduled:
                result.revisions[item.key] = register_once(self._context, item.key, item.definition, version=item.tag)
        if Step.SERVICES in selection:
            self._services.deploy(result.revisions)
            self._conclude()
            if result.exit_code != 0:
                return
            self._scheduled.move(result.revisions)
        if not selection.looks:
            self._all_good("deployed; neither verified nor watched")
            return
        self._look()

    def _end_others(self) -> None:
        """Whoever deploys a service anew ends what was left to do of it: nobody is to resume that."""
        for other in self._journals.all():
            if other.run != self._journal.run and set(other.services) & set(self._journal.services):
                self._journals.end(other.run)

    # -- one-off tasks -----------------------------------------------------------------------------------------------

    def _one_off(self, task: OneOff) -> bool:
        context = self._context
        definition = register_once(context, task.key, task.definition, version=task.tag)
        if context.is_resumed and definition.verdict == GOOD:
            return True
        context.guard()
        result = run_one_off(
            context.observer,
            context.pace,
            context.listener,
            key=task.key,
            definition=definition,
            run=task.run,
            started_by=context.started_by,
            begun=context.begun,
            deadline=context.deadline,
            is_resumed=context.is_resumed,
        )
        if result.succeeded:
            context.mark(definition, GOOD, task.key)
            return True
        self.result.one_off = result
        self.result.exit_code = EXIT_CODES[Ending.HANDED_OVER if result.still_runs else Ending.NOT_ROLLED_BACK]
        if not result.still_runs:
            context.mark(definition, BAD, task.key, why=result.text)
        return False

    # -- after the services ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Verify and watch what serves now; take it back when it is unhealthy."""
        context, selection, result = self._context, self._options.selection, self.result
        if Step.SERVICES not in selection and context.is_resumed:
            self._services.adopt()
            self._scheduled.adopt()
        since = self._journal.watched_since(context.observer.aws.now())
        subjects = self._subjects(since)
        if Step.LOCK in selection:
            self._journal = self._journals.watch(self._journal, since)
        if Step.VERIFY in selection:
            context.tell("step", "", "verifying", step=str(Step.VERIFY))
            result.verified = self._verify(subjects)
            if not self._judge(result.verified, subjects, Step.VERIFY):
                return
        if Step.MONITOR in selection:
            watched = [subject for subject in subjects if subject.monitor is not None]
            result.watched = monitor(
                context.observer, context.pace, context.listener, watched, deadline=context.deadline
            )
            if not self._judge(result.watched, subjects, Step.MONITOR):
                return
        if selection.later:
            result.pending = tuple(step for step in Step if step in selection.later)
            return
        self._all_good("deployed, verified and watched" if result.watched else "deployed and verified")

    def _verify(self, subjects: Sequence[Subject]) -> dict[str, Finding]:
        """Each service by the version that was put into it."""
        context = self._context
        versions = {item.key: item.version for item in self._release.services}
        found: dict[str, Finding] = {}
        for version in dict.fromkeys(versions.values()):
            found |= verify(
                context.observer,
                context.pace,
                context.listener,
                [subject for subject in subjects if versions[subject.key] == version],
                version=version,
                url=self._project.environment.url,
                begun=context.begun,
                deadline=context.deadline,
            )
        return found

    def _subjects(self, since: datetime) -> list[Subject]:
        observer = self._context.observer
        living = observer.services([item.name for item in self._release.services])
        subjects = []
        for item in self._release.services:
            service = living.get(item.name)
            if service is None:
                raise UsageError(f"there is no service {item.name} to look at", hint="deploy it first")
            target = self._target_of(item) or observer.task_definition(service.task_definition, fresh=True)
            spec = self._project.services[item.key]
            subjects.append(Subject(item.key, item.name, target, spec.verify, spec.monitor, since))
        return subjects

    def _judge(self, findings: Mapping[str, Finding], subjects: Sequence[Subject], step: Step) -> bool:
        """True: go on."""
        context, result = self._context, self.result
        worst = {health: [key for key, found in findings.items() if found.health is health] for health in Health}
        if worst[Health.UNHEALTHY]:
            target = {subject.key: subject for subject in subjects}
            for key in worst[Health.UNHEALTHY]:
                context.mark(target[key].target, BAD, target[key].name, why=findings[key].text)
            for key in worst[Health.UNHEALTHY]:
                if key not in self._services.result.followed:
                    self._services.result.kept[key] = "this run has not deployed it"
            why = f"{step} found {', '.join(worst[Health.UNHEALTHY])} unhealthy"
            if not self._journal.one_way:
                self._scheduled.take_back(why)
            self._services.take_back(why)
            self._conclude(failed=True)
            return False
        if worst[Health.SUPERSEDED]:
            result.exit_code = EXIT_CODES[Ending.SUPERSEDED]
            return False
        if any(is_held(subject, findings[subject.key]) for subject in subjects if subject.key in findings):
            result.exit_code = EXIT_CODES[Ending.HELD]
            if needs_new_window(findings.values()):
                result.watches_anew = True
                if Step.LOCK in self._options.selection:
                    self._journal = self._journals.hold(self._journal)
            return False
        return True

    def _all_good(self, why: str) -> None:
        for item in self._services.result.followed.values():
            self._context.mark(item.target, GOOD, item.service, why=why)
        for key, definition in self.result.proved.items():
            self._context.mark(definition, GOOD, self.name_of(key), why=why.removeprefix("deployed, "))
        for key, definition in self._scheduled.moved.items():
            self._context.mark(definition, GOOD, key, why=why)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _conclude(self, *, failed: bool = False) -> None:
        """The exit code, from how each service ended."""
        services = self._services.result
        endings = [item.outcome.ending for item in services.followed.values() if item.outcome is not None]
        if failed:
            endings.append(Ending.HELD if self._journal.one_way else Ending.ROLLED_BACK)
        if services.refused and Ending.NOT_ROLLED_BACK not in endings:
            # AWS did not begin it: of this service nothing is to be taken back
            endings.append(Ending.HELD if self._journal.one_way else Ending.ROLLED_BACK)
        if not endings and services.not_started:
            endings = [Ending.HANDED_OVER]
        back = [outcome.ending is Ending.SUCCEEDED for outcome in services.went_back.values()]
        code = overall(endings, went_back=back, left=len(services.kept))
        if code == 0 and services.not_started:
            code = EXIT_CODES[Ending.HANDED_OVER]
        if Ending.HELD in endings:
            self.result.held = self._journal.one_way
        self.result.exit_code = code

    def _end_journal(self) -> None:
        """Nothing is left to do, unless ECS goes on or a watch is open."""
        open_ends = {EXIT_CODES[Ending.HANDED_OVER]}
        if not self.result.pending and self.result.exit_code not in open_ends:
            self._journals.end(self._journal.run)
