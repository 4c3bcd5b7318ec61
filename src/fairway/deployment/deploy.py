"""One run of Fairway: one-off tasks first, then each service in its turn, each followed to its end; back again if one fails.

What a run has done is on ECS, not in its memory: it may be interrupted at any moment, and `watch` or `rollback` go on from
what ECS says. One loop drives every service that goes on, so that AWS is asked for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fairway.clock import monotonic
from fairway.deployment.begun import Begun
from fairway.deployment.follow import Followed, Watcher
from fairway.deployment.known_good import last_known_good
from fairway.deployment.one_off import run_one_off
from fairway.deployment.order import check_order, ready
from fairway.deployment.outcome import EXIT_CODES, Ending, Outcome, overall
from fairway.deployment.progress import Change
from fairway.deployment.register import mark, register
from fairway.deployment.update import create, refuse_others, update
from fairway.errors import DeploymentHeld, FairwayError, UsageError
from fairway.observed import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.one_off import OneOffResult
    from fairway.deployment.progress import Listener
    from fairway.deployment.register import Origin
    from fairway.deployment.release import OneOff, Release, ServiceRelease
    from fairway.observed import Service, TaskDefinition


@dataclass(slots=True)
class Result:
    """How a run ended."""

    exit_code: int = 0
    followed: dict[str, Followed] = field(default_factory=dict)
    """By key: each service whose deployment was started."""
    refused: dict[str, FairwayError] = field(default_factory=dict)
    """By key: each service whose deployment AWS did not begin."""
    not_started: tuple[str, ...] = ()
    went_back: dict[str, Outcome] = field(default_factory=dict)
    """By key: each finished service that was taken back."""
    kept: dict[str, str] = field(default_factory=dict)
    """By key: each finished service that stays as it is now, and why."""
    one_off: OneOffResult | None = None
    """The one-off task that failed."""


class Run:
    """A run over the services of a release."""

    def __init__(
        self,
        observer: Observer,
        pace: Pace,
        listener: Listener,
        origin: Origin,
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        self._observer = observer
        self._pace = pace
        self._listener = listener
        self._origin = origin
        self._timeout = timeout_seconds
        self._deadline = None if timeout_seconds is None else monotonic() + timeout_seconds
        self._watcher = Watcher(observer, pace, listener, timeout_seconds=timeout_seconds)
        self._before: dict[str, Service] = {}
        self._created: set[str] = set()
        self._stopped: set[str] = set()
        self.result = Result()
        """As far as the run has come."""
        self.begun = Begun()

    @property
    def cluster(self) -> str:
        return self._observer.cluster

    @property
    def started_by(self) -> str:
        """`startedBy` of this run's one-off tasks."""
        return f"fairway/{self._origin.run}"

    def check(self, release: Release) -> dict[str, Service]:
        """Refuse what cannot be deployed, before anything is changed; the living services, by name.

        Raises:
            UsageError: another controller deploys a service, it is missing, or the order cannot be kept.
        """
        check_order({item.key: item.after for item in release.services})
        living = self._observer.services([item.name for item in release.services])
        for item in release.services:
            service = living.get(item.name)
            if service is not None:
                refuse_others(service)
            elif item.service is None:
                raise UsageError(
                    f"there is no service {item.name} in cluster {self._observer.cluster}, and fairway.toml names no "
                    f"service definition for {item.key}",
                    hint=f'add service = "…" under [services.{item.key}], or create the service first',
                )
        self._before = living
        return living

    def go(self, release: Release) -> Result:
        """Deploy, after `check`."""
        for task in release.before:
            if not self._one_off(task):
                self.result.not_started = tuple(item.key for item in release.services)
                return self.result
        self._services(release)
        self._conclude(release)
        return self.result

    # -- one-off tasks -----------------------------------------------------------------------------------------------

    def _one_off(self, task: OneOff) -> bool:
        definition = self._register(task.key, task.definition)
        result = run_one_off(
            self._observer,
            self._pace,
            self._listener,
            key=task.key,
            definition=definition,
            run=task.run,
            started_by=self.started_by,
            begun=self.begun,
            deadline=self._deadline,
        )
        if result.succeeded:
            self._mark(definition, GOOD, task.key)
            return True
        self.result.one_off = result
        self.result.exit_code = EXIT_CODES[Ending.HANDED_OVER if result.still_runs else Ending.NOT_ROLLED_BACK]
        if not result.still_runs:
            self._mark(definition, BAD, task.key)
        return False

    def _register(self, name: str, document: Mapping[str, object]) -> TaskDefinition:
        definition = register(self._observer.aws, document, self._origin)
        images = {container["name"]: container["image"] for container in definition.containers}
        fields = {"task_definition": definition.arn, "version": self._origin.version, "images": images}
        self._listener.change(Change("registered", name, f"registered {definition.label()}", fields))
        return definition

    # -- services ----------------------------------------------------------------------------------------------------

    def _services(self, release: Release) -> None:
        after = {item.key: item.after for item in release.services}
        of = {item.key: item for item in release.services}
        started: list[str] = []
        done: list[str] = []
        failed = False
        while True:
            if not failed and not self._watcher.is_over_time:
                for key in ready(after, started, done):
                    started.append(key)
                    if not self._start(of[key]):
                        failed = True
                        break
            going = [item for item in self.result.followed.values() if item.outcome is None]
            if failed and release.roll_back_all:
                self._stop(going)
            if not going:
                break
            for ended in self._watcher.look(going):
                key = next(k for k, item in self.result.followed.items() if item is ended)
                assert ended.outcome is not None
                self._ended(ended, ended.outcome, by_us=failed)
                if ended.outcome.ending is Ending.SUCCEEDED:
                    done.append(key)
                else:
                    failed = True
            if any(item.outcome is None for item in going):
                self._watcher.wait()
        self.result.not_started = tuple(key for key in after if key not in started)

    def _start(self, item: ServiceRelease) -> bool:
        try:
            definition = self._register(item.name, item.definition)
            living = self._before.get(item.name)
            if living is None:
                assert item.service is not None
                self.begun.services[item.key] = True
                begun = create(self._observer, self._pace, item.service, item.name, definition.arn)
                self._created.add(item.key)
            else:
                self.begun.services[item.key] = False
                begun = update(self._observer, self._pace, item.service, living, definition.arn)
        except FairwayError as error:
            if item.key in self.begun.services and not isinstance(error, DeploymentHeld):
                del self.begun.services[item.key]
            if not self.result.followed and not self.result.refused and error.exit_code == 1:
                # nothing was deployed by this run: AWS's own answer is all that there is to say
                raise
            self.result.refused[item.key] = error
            self._listener.change(
                Change("refused", item.name, error.message, {"message": error.message}, is_problem=True)
            )
            return False
        self.result.followed[item.key] = Followed(item.name, begun.record.arn, definition)
        verb = "created" if begun.created else "updated"
        fields = {"service_deployment": begun.record.arn, "task_definition": definition.arn, "created": begun.created}
        text = f"{verb}: service deployment {begun.record.id} brings in {definition.label()}"
        self._listener.change(Change("service_updated", item.name, text, fields))
        return True

    def _stop(self, going: Sequence[Followed]) -> None:
        """Take back what is still under way beside a service that failed: by ECS's own rollback."""
        for item in going:
            key = next(k for k, other in self.result.followed.items() if other is item)
            if item.deployment in self._stopped or key in self._created:
                continue
            self._stopped.add(item.deployment)
            stop_deployment(self._observer, item.deployment)
            text = "another service failed: this deployment is stopped and rolled back"
            self._listener.change(Change("stopping", item.service, text, {"service_deployment": item.deployment}))

    def _ended(self, item: Followed, outcome: Outcome, *, by_us: bool) -> None:
        fields = {
            "outcome": str(outcome.ending),
            "exit_code": outcome.exit_code,
            "reason": outcome.text,
            "task_definition": item.target.arn,
            "service_deployment": item.deployment,
        }
        bad = outcome.ending is not Ending.SUCCEEDED
        self._listener.change(Change("outcome", item.service, outcome.text, fields, is_problem=bad))
        if outcome.verdict is not None and not (by_us and item.deployment in self._stopped):
            # what was stopped because of another service has proved nothing
            self._mark(item.target, outcome.verdict, item.service)

    def _mark(self, definition: TaskDefinition, verdict: str, name: str) -> None:
        refused = mark(self._observer.aws, definition.arn, verdict, self._observer.aws.now())
        if refused is not None:
            text = f"the verdict {verdict} could not be written on {definition.name}: {refused}"
            self._listener.change(Change("warning", name, text, {"message": text}, is_problem=True))
            return
        fields = {"task_definition": definition.arn, "verdict": verdict}
        self._listener.change(Change("verdict", name, f"{definition.label()} is marked {verdict}", fields))

    # -- back again --------------------------------------------------------------------------------------------------

    def _conclude(self, release: Release) -> None:
        endings = [item.outcome.ending for item in self.result.followed.values() if item.outcome is not None]
        failed = any(ending in {Ending.ROLLED_BACK, Ending.NOT_ROLLED_BACK} for ending in endings)
        if failed or self.result.refused:
            self._take_back(release)
        if self.result.refused and Ending.NOT_ROLLED_BACK not in endings:
            # AWS did not begin it: of this service nothing is to be taken back
            endings.append(Ending.ROLLED_BACK)
        if not endings and self.result.not_started:
            endings = [Ending.HANDED_OVER]
        back = [outcome.ending is Ending.SUCCEEDED for outcome in self.result.went_back.values()]
        self.result.exit_code = overall(endings, went_back=back, left=len(self.result.kept))
        if self.result.exit_code == 0 and self.result.not_started:
            self.result.exit_code = EXIT_CODES[Ending.HANDED_OVER]

    def _take_back(self, release: Release) -> None:
        finished = [
            key
            for key, item in self.result.followed.items()
            if item.outcome is not None and item.outcome.ending is Ending.SUCCEEDED
        ]
        for key in reversed(finished):
            if not release.roll_back_all:
                self.result.kept[key] = 'on_failure = "keep"'
            elif key in self._created:
                self.result.kept[key] = "it was created by this run: there is nothing to go back to"
            else:
                self._take_one_back(key, self.result.followed[key])

    def _take_one_back(self, key: str, item: Followed) -> None:
        was = self._observer.find_task_definition(self._before[item.service].task_definition)
        service = self._observer.services([item.service]).get(item.service)
        if service is None or service.task_definition != item.target.arn:
            self.result.kept[key] = "somebody else has changed it since"
            return
        if was is None or was.verdict == BAD or not was.is_active:
            choice = last_known_good(self._observer, service, item.target.arn)
            was = None if choice is None else choice.definition
        if was is None:
            self.result.kept[key] = "no revision is known to be good"
            return
        text = f"a later service failed: back to {was.label()}"
        self._listener.change(Change("taking_back", item.service, text, {"task_definition": was.arn}))
        try:
            begun = update(self._observer, self._pace, None, service, was.arn)
        except FairwayError as error:
            self.result.went_back[key] = Outcome(Ending.NOT_ROLLED_BACK, error.message)
            return
        back = Followed(item.service, begun.record.arn, was)
        while not self._watcher.look([back]):
            self._watcher.wait()
        assert back.outcome is not None
        self.result.went_back[key] = back.outcome
        ended = {"outcome": str(back.outcome.ending), "reason": back.outcome.text, "task_definition": was.arn}
        bad = back.outcome.ending is not Ending.SUCCEEDED
        self._listener.change(
            Change("taken_back", item.service, f"{was.label()}: {back.outcome.text}", ended, is_problem=bad)
        )


def stop_deployment(observer: Observer, arn: str) -> str | None:
    """Ask ECS to roll a deployment back; AWS's text when it is too late for that."""
    try:
        observer.aws.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Message", error))
    return None
