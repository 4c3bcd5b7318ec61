"""The way back goes without ECS's deployment alarms.

What the bad version did lies in the minutes that an alarm has not judged yet. It turns red while the good version is being
brought back, and ECS would take that for the good version's fault, and go back to the bad one. Source: ECS Developer Guide, "How
CloudWatch alarms detect Amazon ECS deployment failures": ECS ignores only alarms that are red when a deployment begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.aws.calls import calling
from fairway.aws.session import AwsError
from fairway.deployment.progress import Change
from fairway.deployment.update import Started, update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.observe import Observer
    from fairway.aws.pace import Pace
    from fairway.deployment.progress import Listener
    from fairway.observed import Service


def without_alarms(service: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateService is told so that no alarm ends the deployment; nothing where none would. Pure."""
    configuration = service.get("deploymentConfiguration", {})
    alarms = configuration.get("alarms", {})
    if not alarms.get("enable"):
        return {}
    off = {**alarms, "enable": False, "rollback": False}
    return {"deploymentConfiguration": {**configuration, "alarms": off}}


def update_back(
    observer: Observer, pace: Pace, settings: Mapping[str, Any], service: Service, task_definition: str
) -> Started:
    """Update a service to a revision that served before; `settings` go back with it."""
    return update(observer, pace, {**settings, **without_alarms(service.document)}, service, task_definition)


def restore_alarms(observer: Observer, service: Service, listener: Listener) -> None:
    """Give a service that is back the alarms that it had before `update_back`; a refusal is told: it is back all the same."""
    if not without_alarms(service.document):
        return
    request: Any = {
        "cluster": observer.cluster,
        "service": service.name,
        "deploymentConfiguration": service.document["deploymentConfiguration"],
    }
    try:
        with calling(f"turning the deployment alarms of {service.name} on again"):
            observer.aws.ecs.update_service(**request)
    except AwsError as error:
        text = f"{error.message}; the next deployment turns them on"
        listener.change(Change("warning", service.name, text, {"message": text}, is_problem=True))
