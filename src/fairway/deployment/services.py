"""Brings new revisions into services, each in its turn and followed to its end; takes them back if one fails.

One loop drives every service that goes on, so that AWS is asked for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fairway.deployment.follow import Followed, Watcher
from fairway.deployment.give_up import clear_sign
from fairway.deployment.guard_alarms import guard
from fairway.deployment.known_good import has_source, last_known_good, settings_of
from fairway.deployment.order import ready
from fairway.deployment.outcome import Ending, Outcome
from fairway.deployment.register import register, with_tags
from fairway.deployment.resume import find_deployment, find_registered
from fairway.deployment.update import Started, create, stop_deployment, update
from fairway.deployment.way_back import restore_alarms, update_back
from fairway.errors import DeploymentHeld, DeploymentSuperseded, FairwayError
from fairway.observed import BAD, DIGEST_TAG, GOOD, SETTINGS_TAG, SUCCESSFUL
from fairway.planning.hashes import settings_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.deployment.context import Context
    from fairway.deployment.release import Release, ServiceRelease
    from fairway.observed import Service, TaskDefinition
    from fairway.project.checks import Monitoring


class ChangedSince(DeploymentSuperseded):
    """Somebody has changed a service since the run began that is to be gone on with."""

    code = "changed-since"


def changed_since(name: str, before: str | None, now: str | None) -> list[str]:
    """What somebody else has done to a service since a run began that has not deployed it; empty: nothing. Pure.

    Both are `family:revision`; None: there was, or is, no such service.
    """
    if before == now:
        return []
    if before is None:
        return [f"{name} did not exist when it began, and now {now} serves there"]
    if now is None:
        return [f"{before} served in {name} when it began, and the service is gone now"]
    return [f"{before} served in {name} when it began, and now {now} does"]


@dataclass(slots=True)
class ServicesResult:
    """How far the services have come. By key."""

    followed: dict[str, Followed] = field(default_factory=dict)
    """Each service whose deployment was started."""
    refused: dict[str, FairwayError] = field(default_factory=dict)
    """Each service whose deployment AWS did not begin."""
    not_started: tuple[str, ...] = ()
    went_back: dict[str, Outcome] = field(default_factory=dict)
    """Each finished service that was taken back."""
    kept: dict[str, str] = field(default_factory=dict)
    """Each finished service that stays as it is now, and why."""

    @property
    def finished(self) -> list[str]:
        """Those that serve the new revision, in the order in which they were started."""
        return [
            key
            for key, item in self.followed.items()
            if item.outcome is not None and item.outcome.ending is Ending.SUCCEEDED
        ]

    @property
    def has_failed(self) -> bool:
        bad = {Ending.ROLLED_BACK, Ending.NOT_ROLLED_BACK, Ending.HELD}
        return bool(self.refused) or any(
            item.outcome is not None and item.outcome.ending in bad for item in self.followed.values()
        )


class Services:
    """The services of a run."""

    def __init__(
        self,
        context: Context,
        release: Release,
        before: Mapping[str, str],
        *,
        gives_up: bool = True,
        held: bool = False,
        rolls_back_over_time: bool = False,
        watched: Mapping[str, Monitoring | None] | None = None,
    ) -> None:
        """`before`: by key, the task definition that served before; a service that is missing there is created.

        `watched`: by key, the limits of what is watched, None for a service that is not; a key that is missing says nothing
        about ECS's alarms, and they stay as they are.

        `held`: nothing goes back by itself, since a migration of this run cannot be undone.
        """
        self._context = context
        self._release = release
        self._before = before
        self._gives_up = gives_up
        self._watched = watched or {}
        self._held = held
        self._rolls_back_over_time = rolls_back_over_time and not held
        self._watcher = Watcher(
            context.observer, context.pace, context.listener, timeout_seconds=context.timeout_seconds
        )
        self._stopped: dict[str, str] = {}
        """Service deployments that we asked ECS to roll back, and why."""
        self._rolls_back_itself: set[str] = set()
        """Service deployments that ECS did not let us stop: it was rolling them back already, and the merit is its own."""
        self.result = ServicesResult()

    # -- revisions ---------------------------------------------------------------------------------------------------

    def register(self) -> dict[str, TaskDefinition]:
        """A revision for each service, all of them before any service is changed: what ECS refuses changes nothing."""
        return {item.key: self._register(item) for item in self._release.services}

    def _register(self, item: ServiceRelease) -> TaskDefinition:
        # by which a plan tells a change of the file from one that was made by hand
        tags = {SETTINGS_TAG: settings_hash(item.definition, item.service)}
        if item.digest is not None:
            tags[DIGEST_TAG] = item.digest
        return register_once(self._context, item.name, with_tags(item.definition, tags), version=item.version)

    # -- going on ----------------------------------------------------------------------------------------------------

    def refuse_changed(self) -> None:
        """Make sure that what this run has not deployed yet still serves what served when it began. Changes nothing.

        Raises:
            ChangedSince: somebody has deployed, rolled back or deleted one of the services.
        """
        observer, run = self._context.observer, self._context.origin.run
        living = observer.services([item.name for item in self._release.services])
        found = []
        for item in self._release.services:
            ours = find_registered(observer, str(item.definition["family"]), run)
            service = living.get(item.name)
            if ours is None or service is None or find_deployment(observer, item.name, ours.arn) is None:
                now = None if service is None else service.task_definition.rsplit("/", 1)[-1]
                found += changed_since(item.name, self._before.get(item.key), now)
        if found:
            raise ChangedSince(
                f"run {run} is not gone on with: {'; '.join(found)}",
                hint="if what serves now is right, leave it: a new deployment ends this run; or go on all the same: "
                f"fairway deploy --resume {run} --force",
            )

    # -- deploying ---------------------------------------------------------------------------------------------------

    def deploy(self, revisions: Mapping[str, TaskDefinition]) -> None:
        """Bring the revisions in, in the order of `after`; when one fails, take back what was deployed."""
        after = {item.key: item.after for item in self._release.services}
        of = {item.key: item for item in self._release.services}
        started: list[str] = []
        done: list[str] = []
        failed = False
        while True:
            if not failed and not self._watcher.is_over_time:
                for key in ready(after, started, done):
                    started.append(key)
                    if not self._start(of[key], revisions[key]):
                        failed = True
                        break
            going = [item for item in self.result.followed.values() if item.outcome is None]
            if failed and self._release.roll_back_all and not self._held:
                self._stop_others(going)
            if not going:
                break
            for ended in self._watcher.look(going):
                self._ended(ended)
                if ended.outcome is not None and ended.outcome.ending is Ending.SUCCEEDED:
                    done.append(self._key_of(ended))
                else:
                    failed = True
            going = [item for item in going if item.outcome is None]
            if self._gives_up:
                for item in going:
                    failed = self._give_up(item) or failed
            if any(item.outcome is None for item in going):
                self._watcher.wait()
        self.result.not_started = tuple(key for key in after if key not in started)
        if self._rolls_back_over_time and self._watcher.is_over_time:
            self._roll_back_over_time()
        if self.result.has_failed:
            self.take_back("a later service failed")

    def adopt(self) -> None:
        """Take up what an earlier process of this run has deployed to its end: it can be marked, and taken back."""
        observer = self._context.observer
        for item in self._release.services:
            definition = find_registered(observer, str(item.definition["family"]), self._context.origin.run)
            record = None if definition is None else find_deployment(observer, item.name, definition.arn)
            if definition is not None and record is not None and record.status == SUCCESSFUL:
                done = Outcome(Ending.SUCCEEDED, "the service deployment ended SUCCESSFUL", GOOD)
                self.result.followed[item.key] = Followed(item.name, record.arn, definition, outcome=done)

    def _roll_back_over_time(self) -> None:
        """What still goes on when the time is over is rolled back by ECS, and followed to its end."""
        late = [
            item
            for key, item in self.result.followed.items()
            if item.outcome is not None and item.outcome.ending is Ending.HANDED_OVER and key in self._before
        ]
        for item in late:
            self._context.guard()
            if stop_deployment(self._context.observer, item.deployment) is None:
                self._stopped[item.deployment] = "--timeout is over"
                item.outcome = None
        late = [item for item in late if item.outcome is None]
        watcher = Watcher(self._context.observer, self._context.pace, self._context.listener)
        while any(item.outcome is None for item in late):
            for ended in watcher.look(late):
                self._ended(ended)
            watcher.wait()

    def _start(self, item: ServiceRelease, definition: TaskDefinition) -> bool:
        context = self._context
        try:
            begun = self._begin(item, definition)
        except (DeploymentSuperseded, DeploymentHeld):
            # held: ECS goes on with it, and we cannot follow; `--resume` and `watch` can
            raise
        except FairwayError as error:
            context.begun.services.pop(item.key, None)
            if not self.result.followed and not self.result.refused and error.exit_code == 1:
                # nothing was deployed by this run: AWS's own answer is all that there is to say
                raise
            self.result.refused[item.key] = error
            context.tell("refused", item.name, error.message, is_problem=True, message=error.message)
            return False
        self.result.followed[item.key] = Followed(item.name, begun.record.arn, definition)
        verb = "created" if begun.created else "updated"
        context.tell(
            "service_updated",
            item.name,
            f"{verb}: service deployment {begun.record.id} brings in {definition.label()}",
            service_deployment=begun.record.arn,
            task_definition=definition.arn,
            created=begun.created,
        )
        return True

    def _begin(self, item: ServiceRelease, definition: TaskDefinition) -> Started:
        context = self._context
        observer, pace = context.observer, context.pace
        living = observer.services([item.name]).get(item.name)
        if context.is_resumed and living is not None:
            record = find_deployment(observer, item.name, definition.arn)
            if record is not None:
                context.begun.services[item.key] = item.key not in self._before
                return Started(item.name, record, created=item.key not in self._before)
        context.guard()
        document = item.service
        if item.key in self._watched:
            document = guard(context, item, self._watched[item.key], living)
        if living is None:
            assert document is not None
            context.begun.services[item.key] = True
            return create(observer, pace, document, item.name, definition.arn)
        context.begun.services[item.key] = False
        return update(observer, pace, document, living, definition.arn, held=self._held)

    # -- ends --------------------------------------------------------------------------------------------------------

    def _key_of(self, item: Followed) -> str:
        return next(key for key, other in self.result.followed.items() if other is item)

    def _give_up(self, item: Followed) -> bool:
        """End a deployment that cannot succeed, long before ECS's breaker does; True: it has ended, or will."""
        asked = item.deployment in self._stopped or item.deployment in self._rolls_back_itself
        reason = None if item.picture is None or asked else clear_sign(item.picture)
        if reason is None:
            return False
        key, context = self._key_of(item), self._context
        text = f"given up: {reason}"
        if key not in self._before or self._held:
            why = "nothing goes back by itself" if self._held else "there is nothing to go back to"
            ending = Ending.HELD if self._held else Ending.NOT_ROLLED_BACK
            item.outcome = Outcome(ending, f"{text}; {why}, and ECS goes on trying", BAD)
            self._ended(item)
            return True
        context.guard()
        refused = stop_deployment(context.observer, item.deployment)
        if refused is not None:
            self._rolls_back_itself.add(item.deployment)
        else:
            self._stopped[item.deployment] = reason
            context.tell(
                "giving_up",
                item.service,
                f"{text}; ECS is asked to roll back",
                is_problem=True,
                service_deployment=item.deployment,
                reason=reason,
            )
        return refused is None

    def _stop_others(self, going: Sequence[Followed]) -> None:
        """Take back what is still under way beside a service that failed: by ECS's own rollback."""
        for item in going:
            ends = item.deployment in self._stopped or item.deployment in self._rolls_back_itself
            if ends or self._key_of(item) not in self._before:
                continue
            self._context.guard()
            self._stopped[item.deployment] = ""
            stop_deployment(self._context.observer, item.deployment)
            text = "another service failed: this deployment is stopped and rolled back"
            self._context.tell("stopping", item.service, text, service_deployment=item.deployment)

    def _ended(self, item: Followed) -> None:
        assert item.outcome is not None
        reason = self._stopped.get(item.deployment)
        if reason:
            item.outcome = Outcome(
                item.outcome.ending, f"given up: {reason}; {item.outcome.text}", item.outcome.verdict
            )
        if self._held and item.outcome.ending is Ending.NOT_ROLLED_BACK:
            item.outcome = Outcome(Ending.HELD, item.outcome.text, item.outcome.verdict)
        outcome = item.outcome
        self._context.tell(
            "outcome",
            item.service,
            outcome.text,
            is_problem=outcome.ending is not Ending.SUCCEEDED,
            outcome=str(outcome.ending),
            exit_code=outcome.exit_code,
            reason=outcome.text,
            task_definition=item.target.arn,
            service_deployment=item.deployment,
        )
        if outcome.verdict == BAD and reason != "":
            # what was stopped because of another service has proved nothing
            self._context.mark(item.target, BAD, item.service, why=outcome.text)

    # -- back again --------------------------------------------------------------------------------------------------

    def take_back(self, why: str) -> None:
        """Take the services that serve the new revision back, the last first."""
        for key in reversed(self.result.finished):
            if key in self.result.went_back or key in self.result.kept:
                continue
            if self._held:
                self.result.kept[key] = "a migration of this run cannot be undone"
            elif not self._release.roll_back_all:
                self.result.kept[key] = 'on_failure = "keep"'
            elif key not in self._before:
                self.result.kept[key] = "it was created by this run: there is nothing to go back to"
            else:
                self._take_one_back(key, self.result.followed[key], why)

    def _take_one_back(self, key: str, item: Followed, why: str) -> None:
        context = self._context
        observer = context.observer
        service = observer.services([item.service]).get(item.service)
        going = self._way_back_of(item) if context.is_resumed else None
        if going is not None:
            # which alarms it had before, that process alone knew: `apply` brings back what the file says
            self._follow_back(key, going, None)
            return
        was = observer.find_task_definition(self._before[key])
        if service is None or service.task_definition != item.target.arn:
            self.result.kept[key] = "somebody else has changed it since"
            return
        if was is None or was.verdict == BAD or not was.is_active:
            choice = last_known_good(observer, service, item.target.arn)
            was = None if choice is None else choice.definition
        if was is None:
            self.result.kept[key] = "no revision is known to be good"
            return
        context.guard()
        context.tell("taking_back", item.service, f"{why}: back to {was.label()}", task_definition=was.arn)
        try:
            settings = settings_of(observer, service, was.arn)
            begun = update_back(observer, context.pace, settings, service, was.arn)
        except FairwayError as error:
            self.result.went_back[key] = Outcome(Ending.NOT_ROLLED_BACK, error.message)
            return
        self._follow_back(key, Followed(item.service, begun.record.arn, was), service)

    def _way_back_of(self, item: Followed) -> Followed | None:
        """The newest service deployment, when it brings an older revision back in place of this one: a process before began it."""
        observer = self._context.observer
        records = observer.service_deployments(item.service, most=1)
        record = observer.describe_deployments([records[0].arn]).get(records[0].arn) if records else None
        if record is None or not has_source(observer, record, item.target.arn):
            return None
        of = observer.revision_definitions([record.target_revision.arn])
        target = observer.find_task_definition(of.get(record.target_revision.arn, ""))
        is_back = target is not None and target.family == item.target.family and target.number < item.target.number
        return Followed(item.service, record.arn, target) if target is not None and is_back else None

    def _follow_back(self, key: str, back: Followed, before: Service | None) -> None:
        """`before`: the service as it was, with its alarms."""
        context, was = self._context, back.target
        # without the run's own time-out: what was begun to go back is followed to its end
        watcher = Watcher(context.observer, context.pace, context.listener)
        while not watcher.look([back]):
            watcher.wait()
        assert back.outcome is not None
        if back.outcome.ending is Ending.SUCCEEDED and before is not None:
            restore_alarms(context.observer, before, context.listener)
        self.result.went_back[key] = back.outcome
        context.tell(
            "taken_back",
            back.service,
            f"{was.label()}: {back.outcome.text}",
            is_problem=back.outcome.ending is not Ending.SUCCEEDED,
            outcome=str(back.outcome.ending),
            reason=back.outcome.text,
            task_definition=was.arn,
        )


def register_once(
    context: Context, name: str, document: Mapping[str, object], *, version: str | None
) -> TaskDefinition:
    """Register a revision for this run, if it has not done so already."""
    family = str(document["family"])
    if context.is_resumed:
        found = find_registered(context.observer, family, context.origin.run)
        if found is not None:
            return found
    context.guard()
    definition = register(context.observer.aws, document, replace(context.origin, version=version))
    images = {container["name"]: container["image"] for container in definition.containers}
    context.tell(
        "registered",
        name,
        f"registered {definition.label()}",
        task_definition=definition.arn,
        version=version,
        images=images,
    )
    return definition
