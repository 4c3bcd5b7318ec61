"""Follows service deployments to their ends: one loop for all that go on, each call for all of them together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.aws.patience import asking_again
from fairway.aws.session import AwsError, CredentialsError
from fairway.clock import monotonic
from fairway.deployment.changes import changes
from fairway.deployment.known_good import last_known_good
from fairway.deployment.outcome import BackTo, Ending, Newer, Outcome, judge
from fairway.deployment.progress import Change
from fairway.observed import ROLLBACK_SUCCESSFUL, Picture, short

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.progress import Listener
    from fairway.observed import Service, ServiceDeployment, TaskDefinition

_PATIENCE_SECONDS: Final = 120.0
"""How long an AWS (or an engine) that does not answer is waited for."""
CREDENTIALS_SECONDS: Final = 600.0
"""With less time left than this a deployment is handed over in order, rather than lost in the middle of a request."""
_FRESH: Final = timedelta(minutes=10)
"""A revision that is deployed so soon after it was registered was registered for that."""
_ENDING_EARLY: Final = frozenset({"STOP_REQUESTED", "STOPPED"})


@dataclass(slots=True)
class Followed:
    """A service deployment that is followed."""

    service: str
    deployment: str
    """ARN of the service deployment."""
    target: TaskDefinition
    picture: Picture | None = None
    outcome: Outcome | None = None


class Watcher:
    """Looks at what is followed, tells what changed, and decides what has ended."""

    def __init__(
        self, observer: Observer, pace: Pace, listener: Listener, *, timeout_seconds: float | None = None
    ) -> None:
        self._observer = observer
        self._pace = pace
        self.listener = listener
        self._limit = None if timeout_seconds is None else monotonic() + timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._unreachable_since: float | None = None

    @property
    def is_over_time(self) -> bool:
        """The time that the whole run may take is over."""
        return self._limit is not None and monotonic() >= self._limit

    def wait(self) -> None:
        """Until the next look."""
        self._pace.wait()

    def look(self, followed: Sequence[Followed]) -> list[Followed]:
        """Look at all of them once; those that ended. Each has its newest picture then."""
        going = [item for item in followed if item.outcome is None]
        left = self._observer.aws.credentials_left()
        if left is not None and left < CREDENTIALS_SECONDS:
            text = f"the credentials end in {max(0, left) / 60:.0f} minutes and cannot be renewed"
            return [_handed_over(item, text) for item in going]
        try:
            with asking_again():
                self._look(going)
        except CredentialsError as error:
            return [_handed_over(item, error.message) for item in going]
        except AwsError as error:
            return self._bear(going, error)
        self._unreachable_since = None
        return [item for item in going if item.outcome is not None]

    def _bear(self, going: Sequence[Followed], error: AwsError) -> list[Followed]:
        """ECS goes on while it cannot be asked: wait for it, for a while."""
        now = monotonic()
        if self._unreachable_since is None:
            self._unreachable_since = now
            self.listener.change(
                Change("unreachable", "", f"{error.message}; asking again", {"message": error.message})
            )
        if now - self._unreachable_since >= _PATIENCE_SECONDS or self.is_over_time:
            return [_handed_over(item, error.message) for item in going]
        return []

    def _look(self, going: Sequence[Followed]) -> None:
        records = self._observer.describe_deployments([item.deployment for item in going])
        due = set(self._pace.due([item.deployment for item in going]))
        due |= {item.deployment for item in going if has_news(item.picture, records.get(item.deployment))}
        # after the records: a service is never older than the end of its deployment, and its last events are there
        all_of_them = self._pace.services_are_due(len(going))
        asked = [item.service for item in going if all_of_them or item.picture is None or item.deployment in due]
        services = self._observer.services(asked) if asked else {}
        for item in going:
            before, record = item.picture, records.get(item.deployment)
            service = services.get(item.service) if before is None or item.service in asked else before.service
            if service is None or record is None or service.status != "ACTIVE":
                item.outcome = Outcome(Ending.NOT_ROLLED_BACK, f"the service {item.service} was deleted meanwhile")
                continue
            outcome = self._judge(item, service, record)
            item.picture = self._draw(item, service, record, in_detail=item.deployment in due)
            for change in changes(before, item.picture):
                self.listener.change(change)
            self.listener.picture(item.picture)
            item.outcome = outcome

    def _draw(self, item: Followed, service: Service, record: ServiceDeployment, *, in_detail: bool) -> Picture:
        known = dict(item.picture.definitions) if item.picture is not None else {}
        known[item.target.arn] = item.target
        for rollout in service.rollouts:
            if rollout.task_definition not in known:
                known[rollout.task_definition] = self._observer.task_definition(rollout.task_definition)
        picture = Picture(service, self._observer.aws.now(), record, item.target, known)
        if not in_detail:
            old = item.picture
            return (
                picture if old is None else replace(picture, tasks=old.tasks, stopped=old.stopped, targets=old.targets)
            )
        return replace(
            picture,
            tasks=tuple(self._observer.tasks(service.name)),
            stopped=tuple(self._observer.tasks(service.name, stopped=True)),
            targets=tuple(self._observer.targets(service.target_groups)),
        )

    def _judge(self, item: Followed, service: Service, record: ServiceDeployment) -> Outcome | None:
        primary = next((r for r in service.rollouts if r.status == "PRIMARY"), None)
        ours = primary is not None and primary.task_definition == item.target.arn
        newer = back_to = None
        if record.status in _ENDING_EARLY or not (ours or record.is_over or record.rollback_revision):
            newer = newest_after(self._observer, record)
        if record.status == ROLLBACK_SUCCESSFUL:
            back_to = self._back_to(service, record)
        timed_out = f"--timeout {self._timeout_seconds:g} is over" if self.is_over_time else None
        return judge(record, newer=newer, back_to=back_to, primary=primary if ours else None, timed_out=timed_out)

    def _back_to(self, service: Service, record: ServiceDeployment) -> BackTo | None:
        arn = record.rollback_revision or next((source.arn for source in record.source_revisions), None)
        of = self._observer.revision_definitions([arn] if arn else [])
        definition = self._observer.find_task_definition(of[arn]) if arn in of else None
        if definition is None:
            return None
        if definition.verdict is not None:
            return BackTo(definition)
        target = self._observer.revision_definitions([record.target_revision.arn]).get(record.target_revision.arn, "")
        good = last_known_good(self._observer, service, target)
        return BackTo(definition, good is not None and not good.is_verified and good.definition.arn == definition.arn)


def has_news(picture: Picture | None, record: ServiceDeployment | None) -> bool:
    """The service deployment has ended, fails, or is judged by the breaker: all about it is looked at at once. Pure."""
    if record is None or record.is_over:
        return True
    old = None if picture is None else picture.deployment
    return old is not None and (old.status, old.failures, old.breaker_status) != (
        record.status,
        record.failures,
        record.breaker_status,
    )


def _handed_over(item: Followed, why: str) -> Followed:
    item.outcome = Outcome(Ending.HANDED_OVER, f"{why}; ECS goes on")
    return item


def newest_after(observer: Observer, record: ServiceDeployment) -> Newer | None:
    """The newest deployment of the service that began after this one."""
    service = record.service_arn.rsplit("/", 1)[-1]
    return newest_since(observer, service, record.created_at, but=record.arn)


def newest_since(observer: Observer, service: str, moment: datetime, *, but: str = "") -> Newer | None:
    """The newest deployment of a service that began after a moment, `but` not that one."""
    records = observer.service_deployments(service, most=20)
    later = [r for r in records if r.created_at > moment and r.arn != but]
    if not later:
        return None
    newest = later[0]
    of = observer.revision_definitions([newest.target_revision.arn])
    arn = of.get(newest.target_revision.arn)
    definition = observer.find_task_definition(arn) if arn else None
    if definition is None:
        return Newer(newest.id, short(arn or newest.target_revision.arn), None)
    registered = definition.document.get("registeredAt")
    is_fresh = registered is not None and newest.created_at - registered < _FRESH
    return Newer(newest.id, definition.label(), definition.by, is_fresh=is_fresh)
