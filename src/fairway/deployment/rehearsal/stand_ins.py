"""Production's definitions as a machine that is not AWS can play them, and what exactly differs. Pure.

Of a service all is production's but where it stands: its subnets, security groups and target group are the private engine's.
Of a task, on models: nothing else. As processes: what a laptop does not have (secrets, database, memory, curl) is taken from
the local environment, member by member, and nothing more than that.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import ACCOUNT
from fairway.errors import UsageError
from fairway.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OF_TASK: Final = ("cpu", "memory")
_OF_CONTAINER: Final = ("cpu", "memory", "memoryReservation", "user", "environment", "secrets")
_NAMED: Final = "name"
_NOTHING: Final = object()
_MOST: Final = 50
_REASONS: Final = {
    "networkConfiguration": "the private engine's own network",
    "loadBalancers": "the private engine's own target group",
    "desiredCount": "as many processes as were asked for, and a rolling deployment needs",
    "cpu": "the tasks share this machine",
    "memory": "the tasks share this machine",
    "memoryReservation": "the tasks share this machine",
    "user": "users of this machine",
    "environment": "a program on this machine: from the local environment",
    "secrets": "secrets of this machine",
    "startPeriod": "an engine keeps it in real seconds: divided by its speed",
    "healthCheckGracePeriodSeconds": "an engine keeps it in real seconds: divided by its speed",
    "command": "what this machine has to check with",
}


@dataclass(frozen=True, slots=True)
class Differing:
    """One member in which the rehearsal is not production."""

    where: str
    """`api: containerDefinitions.api.memory`."""
    production: Any
    rehearsal: Any
    """Both with secrets hidden; None: it is not there."""
    reason: str

    def document(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "production": self.production,
            "rehearsal": self.rehearsal,
            "reason": self.reason,
        }


def in_account(document: Mapping[str, Any], account: str | None) -> dict[str, Any]:
    """The document with the engine's account for its own, in ARNs and in the registry's name."""
    if account is None or account == ACCOUNT:
        return dict(document)
    text = re.sub(rf"(?<!\d){account}(?!\d)", ACCOUNT, json.dumps(document))
    found: dict[str, Any] = json.loads(text)
    return found


def stand_in_service(
    production: Mapping[str, Any], local: Mapping[str, Any] | None, *, key: str, tasks: int | None
) -> dict[str, Any]:
    """Production's service in the network that `local` has; `tasks`: at least so many of them, None: production's count.

    Raises:
        UsageError: the local environment has no place for its load balancers.
    """
    service = dict(production)
    for name in ("networkConfiguration", "loadBalancers"):
        theirs = (local or {}).get(name)
        if name not in production:
            continue
        if not theirs or (name == "loadBalancers" and len(theirs) != len(production[name])):
            raise UsageError(
                f"{key}: the local environment has no {name} for this service",
                hint="give deploy/environments/local.toml what the engine needs: see `fairway up`",
            )
        service[name] = theirs if name == "networkConfiguration" else _balancers(production[name], theirs)
    if tasks is not None:
        service["desiredCount"] = enough_tasks(tasks, production.get("deploymentConfiguration", {}))
    return service


def _balancers(production: list[dict[str, Any]], local: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**ours, "targetGroupArn": theirs["targetGroupArn"]} for ours, theirs in zip(production, local, strict=True)
    ]


def enough_tasks(wanted: int, configuration: Mapping[str, Any]) -> int:
    """The smallest count from `wanted` on with which a rolling deployment can move at all.

    wanted=1, 100 %, 200 % -> 1     wanted=1, 50 %, 150 % -> 2 (one task of 50..150 % may neither start nor stop another)
    Source: ECS API Reference, DeploymentConfiguration (minimumHealthyPercent rounds up, maximumPercent down).
    """
    lower = int(configuration.get("minimumHealthyPercent", 100))
    upper = int(configuration.get("maximumPercent", 200))
    for count in range(wanted, wanted + _MOST):
        if count * upper // 100 > -(-count * lower // 100):
            return count
    return wanted  # such as 100 and 100: no count moves, and ECS says so itself


def stand_in_definition(production: Mapping[str, Any], local: Mapping[str, Any]) -> dict[str, Any]:
    """Production's task definition with what only the local environment can say about this machine."""
    definition = _taken(production, local, _OF_TASK)
    theirs = {container[_NAMED]: container for container in local["containerDefinitions"]}
    definition["containerDefinitions"] = [
        _stand_in_container(container, theirs.get(container[_NAMED], container))
        for container in production["containerDefinitions"]
    ]
    return definition


