"""The step `check`: looks at AWS, and judges. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairway.aws.inspect import inspect
from fairway.aws.proofs import proof_of
from fairway.aws.session import Aws
from fairway.checks.registry import codes_for, judge
from fairway.checks.situation import Situation
from fairway.checks.wanted import wanted_of
from fairway.errors import UsageError
from fairway.preconditions import Facts, Unread
from fairway.project.load import load_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.aws.observe import Observer
    from fairway.checks.finding import Finding
    from fairway.observed import Service
    from fairway.planning.release import OneOff, Release, ServiceRelease
    from fairway.preconditions import Proof, Read
    from fairway.project.model import Project

PEAK_HOURS = frozenset({"peak-hours"})
"""What a deployment is asked even where it skips the step."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out."""

    findings: tuple[Finding, ...]
    codes: frozenset[str]


def check(
    project: Project,
    observer: Observer,
    release: Release,
    living: Mapping[str, Service],
    *,
    urgent: str | None = None,
    codes: frozenset[str] | None = None,
) -> Checked:
    """Look at all that the release needs. `codes`: of the checks that are done; None: those of the environment.

    Raises:
        CredentialsError: the credentials have ended.
    """
    environment = project.environment
    codes = codes_for(environment) if codes is None else codes
    facts = Facts()
    if codes - PEAK_HOURS:
        facts = inspect(observer.aws, wanted_of(release, living, environment, codes))
    if "staging" in codes and project.before.requires is not None:
        facts = replace(facts, proofs=_proofs(project, observer.aws, release, project.before.requires))
    situation = Situation(
        release=release,
        environment=environment,
        now=observer.aws.now(),
        living=living,
        facts=facts,
        before=project.before,
        urgent=urgent,
        built=_built(project, release),
    )
    return Checked(judge(situation, codes), codes)


def _built(project: Project, release: Release) -> frozenset[str]:
    """Images that a local deployment builds where they are missing."""
    if not project.environment.is_local:
        return frozenset()
    sources = {key for key, spec in project.services.items() if spec.image is not None}
    sources |= {key for key, spec in project.tasks.items() if spec.image is not None}
    items: list[ServiceRelease | OneOff] = [*release.services, *release.before]
    return frozenset(
        str(container.get("image", ""))
        for item in items
        if item.tag is not None and item.key in sources
        for container in item.definition["containerDefinitions"]
        if container.get("image") not in release.images
    )


def _proofs(project: Project, aws: Aws, release: Release, name: str) -> dict[str, Read[Proof]]:
    """By service, what the environment `name` says about its digest."""
    keys = [item.key for item in release.services]
    try:
        other = load_project(project.root, name)
    except UsageError as error:
        return dict.fromkeys(keys, Unread(f"the environment {name} cannot be read: {error.message}"))
    there, account = other.environment, aws.caller()["Account"]
    if there.account != account:
        return dict.fromkeys(
            keys, Unread(f"{name} is account {there.account}, which these credentials (of {account}) do not reach")
        )
    session = aws if there.region == aws.region else Aws(there)
    return {
        item.key: proof_of(session, there.cluster, other.services[item.key].service_name, item.digest)
        for item in release.services
        if item.digest is not None
    }
