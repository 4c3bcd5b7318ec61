"""Looks at what `apply` is about, and does what its plan says: one call after the other, each only while the locks are ours.

Nothing is written down about a run: what was done is seen in AWS, so that running it again does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.beside import log_groups, roles, scaling_bounds
from fairway.aws.session import translate
from fairway.aws.survey import survey
from fairway.aws.values import resolve_values
from fairway.deployment.apply_plan import ApplyPlan, Beside, Item, apply_plan
from fairway.deployment.follow import Followed, Watcher
from fairway.deployment.shapes import check_service_shape
from fairway.deployment.update import find_started, refuse_other_controllers, refuse_others
from fairway.errors import FairwayError
from fairway.planning.release import ServiceRelease
from fairway.project.manage import SERVICE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fairway.aws.observe import Observer
    from fairway.aws.session import Aws
    from fairway.deployment.apply_plan import Call
    from fairway.deployment.context import Context
    from fairway.project.model import Project, ServiceSpec

_ROLES: Final = ("executionRoleArn", "taskRoleArn")


def items_of(aws: Aws, specs: Iterable[ServiceSpec]) -> list[Item]:
    """The services with the values of the account put in.

    Raises:
        UsageError: a definition that AWS would refuse, another controller than ECS, a value that does not exist.
    """
    return [_item(aws, spec) for spec in specs]


def _item(aws: Aws, spec: ServiceSpec) -> Item:
    service = None
    if spec.manage == SERVICE and spec.service is not None:
        service = resolve_values(aws, spec.service, spec.service_path)
        assert spec.service_path is not None
        refuse_other_controllers(service, spec.service_path)
        check_service_shape(service, spec.service_path)
    definition = resolve_values(aws, spec.definition, spec.definition_path)
    release = ServiceRelease(
        spec.key, spec.service_name, definition, spec.definition_path, service, spec.service_path, spec.after
    )
    scaling = None if spec.scaling is None else resolve_values(aws, spec.scaling, spec.scaling_path)
    return Item(release, scaling)


def groups_of(definitions: Iterable[Mapping[str, Any]], region: str) -> set[str]:
    """Log groups of a region that containers write to. Pure."""
    found = set()
    for definition in definitions:
        for container in definition.get("containerDefinitions", ()):
            options = (container.get("logConfiguration") or {}).get("options") or {}
            if "awslogs-group" in options and options.get("awslogs-region", region) == region:
                found.add(str(options["awslogs-group"]))
    return found


def roles_of(definitions: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of the roles of tasks, without paths. Pure."""
    return {str(document[name]).rsplit("/", 1)[-1] for document in definitions for name in _ROLES if document.get(name)}


def make_plan(
    observer: Observer, project: Project, items: Sequence[Item], others: Sequence[Mapping[str, Any]]
) -> ApplyPlan:
    """What would be done now; `others` are definitions of one-off and scheduled tasks.

    Raises:
        UsageError: another controller deploys one of the services.
    """
    aws = observer.aws
    definitions = [*(item.release.definition for item in items), *others]
    families = {str(item.release.definition["family"]) for item in items if item.release.service is not None}
    surroundings = survey(observer, [item.release.name for item in items], sorted(families))
    for living in surroundings.services.values():
        if living.service is not None:
            refuse_others(living.service)
    groups = groups_of(definitions, aws.region)
    scaled = [item.release.name for item in items if item.scaling is not None]
    beside = Beside(
        log_groups(aws, groups), roles(aws, roles_of(definitions)), scaling_bounds(aws, observer.cluster, scaled)
    )
    shape: Any = aws.ecs.meta.service_model.operation_model("UpdateService").input_shape
    accepted: Collection[str] = shape.members
    return apply_plan(
        items, surroundings, beside, groups=groups, retention=project.log_retention_days, accepted=accepted
    )


def carry_out(context: Context, plan: ApplyPlan) -> int:
    """Do it; the exit code: 0, or that of a deployment that a changed setting began and that failed.

    Raises:
        AwsError: AWS refused a call; what came before it is done.
    """
    worst = 0
    for call in plan.calls:
        context.guard()
        known = _records(context.observer, call)
        _make(context.observer.aws, call)
        context.tell("applied", call.about, _said(call), operation=f"{call.service}:{call.operation}")
        if call.deploys is not None:
            worst = max(worst, _follow(context, call.deploys, known))
    return worst


def _said(call: Call) -> str:
    return call.lines[0].lstrip("+~ ").removeprefix(f"{call.about}: ") + ": done"


def _make(aws: Aws, call: Call) -> None:
    try:
        getattr(aws.client(call.service), call.operation)(**call.parameters)
    except (ClientError, BotoCoreError) as error:
        refused = translate(error, doing=call.lines[0].lstrip("+~ "))
        again = "what came before it is done: run fairway apply again, when this is mended"
        raise type(refused)(refused.message, hint=f"{refused.hint}; {again}" if refused.hint else again) from error


def _records(observer: Observer, call: Call) -> frozenset[str]:
    if call.deploys is None or call.operation == "create_service":
        return frozenset()
    return frozenset(record.arn for record in observer.service_deployments(call.deploys, most=20))


def _follow(context: Context, name: str, known: frozenset[str]) -> int:
    """The deployment that a call began, to its end."""
    observer = context.observer
    service = observer.service(name)
    record = find_started(observer, context.pace, name, service.task_definition, known=known)
    item = Followed(name, record.arn, observer.task_definition(service.task_definition, fresh=True))
    watcher = Watcher(observer, context.pace, context.listener, timeout_seconds=context.timeout_seconds)
    while not watcher.look([item]):
        watcher.wait()
    if item.outcome is None:
        raise FairwayError(f"{name}: how its deployment ended is not known", hint="fairway status")
    outcome = item.outcome
    context.tell(
        "outcome",
        name,
        outcome.text,
        is_problem=outcome.exit_code != 0,
        outcome=str(outcome.ending),
        exit_code=outcome.exit_code,
        reason=outcome.text,
        task_definition=item.target.arn,
        service_deployment=item.deployment,
    )
    return outcome.exit_code
