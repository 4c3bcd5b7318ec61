"""Which members a release changes, which somebody changed by hand since the last deployment, and which stay. Pure.

Three things are compared: the file, what lives, and what Fairway deployed last. File against living is what differs; where the
living is not what was deployed, somebody changed it by hand (drift), and the rest is a change that was not deployed yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.observed import SETTINGS_TAG
from fairway.planning.canonical import (
    REVISION_MEMBERS,
    deployed_settings,
    file_definition,
    file_service,
    living_definition,
    living_service,
    with_compute,
    with_swapped_groups,
)
from fairway.planning.defaults import TASK_DEFINITION, service_defaults
from fairway.planning.difference import Comparison, compare
from fairway.planning.hashes import settings_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fairway.observed import Living, TaskDefinition
    from fairway.planning.difference import Difference
    from fairway.planning.release import ServiceRelease

DEFINITION: Final = "task definition"
SERVICE: Final = "service"
_NOT_UPDATED: Final = frozenset({"launchType", "role", "schedulingStrategy", "tags"})
"""Members of CreateService that UpdateService does not take."""
_KEPT_INSIDE: Final = "deploymentConfiguration"
"""What is left out of it keeps its living value."""


@dataclass(frozen=True, slots=True)
class Change:
    """One member that differs, and what becomes of it."""

    where: str
    """`task definition` or `service`."""
    difference: Difference
    is_drift: bool = False
    """Somebody changed it by hand; else the file's change was not deployed yet."""
    stays: str = ""
    """Why a deployment leaves it as it is; empty: it takes the file's value."""

    def document(self) -> dict[str, Any]:
        """As JSON, with secrets hidden."""
        origin = "drift" if self.is_drift else "undeployed"
        said = {"in": self.where, "origin": origin, **self.difference.document()}
        return {**said, "stays": self.stays} if self.stays else said


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of one definition."""

    found: tuple[Change, ...] = ()
    unchanged: int = 0
    not_compared: tuple[str, ...] = ()
    """Members of the file that AWS does not show."""


def definition_changes(
    document: Mapping[str, Any],
    living: TaskDefinition | None,
    deployed: TaskDefinition | None = None,
    *,
    by_hand: bool = False,
) -> Changes:
    """What a new revision changes against the living one.

    `deployed`: what Fairway deployed last, when something else serves. `by_hand`: the file is as it was deployed.
    """
    if living is None:
        return Changes()
    now = living_definition(living)
    drifted: Sequence[Difference] = ()
    if deployed is not None:
        drifted = compare(living_definition(deployed), now, TASK_DEFINITION).differences
    found = compare(now, file_definition(document), TASK_DEFINITION)
    changes = [
        Change(DEFINITION, item, is_drift=(by_hand and item.path[0] == "tags") or _touches(item.path, drifted))
        for item in found.differences
    ]
    return Changes(tuple(changes), found.unchanged)


def service_changes(item: ServiceRelease, living: Living, default_strategy: Sequence[Mapping[str, Any]]) -> Changes:
    """What the service's own definition changes; nothing when only its revisions are managed."""
    if item.service is None or living.service is None:
        return Changes()
    file, now = with_compute(file_service(item.service), living_service(living), default_strategy)
    now = with_swapped_groups(file, now)
    hidden = tuple(name for name in file if name not in now and not _is_shown(name, living))
    file = {name: value for name, value in file.items() if name not in hidden}
    if "tags" not in file:
        # whoever names no tags leaves them to others
        now = {name: value for name, value in now.items() if name != "tags"}
    defaults = service_defaults(str(now.get("schedulingStrategy", "REPLICA")))
    found = compare(now, file, defaults)
    unchanged_file = is_as_deployed(item, living)
    base = deployed_settings(living)
    kept = {name: value for name, value in now.items() if name in base}
    drifted = compare(base, with_swapped_groups(base, kept), defaults).differences
    changes = [
        Change(SERVICE, each, is_drift=unchanged_file or _touches(each.path, drifted), stays=_stays(each, file))
        for each in found.differences
    ]
    return Changes(tuple(changes), found.unchanged, hidden)


def is_as_deployed(item: ServiceRelease, living: Living) -> bool:
    """The file's settings and tags are still those that the serving revision was deployed with."""
    serving = living.serving
    return serving is not None and serving.tags.get(SETTINGS_TAG) == settings_hash(item.definition, item.service)


def compare_definitions(before: Mapping[str, Any], after: TaskDefinition) -> Comparison:
    """How a registered revision differs from a document: empty, when it was registered from it."""
    return compare(file_definition(before), living_definition(after), TASK_DEFINITION)


def _is_shown(name: str, living: Living) -> bool:
    """AWS would show the member if the service had it."""
    if name in {"gatewayConnectors", "monitoring"}:
        return living.revision is not None
    return name in {*REVISION_MEMBERS, *_ALWAYS_SHOWN}


_ALWAYS_SHOWN: Final = frozenset(
    {
        "launchType",
        "capacityProviderStrategy",
        "healthCheckGracePeriodSeconds",
        "deploymentConfiguration",
        "role",
        "tags",
    }
    | {"deploymentController", "placementConstraints", "placementStrategy", "schedulingStrategy", "propagateTags"}
    | {"enableECSManagedTags", "enableExecuteCommand", "availabilityZoneRebalancing"}
)


def _stays(difference: Difference, file: Mapping[str, Any]) -> str:
    """Why UpdateService leaves it.

    Source: ECS API Reference, UpdateService: what is left out keeps its value; `tags`, `launchType`, `role` and
    `schedulingStrategy` are no members of it.
    """
    member = difference.path[0]
    if member == "tags":
        how = "aws ecs untag-resource takes it away" if difference.is_gone else "fairway apply does"
        return f"a deployment does not change tags of a living service: {how}"
    if member in _NOT_UPDATED:
        return "it is fixed when the service is created"
    if difference.is_gone and (member not in file or member == _KEPT_INSIDE):
        return "the file does not name it, and a deployment leaves it"
    return ""


def _touches(path: tuple[str, ...], others: Iterable[Difference]) -> bool:
    """A path is, contains, or lies in one of the differences."""
    return any(path[: len(other.path)] == other.path[: len(path)] for other in others)
