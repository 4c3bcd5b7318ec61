"""The rules and schedules of a rehearsal's scheduled tasks: none ever starts a task there, each is moved by the releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT
from fairway.aws.calls import calling
from fairway.aws.values import resolve_values
from fairway.deployment.scheduled import Place
from fairway.project.overlay import has_tag
from fairway.project.render import render_definition

if TYPE_CHECKING:
    from fairway.aws.session import Aws
    from fairway.project.model import Project

_NEVER: Final = "rate(3650 days)"
_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/ecsEventsRole"
_BEFORE: Final = "before-the-rehearsal"


def lay_schedules(aws: Aws, project: Project) -> None:
    """Make the rule or the schedule of each scheduled task; it names a revision, as somebody once made it.

    Raises:
        FairwayError: the engine refused something; says what was being made.
    """
    environment = project.environment
    cluster = f"arn:aws:ecs:{environment.region}:{ACCOUNT}:cluster/{environment.cluster}"
    for item in project.scheduled.values():
        images = [str(container.get("image", "")) for container in item.definition["containerDefinitions"]]
        rendered = render_definition(item, tag=_BEFORE if any(has_tag(image) for image in images) else None)
        definition: Any = resolve_values(aws, rendered, item.definition_path)
        with calling(f"registering {item.family}"):
            registered = aws.ecs.register_task_definition(**definition)["taskDefinition"]
        parameters = {"TaskDefinitionArn": registered["taskDefinitionArn"], "TaskCount": 1, "LaunchType": "FARGATE"}
        target: dict[str, Any] = {"Arn": cluster, "RoleArn": _ROLE, "EcsParameters": parameters}
        with calling(f"making the {Place(aws, item.rule, item.schedule).label()}"):
            if item.rule:
                events = aws.client("events")
                events.put_rule(Name=item.rule, ScheduleExpression=_NEVER)
                events.put_targets(Rule=item.rule, Targets=[{"Id": item.key, **target}])
            else:
                aws.client("scheduler").create_schedule(
                    Name=item.schedule,
                    ScheduleExpression=_NEVER,
                    FlexibleTimeWindow={"Mode": "OFF"},
                    Target=target,
                )


def started(aws: Aws, project: Project) -> dict[str, str]:
    """By key: what each is started with now."""
    found = {}
    for item in project.scheduled.values():
        current = Place(aws, item.rule, item.schedule).current(item.family)
        if current is not None:
            found[item.key] = current
    return found
