"""Which revision a service goes back to: the last known good one, never simply the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.deployment.restore import settings_to_restore
from fairway.observed import BAD, GOOD, SUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fairway.aws.observe import Observer
    from fairway.observed import Service, ServiceDeployment, TaskDefinition

_MOST_DEPLOYMENTS: Final = 60
_MOST_REVISIONS: Final = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """A revision to go back to."""

    definition: TaskDefinition
    is_verified: bool
    """It carries the verdict good; else its newest deployment ended SUCCESSFUL, and nobody has said more."""

    @property
    def kind(self) -> str:
        return "known good" if self.is_verified else "unverified"


def choose(
    candidates: Sequence[tuple[TaskDefinition, bool]], current: str, *, has_record: bool | None = None
) -> Choice | None:
    """The best of (definition, a deployment of it ended SUCCESSFUL), newest first; never `current`. Pure.

    With any verdict `good` among them the newest good one is taken. Without, the newest that ended SUCCESSFUL stands in.
    `has_record` says so when the caller knows better.
    """
    usable = [(d, succeeded) for d, succeeded in candidates if d.arn != current and d.is_active and d.verdict != BAD]
    for definition, _ in usable:
        if definition.verdict == GOOD:
            return Choice(definition, is_verified=True)
    for definition, succeeded in usable:
        if succeeded and not has_record:
            return Choice(definition, is_verified=False)
    return None


def last_known_good(observer: Observer, service: Service, current: str) -> Choice | None:
    """The revision that the service is to go back to from `current`; None: there is none.

    Looks at the service's deployments, newest first, then at the family's other revisions (ECS keeps a service deployment
    for 90 days, a revision for ever).
    """
    candidates: list[tuple[TaskDefinition, bool]] = []
    for definition, succeeded in _deployed(observer, service):
        candidates.append((definition, succeeded))
        if definition.verdict == GOOD and definition.arn != current and definition.is_active:
            return Choice(definition, is_verified=True)
    seen = {definition.arn for definition, _ in candidates}
    family = current.rsplit("/", 1)[-1].rsplit(":", 1)[0]
    for arn in observer.family(family, most=_MOST_REVISIONS):
        if arn not in seen and arn != current:
            found = observer.find_task_definition(arn)
            if found is not None and found.verdict == GOOD:
                return Choice(found, is_verified=True)
    return choose(candidates, current)


def _deployed(observer: Observer, service: Service) -> Iterator[tuple[TaskDefinition, bool]]:
    """Each revision that was deployed, newest deployment first, and whether any deployment of it ended SUCCESSFUL."""
    records = observer.service_deployments(service.name, most=_MOST_DEPLOYMENTS)
    of = observer.revision_definitions(record.target_revision.arn for record in records)
    succeeded = {of.get(record.target_revision.arn) for record in records if record.status == SUCCESSFUL}
    shown: set[str] = set()
    for record in records:
        arn = of.get(record.target_revision.arn)
        if arn is None or arn in shown:
            continue
        shown.add(arn)
        definition = observer.find_task_definition(arn)
        if definition is not None:
            yield definition, arn in succeeded


def settings_of(observer: Observer, service: Service, definition_arn: str) -> dict[str, Any]:
    """What else of a service goes back with a revision: as it was in that revision's newest successful deployment."""
    records = observer.service_deployments(service.name, most=_MOST_DEPLOYMENTS)
    of = observer.revision_definitions(record.target_revision.arn for record in records)
    for record in records:
        if record.status == SUCCESSFUL and of.get(record.target_revision.arn) == definition_arn:
            revision = observer.service_revision(record.target_revision.arn)
            return {} if revision is None else settings_to_restore(revision, service.document)
    return {}


def has_source(observer: Observer, record: ServiceDeployment, definition_arn: str) -> bool:
    """The deployment under way came from this revision: ECS's own rollback would go back to it."""
    of = observer.revision_definitions(source.arn for source in record.source_revisions)
    return [of.get(source.arn) for source in record.source_revisions] == [definition_arn]
