"""What is to be released: the rendered definitions of a run, ready for AWS. Pure but for the values in the account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairway.aws.values import resolve_values
from fairway.deployment.one_off import run_like
from fairway.deployment.shapes import (
    check_balanced_ports,
    check_run_shape,
    check_service_shape,
    check_task_definition_shape,
)
from fairway.deployment.update import refuse_other_controllers
from fairway.errors import UsageError
from fairway.planning.release import OneOff, Release, ScheduledRelease, ServiceRelease
from fairway.project.head import KEEP
from fairway.project.manage import SERVICE
from fairway.project.overlay import has_tag
from fairway.project.render import render_definition
from fairway.project.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.aws.session import Aws
    from fairway.project.model import Project, ScheduledSpec, TaskSpec

__all__ = ["Choices", "OneOff", "Release", "ScheduledRelease", "ServiceRelease", "make_release", "resolve_release"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about a release."""

    services: tuple[str, ...] = ()
    """Keys; none: all of the project."""
    tag: str | None = None
    """Of whatever has no tag of its own."""
    tags: tuple[tuple[str, str], ...] = ()
    """(service or one-off task, its tag)."""
    images: tuple[tuple[str, str], ...] = ()
    """(container or empty, image)."""
    sets: tuple[tuple[str, str | None, str, str], ...] = ()
    """(service, container or None, variable, value)."""

    def tag_of(self, key: str) -> str | None:
        """The tag of a service or one-off task."""
        return dict(self.tags).get(key, self.tag)


def make_release(project: Project, choices: Choices) -> Release:
    """The release that the choices ask for.

    Raises:
        UsageError: an unknown service or container, a missing tag, a definition that AWS would refuse, another controller
            than ECS; nothing was changed.
    """
    keys = _keys(project, choices)
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
        tag = choices.tag_of(key)
        definition = render_definition(spec, tag=tag, images=images, sets=sets)
        services.append(
            ServiceRelease(
                key,
                spec.service_name,
                definition,
                spec.definition_path,
                spec.service if spec.manage == SERVICE else None,
                spec.service_path,
                spec.after,
                version=tag or _version_of(images),
                tag=tag,
            )
        )
    tasks = [task for task in project.tasks.values() if set(task.before) & set(keys)]
    images_alone = bool(images) and choices.tag is None and not choices.tags
    release = Release(
        tuple(services),
        ()
        if images_alone
        else tuple(_one_off(project, task, _tag_beside(task.key, task.before, choices, keys)) for task in tasks),
        scheduled=() if images_alone else _scheduled(project, choices, keys),
        roll_back_all=project.on_failure != KEEP,
        version=_version({item.key: item.version for item in services}),
        images=frozenset(images.values()),
        left_out=tuple(task.key for task in tasks) if images_alone else (),
    )
    _check_definitions(release)
    return release


def _keys(project: Project, choices: Choices) -> list[str]:
    """The services that are meant: those that are named; else those that a tag names, when no tag is for all; else all.

    Raises:
        UsageError: a tag names what is not deployed.
    """
    known = [*project.services, *project.tasks, *project.scheduled]
    for key, tag in choices.tags:
        if key not in known:
            raise UsageError(f"--tag {key}={tag}: fairway.toml has no {key!r}", hint=did_you_mean(key, known))
    tagged = [key for key, _ in choices.tags if key in project.services]
    keys = list(choices.services) or (tagged if tagged and choices.tag is None else list(project.services))
    for key in tagged:
        if key not in keys:
            raise UsageError(f"--tag names {key}, which is not deployed now", hint=f"add it: fairway deploy {key} …")
    return keys


def _scheduled(project: Project, choices: Choices, keys: Sequence[str]) -> tuple[ScheduledRelease, ...]:
    """The scheduled tasks that are moved with these services."""
    found = []
    for spec in project.scheduled.values():
        if spec.after and not set(spec.after) & set(keys):
            continue
        tag = _tag_beside(spec.key, spec.after or tuple(project.services), choices, keys) if _is_tagged(spec) else None
        definition = render_definition(spec, tag=tag)
        found.append(ScheduledRelease(spec.key, definition, spec.definition_path, spec.rule, spec.schedule, tag=tag))
    return tuple(found)


def _is_tagged(spec: TaskSpec | ScheduledSpec) -> bool:
    return any(has_tag(str(container.get("image", ""))) for container in spec.definition["containerDefinitions"])


def _tag_beside(key: str, services: Sequence[str], choices: Choices, keys: Sequence[str]) -> str | None:
    """The tag of what is deployed beside services: its own, the one for all, or theirs.

    Raises:
        UsageError: those differ.
    """
    own = choices.tag_of(key)
    if own is not None:
        return own
    tags = {tag for name, tag in choices.tags if name in services and name in keys}
    if len(tags) > 1:
        raise UsageError(
            f"which tag is for {key}? The services beside it have {', '.join(sorted(tags))}",
            hint=f"add --tag {key}=T",
        )
    return next(iter(tags), None)


def _version(versions: Mapping[str, str | None]) -> str | None:
    """One word for a release whose parts have these versions. Pure."""
    if len(set(versions.values())) == 1:
        return next(iter(versions.values()))
    return ", ".join(f"{key}={version}" for key, version in versions.items() if version) or None


def _check_definitions(release: Release) -> None:
    """Refuse what AWS would, before anything is built, run or registered."""
    for item in release.services:
        if item.service is not None and item.service_path is not None:
            refuse_other_controllers(item.service, item.service_path)
            check_service_shape(item.service, item.service_path)
            check_balanced_ports(item.service, item.definition, item.service_path)
        check_task_definition_shape(item.definition, item.definition_path)
    for task in release.before:
        check_task_definition_shape(task.definition, task.definition_path)
        if task.run is not None and task.run_path is not None:
            check_run_shape(task.run, task.run_path)
    for scheduled in release.scheduled:
        check_task_definition_shape(scheduled.definition, scheduled.definition_path)


def _one_off(project: Project, task: TaskSpec, tag: str | None) -> OneOff:
    definition = render_definition(task, tag=tag if _is_tagged(task) else None)
    run = task.run
    if "networkConfiguration" not in (run or {}):
        # awsvpc needs one: the task reaches what the service reaches
        services = (project.services[key].service for key in task.before)
        like = next((service for service in services if service is not None), None)
        run = run if like is None else run_like(like, run)
    return OneOff(task.key, definition, task.definition_path, run, task.run_path, tag=tag)


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
    scheduled = tuple(
        replace(item, definition=resolve_values(aws, item.definition, item.definition_path))
        for item in release.scheduled
    )
    return replace(release, services=services, before=before, scheduled=scheduled)
