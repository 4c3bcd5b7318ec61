"""Image repositories, and the images in them by digest and tag. Layers are not stored: the runtime has its own images."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.vault import ImageRecord, Repository, image_row_key
from fairway.engine.services.fault import AwsFault, not_here
from fairway.engine.services.operation import OperationTable
from fairway.engine.services.pages import page_of
from fairway.engine.store.schema import IMAGES, REPOSITORIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.services.operation import Context, Request, Response

MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"


class RepositoryAlreadyExistsException(AwsFault):
    """The name is taken."""

    code = "RepositoryAlreadyExistsException"


class RepositoryNotFoundException(AwsFault):
    """No such repository."""

    code = "RepositoryNotFoundException"


class RepositoryNotEmptyException(AwsFault):
    """It holds images."""

    code = "RepositoryNotEmptyException"


class ImageNotFoundException(AwsFault):
    """No such image."""

    code = "ImageNotFoundException"


class ImageAlreadyExistsException(AwsFault):
    """The image is there already, with this tag."""

    code = "ImageAlreadyExistsException"


class ImageTagAlreadyExistsException(AwsFault):
    """The tag cannot be moved: the repository's tags are immutable."""

    code = "ImageTagAlreadyExistsException"


class ImageDigestDoesNotMatchException(AwsFault):
    """The manifest has another digest."""

    code = "ImageDigestDoesNotMatchException"


class InvalidParameterException(AwsFault):
    """A parameter is not valid."""

    code = "InvalidParameterException"


OPERATIONS: Final = OperationTable("ecr", lambda member: InvalidParameterException(not_here(member)))


def _page(items: Sequence[Any], request: Request) -> tuple[Sequence[Any], dict[str, str]]:
    shown, token = page_of(items, request.get("nextToken"), request.get("maxResults", 100), InvalidParameterException)
    return shown, {"nextToken": token} if token else {}


def _need(ctx: Context, name: str) -> Repository:
    repository = ctx.store.get(REPOSITORIES, f"arn:aws:ecr:{ctx.region}:{ctx.account}:repository/{name}")
    if repository is None:
        raise RepositoryNotFoundException(
            f"The repository with name '{name}' does not exist in the registry with id '{ctx.account}'"
        )
    return repository


