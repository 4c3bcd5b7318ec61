"""What stands fast before a deployment begins, for the command line and the library alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairway.aws.survey import survey
from fairway.deployment.commit import commit_of
from fairway.deployment.journal import Journals, refuse_unfinished
from fairway.deployment.one_way import one_way_migrations
from fairway.deployment.pipeline import check_release
from fairway.deployment.register import Origin, run_id
from fairway.deployment.steps import Step
from fairway.planning.unchanged import without_unchanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.observe import Observer
    from fairway.deployment.steps import Selection
    from fairway.observed import Service, TaskDefinition
    from fairway.planning.release import Release
    from fairway.project.model import Project


@dataclass(frozen=True, slots=True)
class Prepared:
    """A release that may begin."""

    release: Release
    """Without services that serve exactly this already, but for `proves`."""
    living: Mapping[str, Service]
    """By ECS's name."""
    unchanged: Mapping[str, TaskDefinition | None]
    """By key: services that are left alone, with what serves."""
    origin: Origin
    proves: tuple[str, ...] = ()
    """Keys of `unchanged` services whose revision nobody has verified: they are verified and watched, and not deployed."""

    @property
    def deploys_nothing(self) -> bool:
        """All that is to be done is to look at what serves."""
        return len(self.release.services) == len(self.proves)


def prepare(
    project: Project, observer: Observer, release: Release, selection: Selection, *, force: bool, ci: str | None
) -> Prepared:
    """Look at what lives, leave out what would change nothing, and give the run its name. Reads only.

    Raises:
        Unfinished: everything serves already, and the run that is to prove it has not ended.
        UsageError: a service cannot be deployed, the order cannot be kept, or migrations cannot be read.
        AwsError: AWS refuses, or cannot be reached.
    """
    aws = observer.aws
    living = check_release(observer, release)
    unchanged: dict[str, TaskDefinition | None] = {}
    proves: tuple[str, ...] = ()
    if not force and Step.SERVICES in selection:
        surroundings = survey(observer, [item.name for item in release.services], ())
        names = {item.key: item.name for item in release.services}
        changed, same = without_unchanged(release, surroundings)
        unchanged = {key: surroundings.services[names[key]].serving for key in same}
        proves = unproved(unchanged) if selection.looks else ()
        if proves and not changed.services:
            refuse_unfinished(Journals(aws, observer.cluster).all(), proves)
        left = {item.key for item in changed.services} | set(proves)
        release = replace(changed, services=tuple(item for item in release.services if item.key in left))
    one_way = one_way_migrations(observer, project, release, living) if Step.MIGRATE in selection else ()
    origin = Origin(
        run_id(aws.now()),
        aws.caller_arn(),
        release.version,
        commit_of(project.root),
        ci=ci,
        one_way=one_way,
        skipped=tuple(selection.skipped),
    )
    return Prepared(release, living, unchanged, origin, proves)


def unproved(unchanged: Mapping[str, TaskDefinition | None]) -> tuple[str, ...]:
    """The services whose serving revision carries no verdict. Pure."""
    return tuple(key for key, serving in unchanged.items() if serving is not None and serving.verdict is None)
