"""Finds the load balancer of the local engine, by the tag that its listeners have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from fairway.aws.session import Aws, translate
from fairway.errors import UsageError
from fairway.load.address import Address, read_address

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS_TAG: Final = "fairway:address"


def find_balancer(aws: Aws) -> Address:
    """Where the only listener of the local engine listens on this machine.

    Raises:
        UsageError: there is none, or there are several; names them.
        AwsError: the engine does not answer.
    """
    try:
        addresses = dict(_addresses(aws))
    except (ClientError, BotoCoreError) as error:
        raise translate(error, doing="looking for the load balancer") from error
    if not addresses:
        raise UsageError(
            "the local engine has no load balancer",
            hint="fairway up makes it, or name an address: fairway load http://127.0.0.1:PORT",
        )
    if len(addresses) > 1:
        known = ", ".join(f"{address} ({name})" for name, address in sorted(addresses.items()))
        raise UsageError(f"the local engine has several listeners: {known}", hint="name one of them: fairway load URL")
    return read_address(next(iter(addresses.values())))


def _addresses(aws: Aws) -> Iterator[tuple[str, str]]:
    """`name:port` of each listener, and its address."""
    for page in aws.elbv2.get_paginator("describe_load_balancers").paginate():
        for balancer in page["LoadBalancers"]:
            answer = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
            ports = {listener["ListenerArn"]: listener["Port"] for listener in answer["Listeners"]}
            if not ports:
                continue
            for described in aws.elbv2.describe_tags(ResourceArns=list(ports))["TagDescriptions"]:
                for tag in described["Tags"]:
                    if tag["Key"] == ADDRESS_TAG:
                        yield f"{balancer['LoadBalancerName']}:{ports[described['ResourceArn']]}", tag["Value"]
