"""The parts of an image's name, where it is one of ECR's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ECR: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[\w-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)


@dataclass(frozen=True, slots=True)
class EcrImage:
    """Where an image of ECR is."""

    account: str
    region: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def identity(self) -> dict[str, str]:
        """As `imageIds` of ECR's operations take it."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag or "latest"}


def ecr_image(image: str) -> EcrImage | None:
    """The parts of an image's name; None: it is in another registry."""
    match = _ECR.fullmatch(image)
    if match is None:
        return None
    return EcrImage(match["account"], match["region"], match["repository"], match["tag"], match["digest"])
