"""Whether images are in ECR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code
from fairway.project.image_name import ecr_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fairway.aws.session import Aws

_MISSING: Final = frozenset({"ImageNotFoundException", "RepositoryNotFoundException"})


def missing_images(aws: Aws, definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Key -> the first image of its definition that ECR does not have; images of other registries are not asked for."""
    missing: dict[str, str] = {}
    for key, definition in definitions.items():
        for container in definition["containerDefinitions"]:
            image = str(container.get("image", ""))
            if not has_image(aws, image):
                missing.setdefault(key, image)
    return missing


def has_image(aws: Aws, image: str) -> bool:
    """The image is in ECR, or is not one of ECR's."""
    match = ecr_image(image)
    if match is None:
        return True
    identity: Any = match.identity
    with calling(f"looking for the image {image}"):
        try:
            aws.ecr.describe_images(registryId=match.account, repositoryName=match.repository, imageIds=[identity])
        except ClientError as error:
            if error_code(error) in _MISSING:
                return False
            raise
    return True


def digest_of(aws: Aws, image: str) -> str | None:
    """`sha256:…` of an image of ECR; None: another registry's, not there, or it may not be asked for."""
    match = ecr_image(image)
    if match is None:
        return None
    if match.digest:
        return match.digest
    try:
        answer = aws.ecr.describe_images(
            registryId=match.account,
            repositoryName=match.repository,
            imageIds=[{"imageTag": match.tag or "latest"}],
        )
    except ClientError:
        return None
    return next((str(found["imageDigest"]) for found in answer["imageDetails"]), None)


def missing_repositories(aws: Aws, images: Iterable[str]) -> frozenset[str]:
    """The repositories that images name and ECR does not have; one that may not be asked for is not said to be missing."""
    matches = [match for image in images if (match := ecr_image(image)) is not None]
    wanted = {(match.account, match.repository) for match in matches}
    return frozenset(name for account, name in sorted(wanted) if not _has_repository(aws, account, name))


def _has_repository(aws: Aws, account: str, name: str) -> bool:
    with calling(f"looking for the repository {name}"):
        try:
            aws.ecr.describe_repositories(registryId=account, repositoryNames=[name])
        except ClientError as error:
            return error_code(error) != "RepositoryNotFoundException"
    return True