def _stand_in_container(production: Mapping[str, Any], local: Mapping[str, Any]) -> dict[str, Any]:
    container = _taken(production, local, _OF_CONTAINER)
    if "healthCheck" in production and "healthCheck" in local:
        container["healthCheck"] = {**production["healthCheck"], "command": local["healthCheck"]["command"]}
    return container


def _taken(production: Mapping[str, Any], local: Mapping[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    """`production` with these members as `local` has them, or has them not."""
    taken = {name: value for name, value in production.items() if name not in members or name in local}
    return taken | {name: local[name] for name in members if name in local}


def service_at_speed(service: Mapping[str, Any], speed: float) -> dict[str, Any]:
    """The service as models play it: limits on real work are real seconds on an engine, but a model does no real work.

    60 s of grace at speed 60 -> 1 real second, which is 60 s of the engine's time.
    """
    name = "healthCheckGracePeriodSeconds"
    return {**service, name: math.ceil(service[name] / speed)} if service.get(name) else dict(service)


def definition_at_speed(definition: Mapping[str, Any], speed: float) -> dict[str, Any]:
    """As `service_at_speed`, for the start periods of health checks."""

    def at_speed(container: Mapping[str, Any]) -> dict[str, Any]:
        check = container.get("healthCheck", {})
        if not check.get("startPeriod"):
            return dict(container)
        return {**container, "healthCheck": {**check, "startPeriod": math.ceil(check["startPeriod"] / speed)}}

    return {**definition, "containerDefinitions": [at_speed(item) for item in definition["containerDefinitions"]]}


def with_fault(
    definition: Mapping[str, Any], *, labels: Mapping[str, str], variable: str, switch: str
) -> dict[str, Any]:
    """The definition of a release that misbehaves: its models by labels, its processes by their own switch."""
    return {
        **definition,
        "containerDefinitions": [
            _faulty(dict(container), labels, variable, switch) for container in definition["containerDefinitions"]
        ],
    }


def _faulty(container: dict[str, Any], labels: Mapping[str, str], variable: str, switch: str) -> dict[str, Any]:
    if labels:
        named = {f"fairway.sim.{name}": value for name, value in labels.items()}
        container["dockerLabels"] = {**container.get("dockerLabels", {}), **named}
    if switch:
        others = [item for item in container.get("environment", ()) if item["name"] != variable]
        container["environment"] = [*others, {"name": variable, "value": switch}]
    return container


def differing(key: str, production: Mapping[str, Any], rehearsal: Mapping[str, Any]) -> list[Differing]:
    """What the rehearsal has otherwise, by member; secrets are hidden."""
    return [
        Differing(
            f"{key}: {'.'.join(path)}",
            None if one is _NOTHING else masked(one, path[-1]),
            None if other is _NOTHING else masked(other, path[-1]),
            next((_REASONS[name] for name in reversed(path) if name in _REASONS), "another account"),
        )
        for path, one, other in _walk(production, rehearsal, ())
    ]


def _walk(one: Any, other: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if one == other:
        return
    one, other = _by_name(one), _by_name(other)
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(name for name in other if name not in one)]:
            yield from _walk(one.get(name, _NOTHING), other.get(name, _NOTHING), (*path, name))
        return
    yield path, one, other


def _by_name(value: Any) -> Any:
    """A list of named things as a map, so that one of them is told and not the whole list."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and _NAMED in item for item in value):
        return {item[_NAMED]: _unnamed(item) for item in value}
    return value


def _unnamed(item: Mapping[str, Any]) -> Any:
    """What an item says beside its name: of a variable its value, so that it is told, and masked, by the variable's name."""
    rest = {name: value for name, value in item.items() if name != _NAMED}
    return next(iter(rest.values())) if set(rest) in ({"value"}, {"valueFrom"}) else rest


@dataclass(frozen=True, slots=True)
class SecretsNeeded:
    """What containers take their secrets from."""

    managed: Mapping[str, tuple[str, ...]]
    """Secrets Manager: name -> the members of its JSON that are asked for."""
    parameters: tuple[str, ...]
    """SSM."""


def secrets_needed(definitions: list[Mapping[str, Any]]) -> SecretsNeeded:
    """All secrets that definitions name."""
    managed: dict[str, set[str]] = {}
    parameters: set[str] = set()
    for definition in definitions:
        for container in definition["containerDefinitions"]:
            for secret in container.get("secrets", ()):
                value = str(secret["valueFrom"])
                _, is_managed, rest = value.partition(":secret:")
                if is_managed:
                    name, _, member = rest.partition(":")
                    managed.setdefault(name, set()).update(filter(None, [member.split(":", 1)[0]]))
                else:
                    parameters.add(value.partition(":parameter")[2] or value)
    return SecretsNeeded({name: tuple(sorted(keys)) for name, keys in managed.items()}, tuple(sorted(parameters)))
