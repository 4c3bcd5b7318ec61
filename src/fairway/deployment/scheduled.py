"""Tasks that EventBridge starts by a schedule: moved to the new revision after the services, and back with them.

A rule (or a schedule of EventBridge Scheduler) names the revision that it starts. Only targets of our own family are moved, and
of a target nothing but the revision is changed. Source: EventBridge API Reference, PutTargets ("If a target ID already exists
… it is updated"); Scheduler API Reference, UpdateSchedule ("uses all values, including empty values, specified in the request").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.deployment.resume import find_registered
from fairway.errors import FairwayError, UsageError
from fairway.observed import DEPLOYMENT_TAG, GOOD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.session import Aws
    from fairway.deployment.context import Context
    from fairway.observed import TaskDefinition
    from fairway.planning.release import ScheduledRelease
    from fairway.project.model import ScheduledSpec

_KEPT: Final = (
    "Name",
    "GroupName",
    "ScheduleExpression",
    "StartDate",
    "EndDate",
    "Description",
    "ScheduleExpressionTimezone",
    "State",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)
"""What GetSchedule shows and UpdateSchedule takes."""


def family_of(reference: str) -> str:
    """`…/cleanup:7`, `…/cleanup`, `cleanup:7` -> `cleanup`. Pure."""
    return reference.rsplit("/", 1)[-1].split(":", 1)[0]


def has_revision(reference: str) -> bool:
    """The reference names one revision; without it ECS takes the newest at each start. Pure."""
    return ":" in reference.rsplit("/", 1)[-1]


def moved_targets(targets: Sequence[Mapping[str, Any]], family: str, arn: str) -> list[dict[str, Any]]:
    """The targets of a rule that start a task of the family, with another revision; those that have it are left out. Pure."""
    moved = []
    for target in targets:
        parameters = target.get("EcsParameters")
        if (
            parameters
            and family_of(parameters["TaskDefinitionArn"]) == family
            and parameters["TaskDefinitionArn"] != arn
        ):
            moved.append({**target, "EcsParameters": {**parameters, "TaskDefinitionArn": arn}})
    return moved


def moved_schedule(schedule: Mapping[str, Any], family: str, arn: str) -> dict[str, Any] | None:
    """What UpdateSchedule takes for another revision; None: it starts no task of the family, or has the revision. Pure."""
    parameters = schedule.get("Target", {}).get("EcsParameters")
    if not parameters or family_of(parameters["TaskDefinitionArn"]) != family or parameters["TaskDefinitionArn"] == arn:
        return None
    kept = {name: schedule[name] for name in _KEPT if schedule.get(name) is not None}
    return {**kept, "Target": {**schedule["Target"], "EcsParameters": {**parameters, "TaskDefinitionArn": arn}}}


class Place:
    """Where the revision of a scheduled task stands: a rule, or a schedule."""

    def __init__(self, aws: Aws, rule: str | None, schedule: str | None) -> None:
        self._aws = aws
        self._bus, self._rule = _split(rule, "default") if rule else ("", "")
        self._group, self._schedule = _split(schedule, "default") if schedule else ("", "")

    def label(self) -> str:
        return f"rule {self._rule}" if self._rule else f"schedule {self._group}/{self._schedule}"

    def current(self, family: str) -> str | None:
        """The task definition of our family that it starts; None: none."""
        if self._rule:
            named = [t["EcsParameters"]["TaskDefinitionArn"] for t in self._targets() if "EcsParameters" in t]
        else:
            parameters = self._read_schedule().get("Target", {}).get("EcsParameters")
            named = [parameters["TaskDefinitionArn"]] if parameters else []
        return next((arn for arn in named if family_of(arn) == family), None)

    def move(self, family: str, arn: str) -> None:
        """Let it start another revision."""
        with calling(f"moving the {self.label()}"):
            if self._rule:
                targets: Any = moved_targets(self._targets(), family, arn)
                for start in range(0, len(targets), 10):
                    answer = self._aws.client("events").put_targets(
                        Rule=self._rule, EventBusName=self._bus, Targets=targets[start : start + 10]
                    )
                    for failed in answer.get("FailedEntries", ()):
                        raise FairwayError(f"the {self.label()} was not moved: {failed.get('ErrorMessage', '?')}")
                return
            request = moved_schedule(self._read_schedule(), family, arn)
            if request is not None:
                self._aws.client("scheduler").update_schedule(**request)

    def _targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        request = {"Rule": self._rule, "EventBusName": self._bus}
        with calling(f"looking at the {self.label()}"):
            try:
                while True:
                    answer = self._aws.client("events").list_targets_by_rule(**request)
                    found += answer["Targets"]
                    if not answer.get("NextToken"):
                        return found
                    request["NextToken"] = answer["NextToken"]
            except ClientError as error:
                raise self._missing(error) from None

    def _read_schedule(self) -> dict[str, Any]:
        with calling(f"looking at the {self.label()}"):
            try:
                found: dict[str, Any] = self._aws.client("scheduler").get_schedule(
                    GroupName=self._group, Name=self._schedule
                )
            except ClientError as error:
                raise self._missing(error) from None
            return found

    def _missing(self, error: ClientError) -> Exception:
        if error_code(error) != "ResourceNotFoundException":
            return error
        return UsageError(f"there is no {self.label()}", hint="make it first, or correct its name in fairway.toml")


def _split(name: str, default: str) -> tuple[str, str]:
    """`group/name` -> (group, name). Pure."""
    group, separator, rest = name.rpartition("/")
    return (group, rest) if separator else (default, name)


class Scheduled:
    """The scheduled tasks of a run."""

    def __init__(self, context: Context, items: Sequence[ScheduledRelease], before: Mapping[str, str]) -> None:
        """`before`: by key, the task definition that was started before."""
        self._context = context
        self._items = items
        self._before = before
        self.moved: dict[str, TaskDefinition] = {}
        """By key."""

    def move(self, revisions: Mapping[str, TaskDefinition]) -> None:
        """Let each start its new revision.

        Raises:
            AwsError: AWS refuses.
        """
        for item in self._items:
            definition = revisions[item.key]
            place = Place(self._context.observer.aws, item.rule, item.schedule)
            current = place.current(definition.family)
            if current is None:
                text = f"the {place.label()} starts no task of {definition.family}: nothing is moved"
                self._context.tell("warning", item.key, text, is_problem=True, message=text)
            elif not has_revision(current):
                text = f"the {place.label()} names no revision, and starts the newest from its registration on"
                self._context.tell("warning", item.key, text, is_problem=True, message=text)
            else:
                self._context.guard()
                place.move(definition.family, definition.arn)
                self.moved[item.key] = definition
                text = f"the {place.label()} starts {definition.label()} from now on"
                self._context.tell("scheduled", item.key, text, task_definition=definition.arn, place=place.label())

    def adopt(self) -> None:
        """Take up what an earlier process of this run has moved: it can be marked, and taken back."""
        observer = self._context.observer
        for item in self._items:
            definition = find_registered(observer, str(item.definition["family"]), self._context.origin.run)
            place = Place(observer.aws, item.rule, item.schedule)
            if definition is not None and place.current(definition.family) == definition.arn:
                self.moved[item.key] = definition

    def take_back(self, why: str) -> None:
        """Let each start what it started before."""
        for item in self._items:
            definition, was = self.moved.get(item.key), self._before.get(item.key)
            if definition is None or was is None:
                continue
            place = Place(self._context.observer.aws, item.rule, item.schedule)
            self._context.guard()
            place.move(definition.family, was)
            text = f"{why}: the {place.label()} starts {was.rsplit('/', 1)[-1]} again"
            self._context.tell("scheduled", item.key, text, task_definition=was, place=place.label())


def started_before(aws: Aws, items: Sequence[ScheduledRelease]) -> dict[str, str]:
    """By key: what each starts now, for the way back.

    Raises:
        UsageError: there is no such rule or schedule.
    """
    found = {}
    for item in items:
        current = Place(aws, item.rule, item.schedule).current(str(item.definition["family"]))
        if current is not None:
            found[item.key] = current
    return found


@dataclass(frozen=True, slots=True)
class ScheduledBack:
    """A scheduled task that goes back with a release."""

    place: Place
    current: TaskDefinition
    target: TaskDefinition

    def line(self) -> str:
        return f"the {self.place.label()} starts {self.target.label()} again, and {self.current.label()} no more"


def plan_scheduled_back(observer: Observer, spec: ScheduledSpec, runs: Collection[str]) -> ScheduledBack | None:
    """How a scheduled task goes back beside services that these runs deployed; None: another run moved it, or nothing is good."""
    place = Place(observer.aws, spec.rule, spec.schedule)
    reference = place.current(spec.family)
    current = None if reference is None or not has_revision(reference) else observer.find_task_definition(reference)
    if current is None or current.tags.get(DEPLOYMENT_TAG) not in runs:
        return None
    for arn in observer.family(spec.family):
        found = observer.find_task_definition(arn)
        if found is not None and found.number < current.number and found.verdict == GOOD:
            return ScheduledBack(place, current, found)
    return None
