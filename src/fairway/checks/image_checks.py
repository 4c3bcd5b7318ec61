"""Checks of the images in ECR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.checks.references import image_references
from fairway.preconditions import Image, Unread
from fairway.project.image_name import ecr_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.checks.situation import Part, Situation
    from fairway.preconditions import Read, Scan
    from fairway.project.before import ScanLimits

IMAGE: Final = Check(
    "image",
    "The image is in ECR, and is named by its digest",
    "ECS looks for an image when a task starts: a missing one fails each task. A tag that is moved later brings in another "
    "program at the next restart, a digest does not.",
    ("ecr:DescribeImages",),
    'ECS Developer Guide, "CannotPullContainer task errors"',
    practice="Image pushed to ECR",
)
IMAGE_PLATFORM: Final = Check(
    "image-platform",
    "The image is for the task's operating system and architecture",
    "An image for another architecture ends with `exec format error`. Only an image of several platforms names them in its "
    "manifest; of others it is not known.",
    ("ecr:BatchGetImage",),
    "ECS API Reference, RuntimePlatform",
    laptop="images of the process runtime are built on this machine for this machine",
)
IMAGE_SCAN: Final = Check(
    "image-scan",
    "The image was scanned, and has no more findings than `[check] scan` allows",
    "CRITICAL findings (more than 0 unless the file says otherwise) refuse, HIGH ones warn, or refuse above the file's limit.",
    ("ecr:DescribeImageScanFindings",),
    'ECR User Guide, "Scan images for software vulnerabilities in Amazon ECR"',
    laptop="the local registry has no scanner",
    practice="Docker image built and scanned (no critical vulnerabilities)",
)
REPOSITORY_TAGS: Final = Check(
    "repository-tags",
    "Tags of the image's repository cannot be moved",
    "Where tags are MUTABLE, the same name may be another image tomorrow: whoever deploys by tag deploys something else.",
    ("ecr:DescribeRepositories",),
    'ECR User Guide, "Preventing image tags from being overwritten in Amazon ECR"',
    laptop="repositories of a laptop are rebuilt at will",
    practice="DON'T 6",
)
_ARCHITECTURES: Final = {"X86_64": "amd64", "ARM64": "arm64"}
_DONE: Final = frozenset({"COMPLETE", "ACTIVE"})
_PENDING: Final = frozenset({"IN_PROGRESS", "PENDING"})
_IMMUTABLE: Final = "IMMUTABLE"


def image(situation: Situation) -> Iterator[Finding]:
    for part, name, found in _images(situation):
        subject = f"{part.key}: {_short(name)}"
        parts = ecr_image(name)
        if parts is None:
            yield not_checked(IMAGE, subject, "it is not in ECR: another registry is not asked")
        elif parts.region != situation.environment.region:
            yield not_checked(IMAGE, subject, f"it is in {parts.region}, which is not asked")
        elif isinstance(found, Unread):
            yield not_checked(IMAGE, subject, found.reason)
        elif found is None and name in situation.built:
            yield ok(IMAGE, subject, "it is not there yet, and built first")
        elif found is None:
            yield failed(
                IMAGE,
                subject,
                f"there is no such image in {parts.repository} (account {parts.account})",
                "push it, or correct --tag",
            )
        elif found.status != "ACTIVE":
            yield failed(
                IMAGE,
                subject,
                f"it is {found.status}, and cannot be pulled",
                "restore it: aws ecr update-image-storage-class … --target-storage-class STANDARD",
            )
        elif parts.digest is None:
            yield warning(
                IMAGE,
                subject,
                "it is named by a tag, which may be moved",
                "name it by digest; with ecr:DescribeImages Fairway does that by itself",
            )
        else:
            yield ok(IMAGE, subject, "it is there, by digest")


def image_platform(situation: Situation) -> Iterator[Finding]:
    for part, name, found in _known(situation):
        subject, wanted = f"{part.key}: {_short(name)}", platform_of(part)
        if isinstance(found.platforms, Unread):
            yield not_checked(IMAGE_PLATFORM, subject, found.platforms.reason)
        elif not found.platforms:
            yield not_checked(IMAGE_PLATFORM, subject, "its manifest does not tell for which platform it is")
        elif wanted in found.platforms:
            yield ok(IMAGE_PLATFORM, subject, wanted)
        else:
            yield failed(
                IMAGE_PLATFORM,
                subject,
                f"the task runs on {wanted}, and the image is for {', '.join(found.platforms)}",
                f"build it for {wanted}, or correct runtimePlatform",
            )


def platform_of(part: Part) -> str:
    """`linux/amd64`, as images name it.

    Source: ECS API Reference, RuntimePlatform: X86_64 and LINUX, where nothing is said.
    """
    platform = part.definition.get("runtimePlatform") or {}
    system = str(platform.get("operatingSystemFamily", "LINUX")).split("_")[0].lower()
    architecture = str(platform.get("cpuArchitecture", "X86_64"))
    return f"{system}/{_ARCHITECTURES.get(architecture, architecture.lower())}"


def image_scan(situation: Situation) -> Iterator[Finding]:
    for part, name, found in _known(situation):
        wanted = platform_of(part)
        scan = found.scans.get(wanted, found.scans.get(""))
        if wanted in found.scans or "" in found.scans:
            yield judge_scan(f"{part.key}: {_short(name)}", scan, situation.before.scan)


def judge_scan(subject: str, scan: Read[Scan], limits: ScanLimits) -> Finding:
    """What a scan says, by the limits of the file."""
    if isinstance(scan, Unread):
        return not_checked(IMAGE_SCAN, subject, scan.reason)
    if scan is None:
        return warning(IMAGE_SCAN, subject, "it was never scanned", "turn scanning on push on for the repository")
    if scan.status in _PENDING:
        return warning(IMAGE_SCAN, subject, "its scan has not ended", "wait a minute, and check again")
    if scan.status not in _DONE:
        said = f": {scan.description}" if scan.description else ""
        return warning(IMAGE_SCAN, subject, f"its scan is {scan.status}{said}", "scan it by other means")
    critical, high = scan.counts.get("CRITICAL", 0), scan.counts.get("HIGH", 0)
    counts = f"{critical} CRITICAL, {high} HIGH"
    if critical > limits.critical or (limits.high is not None and high > limits.high):
        most = f"{limits.critical} CRITICAL" + ("" if limits.high is None else f", {limits.high} HIGH")
        return failed(
            IMAGE_SCAN,
            subject,
            f"the scan found {counts}; the most that is allowed: {most}",
            "build it on a mended base; [check] scan = { critical = N, high = N } sets the limits",
        )
    if high and limits.high is None:
        return warning(IMAGE_SCAN, subject, f"the scan found {counts}", "look at them before others do")
    return ok(IMAGE_SCAN, subject, f"the scan found {counts}")


def repository_tags(situation: Situation) -> Iterator[Finding]:
    seen: set[str] = set()
    for _, name, _ in _images(situation):
        parts = ecr_image(name)
        kind = situation.facts.repositories.get(name)
        if parts is None or kind is None or parts.repository in seen:
            continue
        seen.add(parts.repository)
        if isinstance(kind, Unread):
            yield not_checked(REPOSITORY_TAGS, parts.repository, kind.reason)
        elif kind.startswith(_IMMUTABLE):
            yield ok(REPOSITORY_TAGS, parts.repository, kind)
        else:
            yield warning(
                REPOSITORY_TAGS,
                parts.repository,
                f"its tags are {kind}",
                f"aws ecr put-image-tag-mutability --repository-name {parts.repository} --image-tag-mutability IMMUTABLE",
            )


def _images(situation: Situation) -> Iterator[tuple[Part, str, Read[Image]]]:
    for part in situation.parts:
        for name in image_references(part):
            yield part, name, situation.facts.images.get(name)


def _known(situation: Situation) -> Iterator[tuple[Part, str, Image]]:
    """Those that are there: what is missing or may not be read, `image` says."""
    for part, name, found in _images(situation):
        if isinstance(found, Image):
            yield part, name, found


def _short(image: str) -> str:
    """`…/shop-api@sha256:0123456789ab…` -> `shop-api@sha256:0123456789ab`."""
    name, at, digest = image.rsplit("/", 1)[-1].partition("@")
    return f"{name}{at}{digest[:19]}"
