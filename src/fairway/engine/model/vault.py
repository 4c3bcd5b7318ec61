"""Secrets, parameters, log groups, image repositories and network pieces: what deployments lean on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a secret."""

    version_id: str
    stages: tuple[str, ...]
    created_at: datetime
    string: str | None = field(default=None, repr=False)
    binary: str | None = field(default=None, repr=False)
    """Base64."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret of Secrets Manager; the ARN ends in a hyphen and six characters."""

    arn: str
    name: str
    region: str
    description: str
    created_at: datetime
    changed_at: datetime
    versions: tuple[SecretVersion, ...]
    kms_key_id: str | None = None
    deleted_at: datetime | None = None
    """When its deletion was asked for."""
    recovery_ends_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParameterVersion:
    """One version of an SSM parameter."""

    version: int
    value: str = field(repr=False)
    changed_at: datetime
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of Systems Manager."""

    arn: str
    name: str
    region: str
    type: str
    versions: tuple[ParameterVersion, ...]
    description: str = ""
    tier: str = "Standard"
    data_type: str = "text"
    key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogStream:
    """A stream of a log group; its records are segment files (`model.logrecord`)."""

    group_arn: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group of CloudWatch Logs."""

    arn: str
    """Without the `:*`."""
    name: str
    region: str
    created_at: datetime
    retention_days: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repository:
    """An image repository of ECR."""

    arn: str
    name: str
    region: str
    created_at: datetime
    tag_mutability: str = "MUTABLE"
    scan_on_push: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image in a repository."""

    repository_arn: str
    digest: str
    manifest: str
    media_type: str
    tags: tuple[str, ...]
    pushed_at: datetime
    size_bytes: int
    scan_status: str | None = None


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet that tasks and load balancers can be put into."""

    id: str
    region: str
    vpc_id: str
    availability_zone: str
    cidr: str


def image_row_key(image: ImageRecord) -> str:
    return f"{image.repository_arn}@{image.digest}"


def subnet_row_key(subnet: Subnet) -> str:
    return f"{subnet.region}|{subnet.id}"


def stream_row_key(stream: LogStream) -> str:
    return f"{stream.group_arn}|{stream.name}"
