"""Which settings of a service go back with its revision. Pure.

A service revision fixes what needs a deployment to change, not the task definition alone. ECS's own rollback brings all of it
back; whoever goes back by UpdateService has to say it.

Source: ECS API Reference, ServiceRevision and UpdateService. `launchType` cannot be updated; the platform version stays what the
service says (`LATEST` is resolved in a revision); the breaker, alarms and bounds belong to the service, not to a revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES: Final = (
    "networkConfiguration",
    "capacityProviderStrategy",
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
    "serviceConnectConfiguration",
    "vpcLatticeConfigurations",
)
"""Members of a service revision that UpdateService takes by the same name."""


def settings_to_restore(revision: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateService is told so that a living service becomes what a service revision was; only what differs.

    A blue/green service is left alone: its deployments swap target groups, and that is no difference.
    """
    strategy = service.get("deploymentConfiguration", {}).get("strategy", "ROLLING")
    if strategy != "ROLLING":
        return {}
    found: dict[str, Any] = {}
    for name in _NAMES:
        was, now = revision.get(name), _now(service, name)
        if was is not None and (was or isinstance(was, list)) and _plain(was) != _plain(now or type(was)()):
            found[name] = was
    return found


def _now(service: Mapping[str, Any], name: str) -> Any:
    """What the living service says: of a rolling service the newest deployment's, where it stands there."""
    deployments: Any = service.get("deployments", ())
    primary: Any = next((d for d in deployments if d.get("status") == "PRIMARY"), {})
    return primary.get(name) or service.get(name)


def _plain(value: Any) -> Any:
    """Without empty members and without an order that says nothing."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=repr)
    return value
