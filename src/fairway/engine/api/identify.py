"""Which service and operation a request is for: told apart as AWS does it.

By the credential scope of the signature (SigV4: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`), the prefix of
`X-Amz-Target`, the path of an RPC request, or the API version of a query request. Signatures are not verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from fairway.engine.api.cbor_protocol import PATH
from fairway.engine.services.awsmodel import SERVICES, protocols, service_model

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_REGION: Final = "us-east-1"
PASSIVE: Final = {
    "iam": ("iam", "2010-05-08"),
    "ec2": ("ec2", "2016-11-15"),
    "sns": ("sns", "2010-03-31"),
    "kms": ("TrentService", ""),
}
"""Services that moto answers: signing name -> (prefix of X-Amz-Target or signing name, API version)."""
REST_XML: Final = frozenset({"s3", "s3express", "cloudfront", "route53"})
"""Signing names of services that this engine does not have, and whose errors are read from XML without any `Action`."""
_SCOPE: Final = re.compile(r"Credential=([^/,\s]*)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


_COMPRESSES: Final = frozenset({"monitoring"})
"""Signing names of services whose model lets clients compress requests (`requestcompression`)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    service: str | None
    """botocore's name of the service; None: cannot be told."""
    operation: str | None
    region: str
    access_key: str
    signing_name: str | None = None


@cache
def _by_target_prefix() -> dict[str, str]:
    prefixes = {}
    for name in SERVICES:
        prefix = service_model(name).metadata.get("targetPrefix")
        if prefix:
            prefixes[prefix] = name
    return prefixes | {prefix: name for name, (prefix, version) in PASSIVE.items() if not version}


@cache
def _by_version() -> dict[str, str]:
    versions = {}
    for name in SERVICES:
        model = service_model(name)
        if "query" in protocols(name):
            versions[model.api_version] = name
    return versions | {version: name for name, (_, version) in PASSIVE.items() if version}


def may_be_compressed(headers: Mapping[str, str]) -> bool:
    """Whether the request is for a service to which clients may send compressed bodies."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    return scope is not None and scope.group(4) in _COMPRESSES


def identify(headers: Mapping[str, str], query: Mapping[str, str], path: str = "/") -> Target:
    """Who is meant. `query`: the parameters of a query request, from its body or its URL; `path`: of an RPC request."""
    scope = _SCOPE.search(headers.get("authorization", "") or query.get("X-Amz-Credential", ""))
    region = scope.group(3) if scope else DEFAULT_REGION
    access_key = scope.group(1) if scope else ""
    signed = scope.group(4) if scope else None
    prefix, dot, operation = headers.get("x-amz-target", "").rpartition(".")
    if dot:
        return Target(_by_target_prefix().get(prefix), operation, region, access_key, signed)
    rpc = PATH.fullmatch(path)
    if rpc is not None:
        return Target(_by_target_prefix().get(rpc[1]), rpc[2], region, access_key, signed)
    action = query.get("Action")
    if action:
        service = _by_version().get(query.get("Version", ""))
        if service is None and signed in PASSIVE:
            service = signed
        return Target(service, action, region, access_key, signed)
    return Target(None, None, region, access_key, signed)
