"""Amazon Resource Names, parsed and built in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ACCOUNT: Final = "123456789012"
_PARTS: Final = 6


class InvalidArn(ValueError):
    """The text is not an ARN."""


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        parts = text.split(":", _PARTS - 1)
        if len(parts) != _PARTS or parts[0] != "arn":
            raise InvalidArn(f"{text!r} is not an ARN")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def name(self) -> str:
        """The last part of the resource: `service/prod/api` -> `api`."""
        return self.resource.rsplit("/", 1)[-1]


def is_arn(text: str) -> bool:
    return text.startswith("arn:") and text.count(":") >= _PARTS - 1


def make_arn(service: str, region: str, resource: str, account: str = ACCOUNT) -> str:
    """An ARN of the standard partition."""
    return str(Arn("aws", service, region, account, resource))
