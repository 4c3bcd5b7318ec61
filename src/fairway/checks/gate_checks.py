"""Checks of what a team has agreed on: another environment first, and no deployment in peak hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.observed import BAD, GOOD
from fairway.preconditions import Proof, Unread
from fairway.project.peak_hours import peak_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.checks.situation import Part, Situation
    from fairway.preconditions import Read

STAGING: Final = Check(
    "staging",
    "The environment that `requires` names has marked the same image good",
    "What was deployed, verified and watched there is this image, byte for byte. The verdict is a tag of the revision that was "
    "deployed in the cluster of that environment.",
    ("ecs:ListServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:DescribeTaskDefinition"),
    "the strategy document, Best Practices",
    practice="DO 7",
)
PEAK_HOURS: Final = Check(
    "peak-hours",
    "It is not in a window of `[[peak_hours]]`, or it is urgent",
    "A deployment that goes wrong harms most when most people work. `--urgent WHY` deploys none the less, and is recorded. The "
    "moment is AWS's, not this machine's.",
    (),
    "the strategy document, Best Practices",
    practice="DON'T 2",
)


def staging(situation: Situation) -> Iterator[Finding]:
    name = situation.before.requires
    if name is None:
        return
    for part in situation.parts:
        if part.is_service:
            yield judge_proof(part, name, situation.facts.proofs.get(part.key))


def judge_proof(part: Part, environment: str, proof: Read[Proof]) -> Finding:
    """What the other environment says about the digest of a service. The newest revision with it decides."""
    if part.digest is None:
        return not_checked(STAGING, part.key, "its image has no known digest to be compared", "keep images in ECR")
    if isinstance(proof, Unread):
        return not_checked(STAGING, part.key, proof.reason)
    digest = part.digest[:19]
    first = f"deploy it there first: fairway deploy {part.key} --env {environment}"
    newest = next(iter(proof.revisions if isinstance(proof, Proof) else ()), None)
    if newest is None:
        seen = proof.looked_at if isinstance(proof, Proof) else 0
        return failed(STAGING, part.key, f"none of the {seen} revisions deployed in {environment} has {digest}", first)
    why = newest.tags.get("fairway:why", "")
    if newest.verdict == GOOD:
        return ok(STAGING, part.key, f"{newest.name} of {environment} has {digest}, and is marked good")
    if newest.verdict == BAD:
        return failed(
            STAGING,
            part.key,
            f"{newest.name} of {environment} has {digest}, and is marked bad{f': {why}' if why else ''}",
            "mend it, and deploy that there first",
        )
    return failed(
        STAGING,
        part.key,
        f"{newest.name} of {environment} has {digest}, and nobody has marked it good yet",
        f"let it be verified and watched there: fairway watch --pending --env {environment}",
    )


def peak_hours(situation: Situation) -> Iterator[Finding]:
    windows = situation.before.peak_hours
    if not windows:
        return
    window = peak_at(windows, situation.now)
    at = f"{situation.now:%a %H:%M} UTC"
    if window is None:
        yield ok(PEAK_HOURS, "the release", f"{at} is in no window")
    elif situation.urgent is not None:
        yield warning(
            PEAK_HOURS, "the release", f"{at} is in {window}, and it is urgent: {situation.urgent}", "watch it closely"
        )
    else:
        yield failed(
            PEAK_HOURS, "the release", f"{at} is in {window}", 'deploy later; if it cannot wait: --urgent "why"'
        )
