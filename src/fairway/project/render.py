"""A definition as it is deployed: tag put in, images and variables replaced. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.errors import UsageError
from fairway.project.model import ServiceSpec
from fairway.project.overlay import has_tag, put_tag
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.project.model import ScheduledSpec, TaskSpec


def render_definition(
    spec: ServiceSpec | TaskSpec | ScheduledSpec,
    *,
    tag: str | None,
    images: Mapping[str, str] | None = None,
    sets: Mapping[tuple[str | None, str], str] | None = None,
) -> dict[str, Any]:
    """What RegisterTaskDefinition takes: tag put in, images and variables replaced.

    `images`: container (or "" for the default container) -> image. `sets`: (container or None, variable) -> value.

    Raises:
        UsageError: `tag` is given and no image has `{{ tag }}`, or it is missing; a container does not exist.
    """
    path, document = spec.definition_path, dict(spec.definition)
    containers = [dict(container) for container in document["containerDefinitions"]]
    document["containerDefinitions"] = containers
    tagged = [container["name"] for container in containers if has_tag(str(container.get("image", "")))]
    for name, image in (images or {}).items():
        _container(spec, containers, name or None, tagged)["image"] = image
    still_tagged = [c["name"] for c in containers if has_tag(str(c.get("image", "")))]
    if tag is None and still_tagged:
        raise UsageError(
            f"{place(path, 'image')}: the image of {', '.join(still_tagged)} needs a tag", hint="add --tag TAG"
        )
    if tag is not None and not tagged:
        raise UsageError(
            f"{place(path, 'image')}: no image of {spec.family} has {{{{ tag }}}}, so --tag {tag} changes nothing",
            hint='write the image as "REPOSITORY:{{ tag }}", or use --image',
        )
    for (target, variable), value in (sets or {}).items():
        container = _container(spec, containers, target, tagged)
        if any(secret.get("name") == variable for secret in container.get("secrets", ())):
            raise UsageError(
                f"{place(path, container['name'], 'secrets', variable)}: {variable} of container {container['name']} is a secret: "
                "--set cannot set it",
                hint="change the secret's value, or give another variable",
            )
        variables = {item["name"]: item for item in container.get("environment", ())}
        variables[variable] = {"name": variable, "value": value}
        container["environment"] = list(variables.values())
    rendered: dict[str, Any] = document if tag is None else put_tag(document, tag)
    return rendered


def _container(
    spec: ServiceSpec | TaskSpec | ScheduledSpec, containers: list[dict[str, Any]], name: str | None, tagged: list[str]
) -> dict[str, Any]:
    names = [container["name"] for container in containers]
    if name is None:
        name = default_container(spec, names, tagged)
    for container in containers:
        if container["name"] == name:
            return container
    raise UsageError(
        f"{spec.key} has no container {name!r}", hint=f"{did_you_mean(name, names)} ({spec.definition_path})"
    )


def default_container(spec: ServiceSpec | TaskSpec | ScheduledSpec, names: list[str], tagged: list[str]) -> str:
    """The container behind the target group, else the only one with `{{ tag }}`, else the only one.

    Raises:
        UsageError: it cannot be told.
    """
    service = spec.service if isinstance(spec, ServiceSpec) else None
    behind = {balancer["containerName"] for balancer in (service or {}).get("loadBalancers", ())}
    for candidates in (sorted(behind), tagged, names):
        if len(candidates) == 1:
            return candidates[0]
    raise UsageError(f"{spec.key}: which container is meant?", hint=f"name it: one of {', '.join(names)}")


# -- environments -----------------------------------------------------------------------------------------------------
