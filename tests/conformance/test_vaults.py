"""Secrets Manager, Parameter Store, ECR and STS."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conformance.world import World


def refused(call: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**members)
    return str(caught.value.response["Error"]["Code"])


# -- Secrets Manager -----------------------------------------------------------------------------------------------------


def test_a_secret_and_its_versions(world: World) -> None:
    vault, name = world.client("secretsmanager"), world.name("secret")
    made = vault.create_secret(Name=name, SecretString="one", Tags=[{"Key": "a", "Value": "b"}])
    arn = made["ARN"]
    assert arn.rsplit(":", 1)[1].startswith(f"{name}-")
    assert len(arn.rsplit("-", 1)[1]) == 6
    assert refused(vault.create_secret, Name=name, SecretString="two") == "ResourceExistsException"
    second = vault.put_secret_value(SecretId=name, SecretString="two")
    assert second["VersionStages"] == ["AWSCURRENT"]
    for reference in (name, arn, arn[:-7]):
        assert vault.get_secret_value(SecretId=reference)["SecretString"] == "two"
    assert vault.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    assert vault.get_secret_value(SecretId=name, VersionId=made["VersionId"])["SecretString"] == "one"
    stages = vault.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages == {made["VersionId"]: ["AWSPREVIOUS"], second["VersionId"]: ["AWSCURRENT"]}
    vault.update_secret(SecretId=name, Description="d")
    assert vault.describe_secret(SecretId=name)["Description"] == "d"
    vault.update_secret(SecretId=name, SecretBinary=b"\x00\xff")
    assert vault.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00\xff"
    vault.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert refused(vault.get_secret_value, SecretId=name) == "InvalidRequestException"
    assert refused(vault.create_secret, Name=name, SecretString="x") == "InvalidRequestException"
    vault.restore_secret(SecretId=name)
    vault.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert refused(vault.get_secret_value, SecretId=name) == "ResourceNotFoundException"


def test_secrets_are_listed_in_pages(world: World) -> None:
    vault = world.client("secretsmanager")
    prefix = world.name("listed")
    for number in range(5):
        vault.create_secret(Name=f"{prefix}/{number}", SecretString="x")
    filters = [{"Key": "name", "Values": [prefix]}]
    pages = list(vault.get_paginator("list_secrets").paginate(Filters=filters, PaginationConfig={"PageSize": 2}))
    assert [len(page["SecretList"]) for page in pages] == [2, 2, 1]
    assert "SecretString" not in pages[0]["SecretList"][0]


# -- Parameter Store -----------------------------------------------------------------------------------------------------


def test_a_parameter_and_its_versions(world: World) -> None:
    ssm, name = world.client("ssm"), f"/{world.name('p')}/a"
    assert ssm.put_parameter(Name=name, Value="1", Type="String")["Version"] == 1
    assert refused(ssm.put_parameter, Name=name, Value="2", Type="String") == "ParameterAlreadyExists"
    assert ssm.put_parameter(Name=name, Value="2", Overwrite=True)["Version"] == 2
    shown = ssm.get_parameter(Name=name)["Parameter"]
    assert (shown["Value"], shown["Version"], shown["Type"]) == ("2", 2, "String")
    assert ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"] == "1"
    assert ssm.get_parameter(Name=shown["ARN"])["Parameter"]["Value"] == "2"
    assert [v["Value"] for v in ssm.get_parameter_history(Name=name)["Parameters"]] == ["1", "2"]
    both = ssm.get_parameters(Names=[name, "/missing"])
    assert ([p["Name"] for p in both["Parameters"]], both["InvalidParameters"]) == ([name], ["/missing"])
    assert refused(ssm.get_parameter, Name="/missing") == "ParameterNotFound"
    assert refused(ssm.get_parameter, Name=f"{name}:9") == "ParameterVersionNotFound"
    assert refused(ssm.put_parameter, Name=f"{name}b", Value="1") == "ValidationException"
    assert refused(ssm.put_parameter, Name=f"{name}b", Value="x" * 4097, Type="String") == "ValidationException"
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=[{"Key": "a", "Value": "b"}])
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    assert tags == [{"Key": "a", "Value": "b"}]
    ssm.delete_parameter(Name=name)
    assert refused(ssm.delete_parameter, Name=name) == "ParameterNotFound"
    assert ssm.delete_parameters(Names=[name])["InvalidParameters"] == [name]


def test_a_secure_string_is_shown_encrypted_unless_asked_for(world: World) -> None:
    ssm, name = world.client("ssm"), f"/{world.name('p')}"
    ssm.put_parameter(Name=name, Value="hidden", Type="SecureString")
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] != "hidden"
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "hidden"
    assert ssm.get_parameters_by_path(Path="/", WithDecryption=True)["Parameters"]


def test_parameters_by_path(world: World) -> None:
    ssm, path = world.client("ssm"), f"/{world.name('path')}"
    for name in ("a", "b", "c/d", "e"):
        ssm.put_parameter(Name=f"{path}/{name}", Value="1", Type="String")
    paginator = ssm.get_paginator("get_parameters_by_path")

    def names(**options: Any) -> list[str]:
        pages = paginator.paginate(Path=path, PaginationConfig={"PageSize": 2}, **options)
        return [p["Name"].removeprefix(path) for page in pages for p in page["Parameters"]]

    assert names() == ["/a", "/b", "/e"]
    assert names(Recursive=True) == ["/a", "/b", "/c/d", "/e"]
    assert refused(ssm.get_parameters_by_path, Path=path, NextToken="x") == "InvalidNextToken"
    filters = [{"Key": "Name", "Option": "BeginsWith", "Values": [path]}]
    described = ssm.get_paginator("describe_parameters").paginate(
        ParameterFilters=filters, PaginationConfig={"PageSize": 3}
    )
    assert [len(page["Parameters"]) for page in described] == [3, 1]


# -- ECR -----------------------------------------------------------------------------------------------------------------


def test_a_repository_and_its_images(world: World) -> None:
    ecr, name = world.client("ecr"), world.name("repository")
    made = ecr.create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")["repository"]
    assert made["repositoryUri"].endswith(f".dkr.ecr.us-east-1.amazonaws.com/{name}")
    assert refused(ecr.create_repository, repositoryName=name) == "RepositoryAlreadyExistsException"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"})
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    put = ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="v1")["image"]
    assert put["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    again = {"repositoryName": name, "imageManifest": manifest, "imageTag": "v1"}
    assert refused(ecr.put_image, **again) == "ImageAlreadyExistsException"
    moved = {"repositoryName": name, "imageManifest": manifest + " ", "imageTag": "v1"}
    assert refused(ecr.put_image, **moved) == "ImageTagAlreadyExistsException"
    shown = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])["imageDetails"][0]
    assert (shown["imageDigest"], shown["imageTags"]) == (digest, ["v1"])
    assert refused(ecr.describe_images, repositoryName=name, imageIds=[{"imageTag": "no"}]) == "ImageNotFoundException"
    assert ecr.list_images(repositoryName=name)["imageIds"] == [{"imageDigest": digest, "imageTag": "v1"}]
    got = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}, {"imageTag": "no"}])
    assert got["images"][0]["imageManifest"] == manifest
    assert got["failures"][0]["failureCode"] == "ImageNotFound"
    assert refused(ecr.delete_repository, repositoryName=name) == "RepositoryNotEmptyException"
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])
    assert ecr.list_images(repositoryName=name)["imageIds"] == []
    ecr.delete_repository(repositoryName=name)
    assert refused(ecr.describe_repositories, repositoryNames=[name]) == "RepositoryNotFoundException"
    assert ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]


def test_ecr_lists_in_pages(world: World) -> None:
    ecr, prefix = world.client("ecr"), world.name("paged")
    for number in range(3):
        ecr.create_repository(repositoryName=f"{prefix}-{number}")
    pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    names = [r["repositoryName"] for page in pages for r in page["repositories"]]
    assert len(pages[0]["repositories"]) == 2
    assert [name for name in names if name.startswith(prefix)] == [f"{prefix}-{n}" for n in range(3)]
    assert len(names) == len(set(names))


# -- STS -----------------------------------------------------------------------------------------------------------------


def test_who_am_i(world: World) -> None:
    identity = world.client("sts").get_caller_identity()
    assert identity["Account"] == identity["Arn"].split(":")[4]
    role = f"arn:aws:iam::{identity['Account']}:role/deployer"
    assumed = world.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
    assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{identity['Account']}:assumed-role/deployer/me"
    credentials = assumed["Credentials"]
    import boto3  # noqa: PLC0415

    as_role = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=world.endpoint,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    ).get_caller_identity()
    assert as_role["Arn"] == assumed["AssumedRoleUser"]["Arn"], "who assumed a role is that role"