def _show(ctx: Context, repository: Repository) -> dict[str, Any]:
    return {
        "repositoryArn": repository.arn,
        "registryId": ctx.account,
        "repositoryName": repository.name,
        "repositoryUri": f"{ctx.account}.dkr.ecr.{repository.region}.amazonaws.com/{repository.name}",
        "createdAt": repository.created_at,
        "imageTagMutability": repository.tag_mutability,
        "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


@OPERATIONS.operation(
    "CreateRepository",
    refuses=(
        "imageTagMutabilityExclusionFilters",
        "encryptionConfiguration.encryptionType=AES256",
        "encryptionConfiguration.kmsKey",
    ),
)
def create_repository(ctx: Context, request: Request) -> Response:
    """Create an empty repository."""
    name = request["repositoryName"]
    arn = f"arn:aws:ecr:{ctx.region}:{ctx.account}:repository/{name}"
    if ctx.store.get(REPOSITORIES, arn) is not None:
        raise RepositoryAlreadyExistsException(
            f"The repository with name '{name}' already exists in the registry with id '{ctx.account}'"
        )
    repository = Repository(
        arn=arn,
        name=name,
        region=ctx.region,
        created_at=ctx.now,
        tag_mutability=request.get("imageTagMutability", "MUTABLE"),
        scan_on_push=request.get("imageScanningConfiguration", {}).get("scanOnPush", False),
        tags={tag["Key"]: tag.get("Value", "") for tag in request.get("tags", ())},
    )
    with ctx.store.transaction() as tx:
        tx.put(REPOSITORIES, repository)
    return {"repository": _show(ctx, repository)}


@OPERATIONS.operation("DescribeRepositories")
def describe_repositories(ctx: Context, request: Request) -> Response:
    """Repositories by name, or all."""
    names = request.get("repositoryNames")
    if names:
        return {"repositories": [_show(ctx, _need(ctx, name)) for name in names]}
    page, more = _page(ctx.store.find(REPOSITORIES, "region", ctx.region), request)
    return {"repositories": [_show(ctx, repository) for repository in page]} | more


@OPERATIONS.operation("DeleteRepository")
def delete_repository(ctx: Context, request: Request) -> Response:
    """Delete a repository; one with images only by force."""
    repository = _need(ctx, request["repositoryName"])
    images = ctx.store.find(IMAGES, "repository", repository.arn)
    if images and not request.get("force"):
        raise RepositoryNotEmptyException(
            f"The repository with name '{repository.name}' in registry with id '{ctx.account}' cannot be deleted because "
            "it still contains images"
        )
    with ctx.store.transaction() as tx:
        for image in images:
            tx.delete(IMAGES, image_row_key(image))
        tx.delete(REPOSITORIES, repository.arn)
    return {"repository": _show(ctx, repository)}


@OPERATIONS.operation("PutImage")
def put_image(ctx: Context, request: Request) -> Response:
    """Store a manifest, under its digest and perhaps a tag. A tag moves unless the repository's tags are immutable."""
    repository = _need(ctx, request["repositoryName"])
    manifest, tag = request["imageManifest"], request.get("imageTag")
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    if request.get("imageDigest") not in {None, digest}:
        raise ImageDigestDoesNotMatchException("The specified image digest does not match the digest of the manifest.")
    images = ctx.store.find(IMAGES, "repository", repository.arn)
    holder = next((image for image in images if tag is not None and tag in image.tags), None)
    if holder is not None and holder.digest == digest:
        raise ImageAlreadyExistsException(
            f"Image with digest '{digest}' and tag '{tag}' already exists in the repository with name "
            f"'{repository.name}' in registry with id '{ctx.account}'"
        )
    if holder is not None and repository.tag_mutability == "IMMUTABLE":
        raise ImageTagAlreadyExistsException(
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be overwritten "
            "because the tag is immutable."
        )
    image = next((image for image in images if image.digest == digest), None) or ImageRecord(
        repository_arn=repository.arn,
        digest=digest,
        manifest=manifest,
        media_type=request.get("imageManifestMediaType", MEDIA_TYPE),
        tags=(),
        pushed_at=ctx.now,
        size_bytes=len(manifest),
    )
    with ctx.store.transaction() as tx:
        if holder is not None:
            tx.put(IMAGES, replace(holder, tags=tuple(t for t in holder.tags if t != tag)))
        if tag is not None:
            image = replace(image, tags=(*image.tags, tag))
        tx.put(IMAGES, image)
    return {"image": _image(ctx, repository, image, tag)}


def _image(ctx: Context, repository: Repository, image: ImageRecord, tag: str | None) -> dict[str, Any]:
    identity = {"imageDigest": image.digest} | ({"imageTag": tag} if tag else {})
    return {
        "registryId": ctx.account,
        "repositoryName": repository.name,
        "imageId": identity,
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    }


def _chosen(
    images: Sequence[ImageRecord], identities: Sequence[Mapping[str, str]]
) -> tuple[list[tuple[ImageRecord, str | None]], list[dict[str, Any]]]:
    found: list[tuple[ImageRecord, str | None]] = []
    failures: list[dict[str, Any]] = []
    for identity in identities:
        tag, digest = identity.get("imageTag"), identity.get("imageDigest")
        image = next(
            (i for i in images if (tag is None or tag in i.tags) and (digest is None or digest == i.digest)), None
        )
        if image is None:
            failures.append(
                {
                    "imageId": dict(identity),
                    "failureCode": "ImageNotFound",
                    "failureReason": "Requested image not found",
                }
            )
        else:
            found.append((image, tag))
    return found, failures


@OPERATIONS.operation("BatchGetImage", ignores=("acceptedMediaTypes",))
def batch_get_image(ctx: Context, request: Request) -> Response:
    """Manifests by tag or digest."""
    repository = _need(ctx, request["repositoryName"])
    found, failures = _chosen(ctx.store.find(IMAGES, "repository", repository.arn), request["imageIds"])
    return {"images": [_image(ctx, repository, image, tag) for image, tag in found], "failures": failures}


@OPERATIONS.operation("BatchDeleteImage")
def batch_delete_image(ctx: Context, request: Request) -> Response:
    """Delete by digest; by tag only the tag goes, and the image with its last one."""
    repository = _need(ctx, request["repositoryName"])
    found, failures = _chosen(ctx.store.find(IMAGES, "repository", repository.arn), request["imageIds"])
    gone = []
    with ctx.store.transaction() as tx:
        for image, tag in found:
            left = tuple(t for t in image.tags if t != tag) if tag else ()
            if left:
                tx.put(IMAGES, replace(image, tags=left))
            else:
                tx.delete(IMAGES, image_row_key(image))
            gone.append({"imageDigest": image.digest} | ({"imageTag": tag} if tag else {}))
    return {"imageIds": gone, "failures": failures}


@OPERATIONS.operation("DescribeImages", refuses=("filter.imageStatus",))
def describe_images(ctx: Context, request: Request) -> Response:
    """Images by tag or digest, or all."""
    repository = _need(ctx, request["repositoryName"])
    images = ctx.store.find(IMAGES, "repository", repository.arn)
    if request.get("imageIds"):
        found, failures = _chosen(images, request["imageIds"])
        if failures:
            raise ImageNotFoundException(
                f"The image with imageId {failures[0]['imageId']} does not exist within the repository with name "
                f"'{repository.name}' in the registry with id '{ctx.account}'"
            )
        images = [image for image, _ in found]
    details = []
    for image in images:
        shown: dict[str, Any] = {
            "registryId": ctx.account,
            "repositoryName": repository.name,
            "imageDigest": image.digest,
            "imageSizeInBytes": image.size_bytes,
            "imagePushedAt": image.pushed_at,
            "imageManifestMediaType": image.media_type,
        }
        details.append(shown | ({"imageTags": list(image.tags)} if image.tags else {}))
    page, more = _page(details, request)
    return {"imageDetails": list(page)} | more


@OPERATIONS.operation("ListImages", refuses=("filter.imageStatus",))
def list_images(ctx: Context, request: Request) -> Response:
    """The identities of all images, one for each tag."""
    repository = _need(ctx, request["repositoryName"])
    wanted = request.get("filter", {}).get("tagStatus", "ANY")
    identities = []
    for image in ctx.store.find(IMAGES, "repository", repository.arn):
        if image.tags and wanted != "UNTAGGED":
            identities += [{"imageDigest": image.digest, "imageTag": tag} for tag in image.tags]
        if not image.tags and wanted != "TAGGED":
            identities.append({"imageDigest": image.digest})
    page, more = _page(identities, request)
    return {"imageIds": list(page)} | more


@OPERATIONS.operation("GetAuthorizationToken", ignores=("registryIds",))
def get_authorization_token(ctx: Context, request: Request) -> Response:
    """A token in AWS's shape; the engine has no docker registry behind it."""
    del request
    token = base64.b64encode(f"AWS:{ctx.ids.url_safe(32)}".encode()).decode()
    endpoint = f"https://{ctx.account}.dkr.ecr.{ctx.region}.amazonaws.com"
    expires = ctx.now + timedelta(hours=12)
    return {"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": endpoint}]}
