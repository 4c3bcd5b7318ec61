"""`--changed-since REV`: only the services of whose files something has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fairway.errors import UsageError

if TYPE_CHECKING:
    from fairway.deployment.release import Choices
    from fairway.project.model import Project


def narrow(choices: Choices, revision: str | None, project: Project) -> Choices | None:
    """The choices for services that have changed since a git revision; None: none has.

    A service that names no `paths` counts as changed: nobody said what it is made of.

    Raises:
        UsageError: git does not know the revision.
    """
    if revision is None:
        return choices
    from fairway.deployment.commit import has_changed  # noqa: PLC0415 - only for this option

    changed = []
    for key in choices.services or project.services:
        paths = project.services[key].paths if key in project.services else ()
        found = has_changed(project.root, revision, paths) if paths else True
        if found is None:
            raise UsageError(
                f"--changed-since {revision}: git does not know that revision in {project.root}",
                hint="such as HEAD~1, main or a tag; a shallow clone in CI needs `fetch-depth: 0`",
            )
        if found:
            changed.append(key)
    return replace(choices, services=tuple(changed)) if changed else None
