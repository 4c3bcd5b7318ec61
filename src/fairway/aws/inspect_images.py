"""Looks at images in ECR: whether they are there, for which platforms, and what a scan has found in them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.asking import ask
from fairway.preconditions import Image, Scan, Unread
from fairway.project.image_name import ecr_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairway.aws.session import Aws
    from fairway.preconditions import Read, Wanted
    from fairway.project.image_name import EcrImage

_MISSING: Final = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})
_INDEXES: Final = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
"""Manifests that name platforms. Of one alone only its configuration tells, which is a layer to be downloaded."""
_UNKNOWN: Final = "unknown"
"""What attestations beside an image have for a platform."""


def image_questions(aws: Aws, wanted: Wanted) -> dict[str, Callable[[], Any]]:
    """`image NAME` for each, and `repositories` for all."""
    names = {image: name for image in wanted.images if (name := ecr_image(image)) is not None}
    questions: dict[str, Callable[[], Any]] = {
        f"image {image}": partial(_image, aws, name, wanted) for image, name in names.items()
    }
    if wanted.repositories and names:
        questions["repositories"] = partial(_repositories, aws, names)
    return questions


def _image(aws: Aws, name: EcrImage, wanted: Wanted) -> Image | Unread | None:
    identity: Any = name.identity
    answer: Any = ask(
        "ecr:DescribeImages",
        lambda: aws.ecr.describe_images(registryId=name.account, repositoryName=name.repository, imageIds=[identity]),
        missing=_MISSING,
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    detail = next(iter(answer["imageDetails"]), None)
    if detail is None:
        return None
    digest = str(detail["imageDigest"])
    parts: Read[dict[str, str]] = {}
    if wanted.platforms and detail.get("imageManifestMediaType") in _INDEXES:
        parts = _parts(aws, name, digest)
    inside = parts if isinstance(parts, dict) else {}
    return Image(
        digest,
        platforms=parts if isinstance(parts, Unread) else tuple(sorted(inside)),
        scans={part: _scan(aws, name, one) for part, one in (inside or {"": digest}).items()} if wanted.scans else {},
        status=str(detail.get("imageStatus", "ACTIVE")),
    )


def _parts(aws: Aws, name: EcrImage, digest: str) -> Read[dict[str, str]]:
    """`linux/arm64` -> digest, of an index."""
    answer: Any = ask(
        "ecr:BatchGetImage",
        lambda: aws.ecr.batch_get_image(
            registryId=name.account,
            repositoryName=name.repository,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=sorted(_INDEXES),
        ),
    )
    if isinstance(answer, Unread):
        return answer
    manifest = next((item["imageManifest"] for item in answer["images"]), "{}")
    try:
        manifests = json.loads(manifest).get("manifests", [])
    except (ValueError, AttributeError):
        return Unread("its manifest is not JSON")
    platforms = {item["digest"]: item.get("platform", {}) for item in manifests}
    return {
        f"{platform['os']}/{platform['architecture']}": str(part)
        for part, platform in platforms.items()
        if platform.get("architecture", _UNKNOWN) != _UNKNOWN and platform.get("os", _UNKNOWN) != _UNKNOWN
    }


def _scan(aws: Aws, name: EcrImage, digest: str) -> Scan | Unread | None:
    """None: it was never scanned. Counts come with the first page of findings; no more is asked for."""
    answer: Any = ask(
        "ecr:DescribeImageScanFindings",
        lambda: aws.ecr.describe_image_scan_findings(
            registryId=name.account, repositoryName=name.repository, imageId={"imageDigest": digest}, maxResults=1
        ),
        missing=frozenset({"ScanNotFoundException"}),
    )
    if answer is None or isinstance(answer, Unread):
        return answer
    status = answer.get("imageScanStatus", {})
    counts = answer.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    return Scan(str(status.get("status", "")), dict(counts), str(status.get("description", "")))


def _repositories(aws: Aws, names: dict[str, EcrImage]) -> dict[str, Any]:
    """Image -> `imageTagMutability` of its repository; one call for each registry."""
    found: dict[str, Any] = {}
    for account in sorted({name.account for name in names.values()}):
        of = {image: name.repository for image, name in names.items() if name.account == account}
        answer: Any = ask(
            "ecr:DescribeRepositories",
            partial(aws.ecr.describe_repositories, registryId=account, repositoryNames=sorted(set(of.values()))),
            missing=frozenset({"RepositoryNotFoundException"}),
        )
        if answer is None:
            continue  # one of them is not there, which the image says
        if isinstance(answer, Unread):
            found |= dict.fromkeys(of, answer)
            continue
        kinds = {item["repositoryName"]: item.get("imageTagMutability", "MUTABLE") for item in answer["repositories"]}
        found |= {image: kinds[repository] for image, repository in of.items() if repository in kinds}
    return found
