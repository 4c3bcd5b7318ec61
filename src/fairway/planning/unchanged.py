"""Whether a deployment of a service would change anything. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.observed import BAD
from fairway.planning.changes import definition_changes, service_changes

if TYPE_CHECKING:
    from fairway.observed import Living, Surroundings
    from fairway.planning.release import Release, ServiceRelease


def is_unchanged(item: ServiceRelease, surroundings: Surroundings) -> bool:
    """The service serves exactly this, whole and from no failed deployment; what a deployment leaves alone does not count."""
    living = surroundings.services[item.name]
    if living.service is None or living.serving is None or living.serving.verdict == BAD or not _is_whole(living):
        return False
    changes = (
        *definition_changes(item.definition, living.serving, living.deployed).found,
        *service_changes(item, living, surroundings.default_strategy).found,
    )
    return all(change.stays for change in changes)


def _is_whole(living: Living) -> bool:
    """One deployment, and it is complete."""
    rollouts = () if living.service is None else living.service.rollouts
    return len(rollouts) == 1 and rollouts[0].state == "COMPLETED"


def without_unchanged(release: Release, surroundings: Surroundings) -> tuple[Release, tuple[str, ...]]:
    """The release without services that serve it already, and their keys; one-off tasks go with the last of theirs.

    A one-off task runs for any service that changes: which of them need it, nobody says.
    """
    same = tuple(item.key for item in release.services if is_unchanged(item, surroundings))
    left = tuple(item for item in release.services if item.key not in same)
    if not left:
        return replace(release, services=(), before=(), scheduled=()), same
    return replace(release, services=left), same
