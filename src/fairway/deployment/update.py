"""Asks ECS for a deployment: creates the service or updates it, and finds the service deployment that this began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling
from fairway.aws.patience import asking_again
from fairway.aws.session import AwsError, CredentialsError
from fairway.clock import monotonic
from fairway.errors import DeploymentHeld, UsageError
from fairway.project.text import place

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.observed import Service, ServiceDeployment

_NEVER_SENT: Final = frozenset({"desiredCount", "service", "cluster", "taskDefinition", "forceNewDeployment"})
"""Of a living service: the number of tasks belongs to whoever scales it; the rest is ours to say."""
_SECONDS_TO_APPEAR: Final = 60.0
_OTHERS: Final = {
    "CODE_DEPLOY": "aws deploy create-deployment deploys it",
    "EXTERNAL": "its task sets belong to another tool",
}


@dataclass(frozen=True, slots=True)
class Started:
    """A service deployment that we began."""

    service: str
    record: ServiceDeployment
    created: bool = False


def refuse_others(service: Service) -> None:
    """Refuse a service that ECS's own controller does not deploy, before anything is registered.

    Raises:
        UsageError: its controller is CODE_DEPLOY or EXTERNAL, or it is being deleted.
    """
    if service.controller in _OTHERS:
        raise UsageError(
            f"{service.name} has the deployment controller {service.controller}, which Fairway does not drive",
            hint=f"{_OTHERS[service.controller]}; or change its deploymentController to ECS",
        )
    if service.status == "DRAINING":
        raise UsageError(f"{service.name} is being deleted", hint="wait until it is INACTIVE, and deploy again")


def refuse_other_controllers(document: Mapping[str, Any], path: Path) -> None:
    """Refuse a service definition that asks for another controller than ECS's own.

    Raises:
        UsageError: names file and line.
    """
    controller = document.get("deploymentController")
    kind = controller.get("type") if isinstance(controller, dict) else None
    if kind in _OTHERS:
        raise UsageError(
            f"{place(path, 'deploymentController', 'type')}: the deployment controller {kind} is one that Fairway does not "
            "drive",
            hint=f"{_OTHERS[kind]}; or take deploymentController out: ECS is the default",
        )


def create_request(document: Mapping[str, Any], *, cluster: str, name: str, task_definition: str) -> dict[str, Any]:
    """What CreateService takes. Pure."""
    return {**document, "cluster": cluster, "serviceName": name, "taskDefinition": task_definition}


def update_request(
    document: Mapping[str, Any] | None,
    *,
    cluster: str,
    name: str,
    task_definition: str,
    accepted: Collection[str],
    controller: str = "ECS",
    held: bool = False,
) -> dict[str, Any]:
    """What UpdateService takes for a service definition: each member of it that UpdateService accepts. Pure.

    Never `desiredCount`: a living service is scaled by others. `accepted` comes from AWS's own model, so that a member which
    Fairway does not know goes through. `held`: ECS is not to go back by itself either.
    """
    request = {
        member: value
        for member, value in (document or {}).items()
        if member in accepted and member not in _NEVER_SENT and value is not None
    }
    if request.get("deploymentController", {}).get("type") == controller:
        del request["deploymentController"]
    if held and "deploymentConfiguration" in request:
        request["deploymentConfiguration"] = without_rollback(request["deploymentConfiguration"])
    return {**request, "cluster": cluster, "service": name, "taskDefinition": task_definition}


def without_rollback(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The deployment configuration with breaker and alarms that stop a deployment, and do not roll it back. Pure."""
    members = ("deploymentCircuitBreaker", "alarms")
    return {
        name: {**value, "rollback": False} if name in members and isinstance(value, dict) else value
        for name, value in configuration.items()
    }


def stop_deployment(observer: Observer, arn: str) -> str | None:
    """Ask ECS to roll a deployment back; AWS's text when it is too late for that."""
    try:
        observer.aws.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Message", error))
    return None


def create(observer: Observer, pace: Pace, document: Mapping[str, Any], name: str, task_definition: str) -> Started:
    """Create a service; its first deployment begins at once."""
    request: Any = create_request(document, cluster=observer.cluster, name=name, task_definition=task_definition)
    with calling(f"creating the service {name}"):
        observer.aws.ecs.create_service(**request)
    record = find_started(observer, pace, name, task_definition, known=frozenset())
    return Started(name, record, created=True)


def update(
    observer: Observer,
    pace: Pace,
    document: Mapping[str, Any] | None,
    service: Service,
    task_definition: str,
    *,
    held: bool = False,
) -> Started:
    """Update a living service to a revision; the deployment that this began."""
    known = {record.arn for record in observer.service_deployments(service.name, most=20)}
    ecs = observer.aws.ecs
    shape: Any = ecs.meta.service_model.operation_model("UpdateService").input_shape
    request: Any = update_request(
        document,
        cluster=observer.cluster,
        name=service.name,
        task_definition=task_definition,
        accepted=shape.members,
        controller=service.controller,
        held=held,
    )
    if service.task_definition == task_definition:
        # ECS begins nothing for a revision that is already the PRIMARY one
        request["forceNewDeployment"] = True
    with calling(f"updating the service {service.name}"):
        ecs.update_service(**request)
    return Started(service.name, find_started(observer, pace, service.name, task_definition, known=known))


def find_started(
    observer: Observer, pace: Pace, name: str, task_definition: str, *, known: Collection[str]
) -> ServiceDeployment:
    """The new service deployment of our revision; ECS shows it a moment after the update.

    Raises:
        DeploymentHeld: it does not show up, or cannot be asked for any more. ECS goes on with it in any case.
    """
    limit = monotonic() + _SECONDS_TO_APPEAR
    hint = f"fairway watch {observer.cluster}/{name}"
    why = f"but ECS shows no service deployment of {task_definition.rsplit('/', 1)[-1]}"
    while True:
        try:
            with asking_again():
                found = _look_for(observer, name, task_definition, known)
        except CredentialsError as error:
            raise DeploymentHeld(f"{name} was updated, and ECS goes on; {error.message}", hint=hint) from error
        except AwsError as error:
            found, why = None, f"and ECS goes on; {error.message}"
        if found is not None:
            return found
        if monotonic() > limit:
            raise DeploymentHeld(f"{name} was updated, {why}", hint=hint)
        pace.wait()


def _look_for(observer: Observer, name: str, task_definition: str, known: Collection[str]) -> ServiceDeployment | None:
    fresh = [record for record in observer.service_deployments(name, most=20) if record.arn not in known]
    of = observer.revision_definitions(record.target_revision.arn for record in fresh)
    ours = [record for record in fresh if of.get(record.target_revision.arn) == task_definition]
    # the oldest: a newer one of the same revision was forced by somebody else
    return ours[-1] if ours else None
