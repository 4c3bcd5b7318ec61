"""Which migrations of a release cannot be undone, as far as its files and the deployed commit tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.deployment.commit import added_since
from fairway.observed import COMMIT_TAG
from fairway.project.one_way import one_way_of, read_migrations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.observe import Observer
    from fairway.observed import Service
    from fairway.planning.release import Release
    from fairway.project.model import Project


def one_way_migrations(
    observer: Observer, project: Project, release: Release, living: Mapping[str, Service]
) -> tuple[str, ...]:
    """Those that the one-off tasks of the release bring; `living`: its services by ECS's name.

    Raises:
        UsageError: a folder of Alembic revisions cannot be read.
    """
    found: list[str] = []
    for task in release.before:
        spec = project.tasks[task.key]
        if spec.one_way is True:
            found.append(task.key)
        if spec.one_way != "auto" or spec.revisions is None:
            continue
        commits = {
            observer.task_definition(service.task_definition, fresh=True).tags.get(COMMIT_TAG)
            for service in living.values()
        }
        commit = commits.pop() if len(commits) == 1 else None
        added = None if commit is None else added_since(project.root, commit, spec.revisions)
        found += [migration.revision for migration in one_way_of(read_migrations(spec.revisions), added)]
    return tuple(found)
