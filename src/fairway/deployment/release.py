"""What is to be released: the rendered definitions of a run, ready for AWS. Pure but for the values in the account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairway.aws.values import resolve_values
from fairway.deployment.shapes import check_run_shape, check_service_shape, check_task_definition_shape
from fairway.deployment.update import refuse_other_controllers
from fairway.errors import UsageError
from fairway.planning.release import OneOff, Release, ServiceRelease
from fairway.project.manage import SERVICE
from fairway.project.overlay import has_tag
from fairway.project.render import render_definition
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.session import Aws
    from fairway.project.model import Project, TaskSpec

__all__ = ["Choices", "OneOff", "Release", "ServiceRelease", "make_release", "resolve_release"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about a release."""

    services: tuple[str, ...] = ()
    """Keys; none: all of the project."""
    tag: str | None = None
    images: tuple[tuple[str, str], ...] = ()
    """(container or empty, image)."""
    sets: tuple[tuple[str, str | None, str, str], ...] = ()
    """(service, container or None, variable, value)."""


def make_release(project: Project, choices: Choices) -> Release:
    """The release that the choices ask for.

    Raises:
        UsageError: an unknown service or container, a missing tag, a definition that AWS would refuse, another controller
            than ECS; nothing was changed.
    """
    keys = list(choices.services) or list(project.services)
    for key in (*keys, *(item[0] for item in choices.sets)):
        if key not in project.services:
            raise UsageError(f"there is no service {key!r} in fairway.toml", hint=did_you_mean(key, project.services))
    for key, *_ in choices.sets:
        if key not in keys:
            raise UsageError(f"--set names {key}, which is not deployed now", hint=f"add it: fairway deploy {key} …")
    images = dict(choices.images)
    if images and len(keys) > 1:
        raise UsageError("--image is for one service", hint="name the service: fairway deploy SERVICE --image …")
    services = []
    for key in dict.fromkeys(keys):
        spec = project.services[key]
        sets = {(container, variable): value for service, container, variable, value in choices.sets if service == key}
        definition = render_definition(spec, tag=choices.tag, images=images, sets=sets)
        services.append(
            ServiceRelease(
                key,
                spec.service_name,
                definition,
                spec.definition_path,
                spec.service if spec.manage == SERVICE else None,
                spec.service_path,
                spec.after,
            )
        )
    tasks = [task for task in project.tasks.values() if set(task.before) & set(keys)]
    images_alone = bool(images) and choices.tag is None
    release = Release(
        tuple(services),
        () if images_alone else tuple(_one_off(task, choices.tag) for task in tasks),
        roll_back_all=project.on_failure != "keep",
        version=choices.tag or _version_of(images),
        tag=choices.tag,
        images=frozenset(images.values()),
        left_out=tuple(task.key for task in tasks) if images_alone else (),
    )
    _check_definitions(release)
    return release


def _check_definitions(release: Release) -> None:
    """Refuse what AWS would, before anything is built, run or registered."""
    for item in release.services:
        if item.service is not None and item.service_path is not None:
            refuse_other_controllers(item.service, item.service_path)
            check_service_shape(item.service, item.service_path)
        check_task_definition_shape(item.definition, item.definition_path)
    for task in release.before:
        check_task_definition_shape(task.definition, task.definition_path)
        if task.run is not None and task.run_path is not None:
            check_run_shape(task.run, task.run_path)


def _one_off(task: TaskSpec, tag: str | None) -> OneOff:
    tagged = any(has_tag(str(c.get("image", ""))) for c in task.definition["containerDefinitions"])
    definition = render_definition(task, tag=tag if tagged else None)
    return OneOff(task.key, definition, task.definition_path, task.run, task.run_path)


def _version_of(images: Mapping[str, str]) -> str | None:
    for image in images.values():
        name = image.rsplit("/", 1)[-1]
        if ":" in name and "@" not in name:
            return name.rsplit(":", 1)[1]
    return None


def resolve_release(aws: Aws, release: Release) -> Release:
    """The release with each value that lives in the account put in.

    Raises:
        UsageError: a parameter does not exist.
    """
    services = tuple(
        replace(
            item,
            definition=resolve_values(aws, item.definition, item.definition_path),
            service=None if item.service is None else resolve_values(aws, item.service, item.service_path),
        )
        for item in release.services
    )
    before = tuple(
        replace(
            item,
            definition=resolve_values(aws, item.definition, item.definition_path),
            run=None if item.run is None else resolve_values(aws, item.run, item.run_path),
        )
        for item in release.before
    )
    return replace(release, services=services, before=before)
