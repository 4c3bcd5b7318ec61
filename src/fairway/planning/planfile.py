"""A plan to be kept: hashes of all that was rendered, and of what lived when it was made. Pure; no value of a definition is in it.

`deploy --plan FILE` renders again, and does exactly that or refuses: each sentence of `disagreements` is one reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.planning.canonical import living_service
from fairway.planning.hashes import document_hash
from fairway.planning.unchanged import without_unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fairway.observed import Living, Surroundings
    from fairway.planning.release import Release

FORMAT: Final = 1
KIND: Final = "fairway-plan"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan file says about the command line that it was made by."""

    services: tuple[str, ...]
    tag: str | None
    tags: tuple[tuple[str, str], ...]
    images: tuple[tuple[str, str], ...]
    sets: tuple[str, ...]
    """`service/container:VARIABLE` of each --set: the values are not kept."""
    unpinned: frozenset[str] = frozenset()
    """Images that the plan names by tag: whatever was pushed under it since is meant."""


def plan_document(
    release: Release, surroundings: Surroundings, *, environment: str, wanted: Wanted, at: datetime
) -> dict[str, Any]:
    """What is written to the file."""
    return {
        "kind": KIND,
        "format": FORMAT,
        "made_at": at.isoformat(),
        "environment": environment,
        "account": surroundings.account,
        "region": surroundings.region,
        "cluster": surroundings.cluster,
        "services_given": list(wanted.services),
        "tag": wanted.tag,
        "tags": [list(pair) for pair in wanted.tags],
        "images": [list(pair) for pair in wanted.images],
        "sets": list(wanted.sets),
        "unpinned": unpinned_images(release),
        **_contents(release, surroundings),
    }


def unpinned_images(release: Release) -> list[str]:
    """Images that stand in the plan by their tag, because their registry did not have them (or nobody may ask it)."""
    definitions = [*(item.definition for item in release.services), *(task.definition for task in release.before)]
    images = {str(c.get("image", "")) for definition in definitions for c in definition["containerDefinitions"]}
    return sorted(image for image in images if "@" not in image)


def _contents(release: Release, surroundings: Surroundings) -> dict[str, Any]:
    return {
        "services": {
            item.key: {
                "name": item.name,
                "definition_sha256": document_hash(item.definition),
                "service_sha256": None if item.service is None else document_hash(item.service),
                "living": _living(surroundings.services[item.name]),
            }
            for item in release.services
        },
        "tasks": {
            task.key: {
                "definition_sha256": document_hash(task.definition),
                "run_sha256": None if task.run is None else document_hash(task.run),
            }
            for task in release.before
        },
    }


def _living(living: Living) -> dict[str, Any] | None:
    """The revision that serves, the deployment that brought it, and the settings; never how many tasks run."""
    if living.service is None:
        return None
    primary = next((rollout.id for rollout in living.service.rollouts if rollout.status == "PRIMARY"), None)
    return {
        "task_definition": living.service.task_definition,
        "deployment": primary,
        "settings_sha256": document_hash(living_service(living)),
    }


def wanted_of(document: Mapping[str, Any]) -> Wanted:
    """What the command line was when the file was made."""
    return Wanted(
        services=tuple(document.get("services_given", ())),
        tag=document.get("tag"),
        tags=tuple((str(key), str(tag)) for key, tag in document.get("tags", ())),
        images=tuple((str(container), str(image)) for container, image in document.get("images", ())),
        sets=tuple(document.get("sets", ())),
        unpinned=frozenset(document.get("unpinned", ())),
    )


def disagreements(
    document: Mapping[str, Any], release: Release, surroundings: Surroundings, environment: str
) -> list[str]:
    """Why a plan does not hold any more, in sentences; empty: it does."""
    where = {
        "environment": environment,
        "account": surroundings.account,
        "region": surroundings.region,
        "cluster": surroundings.cluster,
    }
    other = [
        f"it was made for the {name} {document.get(name)}, and this is {here}"
        for name, here in where.items()
        if document.get(name) != here
    ]
    if other:
        return other
    now = _contents(release, surroundings)
    return [
        *_keys(document.get("services", {}), now["services"], "service"),
        *_keys(document.get("tasks", {}), now["tasks"], "one-off task"),
        *(
            reason
            for key, made in document.get("services", {}).items()
            if key in now["services"]
            for reason in _service(key, made, now["services"][key])
        ),
        *(
            reason
            for key, made in document.get("tasks", {}).items()
            if key in now["tasks"]
            for reason in _task(key, made, now["tasks"][key])
        ),
    ]


def is_carried_out(
    document: Mapping[str, Any], release: Release, pinned: Release, surroundings: Surroundings, environment: str
) -> bool:
    """The plan has been done since: the same is rendered, other revisions serve than did, and they are what it plans.

    `pinned`: the release with every image by its digest, as it is deployed.
    """
    before = {key: (made.get("living") or {}).get("task_definition") for key, made in document["services"].items()}
    as_before = {
        **document,
        "services": {
            key: {**made, "living": _living(surroundings.services[item.name])}
            for item in release.services
            for key, made in document["services"].items()
            if key == item.key
        },
    }
    if before.keys() != as_before["services"].keys() or disagreements(as_before, release, surroundings, environment):
        return False
    now = {item.key: surroundings.services[item.name].service for item in release.services}
    moved = any(service is not None and service.task_definition != before[key] for key, service in now.items())
    return moved and not without_unchanged(pinned, surroundings)[0].services


def _keys(made: Mapping[str, Any], now: Mapping[str, Any], what: str) -> list[str]:
    gone = [f"the {what} {key} is in the plan, and not deployed now" for key in made if key not in now]
    return gone + [f"the {what} {key} is deployed now, and not in the plan" for key in now if key not in made]


def _service(key: str, made: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    reasons = []
    if made.get("definition_sha256") != now["definition_sha256"]:
        reasons.append(f"{key}: its task definition renders differently now")
    if made.get("service_sha256") != now["service_sha256"]:
        reasons.append(f"{key}: its service definition renders differently now")
    before, after = made.get("living"), now["living"]
    if (before is None) is not (after is None):
        return [*reasons, f"{key}: the service has been {'created' if before is None else 'deleted'} since"]
    if before is None or after is None:
        return reasons
    if before.get("task_definition") != after["task_definition"]:
        names = [str(arn).rsplit("/", 1)[-1] for arn in (before.get("task_definition"), after["task_definition"])]
        reasons.append(f"{key}: {names[0]} served, and now {names[1]} does")
    elif before.get("deployment") != after["deployment"]:
        reasons.append(f"{key}: it was deployed again since")
    elif before.get("settings_sha256") != after["settings_sha256"]:
        reasons.append(f"{key}: settings of the living service were changed since")
    return reasons


def _task(key: str, made: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    reasons = []
    if made.get("definition_sha256") != now["definition_sha256"]:
        reasons.append(f"{key}: its task definition renders differently now")
    if made.get("run_sha256") != now["run_sha256"]:
        reasons.append(f"{key}: what it is run with renders differently now")
    return reasons
