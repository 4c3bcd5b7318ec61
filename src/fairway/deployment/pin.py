"""Pins images by digest, so that a tag which is moved later moves nothing that was deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fairway.aws.images import digest_of
from fairway.deployment.release import resolve_release
from fairway.deployment.secret_versions import pin_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fairway.aws.session import Aws
    from fairway.planning.release import Release
    from fairway.project.model import Project


def settle(aws: Aws, project: Project, release: Release, *, by_tag: Collection[str] = ()) -> Release:
    """The release exactly as it is deployed: values of the account put in, images and (if the project says so) secrets pinned.

    `by_tag`: images that keep their tag, as they stand in a plan that was made before they were pushed.

    Raises:
        UsageError: a parameter or a secret does not exist.
        AwsError: it may not be asked for, or AWS does not answer.
    """
    release = resolve_release(aws, release)
    return pin_images(aws, pin_secrets(aws, release) if project.pin_secrets else release, by_tag=by_tag)


def pin_images(aws: Aws, release: Release, *, by_tag: Collection[str] = ()) -> Release:
    """The release with each image of ECR as `repository@sha256:…`, where ECR has it and may be asked.

    An image that is not there (yet) keeps its tag: whoever checks, or ECS, says so. Source: ECS API Reference,
    ContainerDefinition `image`: "registry/repository@digest".
    """
    known: dict[str, str | None] = dict.fromkeys(by_tag)

    def pin(document: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
        containers, first = [], None
        for container in document["containerDefinitions"]:
            image = str(container.get("image", ""))
            if image not in known:
                known[image] = digest_of(aws, image)
            digest = known[image]
            first = first or digest
            name = image.partition("@")[0]
            bare = name.rpartition(":")[0] if ":" in name.rsplit("/", 1)[-1] else name
            containers.append(container if digest is None else {**container, "image": f"{bare}@{digest}"})
        return {**document, "containerDefinitions": containers}, first

    services = []
    for item in release.services:
        definition, digest = pin(item.definition)
        services.append(replace(item, definition=definition, digest=digest))
    before = tuple(replace(task, definition=pin(task.definition)[0]) for task in release.before)
    scheduled = tuple(replace(item, definition=pin(item.definition)[0]) for item in release.scheduled)
    return replace(release, services=tuple(services), before=before, scheduled=scheduled)
