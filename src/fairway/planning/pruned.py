"""A definition as AWS shows it, without what ECS fills in by itself: what somebody would have written. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.planning.equality import VERBATIM, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.planning.defaults import Default

WHOLE: Final = frozenset(
    {"deploymentCircuitBreaker", "alarms", "restartPolicy", "thresholdConfiguration", "serviceConnectConfiguration"}
    | {"earlySuccessCriteria", "deploymentController", "secrets", "secretOptions", "environmentFiles"}
)
"""Objects that are kept as they are or left out: AWS asks for some of their members even where they have a default."""
_KEPT: Final[dict[tuple[str, ...], str]] = {("availabilityZoneRebalancing",): "DISABLED"}
"""Values that a file leaves out to mean something else: a service that is created now would be rebalanced."""
_NOTHING: Final = object()


def pruned(document: Mapping[str, Any], defaults: Sequence[Default]) -> dict[str, Any]:
    """The document without empty members, and without those whose value ECS would fill in."""
    table: dict[tuple[str, ...], list[Any]] = {}
    for default in defaults:
        table.setdefault(tuple(default.path.split(".")), []).append(default.value)
    made: Any = _Pruner(table).object(document, ())
    return {} if made is _NOTHING else dict(made)


class _Pruner:
    def __init__(self, defaults: Mapping[tuple[str, ...], list[Any]]) -> None:
        self._defaults = defaults

    def object(self, document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        kept = {name: self._member(value, (*path, name)) for name, value in document.items()}
        kept = {name: value for name, value in kept.items() if value is not _NOTHING}
        if not kept:
            return _NOTHING
        return dict(document) if path and path[-1] in WHOLE else kept

    def _member(self, value: Any, path: tuple[str, ...]) -> Any:
        if value is None or value in ("", [], {}):
            return _NOTHING
        if path[-1] in VERBATIM:
            return value
        if _KEPT.get(path, _NOTHING) == value:
            return value
        if any(same(path, value, default) for default in self._defaults.get(path, ())):
            return _NOTHING
        if isinstance(value, dict):
            return self.object(value, path)
        if isinstance(value, list):
            # an item is there, whatever it says
            return [self._item(item, path) for item in value]
        return value

    def _item(self, item: Any, path: tuple[str, ...]) -> Any:
        if not isinstance(item, dict):
            return item
        kept = self.object(item, path)
        return {} if kept is _NOTHING else kept


def without_host_ports(definition: dict[str, Any]) -> dict[str, Any]:
    """The task definition without host ports that its network mode decides.

    Source: ECS API Reference, PortMapping: with awsvpc and host the host port is the container port, with bridge 0 is any.
    """
    mode = definition.get("networkMode", "bridge")
    containers = []
    for container in definition.get("containerDefinitions", ()):
        ports = [_without_host_port(port, mode) for port in container.get("portMappings", ())]
        containers.append({**container, "portMappings": ports} if ports else container)
    return {**definition, "containerDefinitions": containers}


def _without_host_port(port: Mapping[str, Any], mode: str) -> dict[str, Any]:
    decided = port.get("containerPort") if mode in {"awsvpc", "host"} else 0
    return {name: value for name, value in port.items() if name != "hostPort" or value != decided}
