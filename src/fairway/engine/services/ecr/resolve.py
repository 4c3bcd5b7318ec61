"""Which image a reference means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.engine.store.schema import IMAGES, REPOSITORIES

if TYPE_CHECKING:
    from fairway.engine.store.store import Store

_REFERENCE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<name>[a-z0-9._/-]+)(?::(?P<tag>[A-Za-z0-9._-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


def resolve_image(store: Store, reference: str) -> str | None:
    """The digest of an image in the engine's registry; None: not one of its images."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    if match["digest"]:
        return match["digest"]
    arn = f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['name']}"
    if store.get(REPOSITORIES, arn) is None:
        return None
    tag = match["tag"] or "latest"
    return next((image.digest for image in store.find(IMAGES, "repository", arn) if tag in image.tags), None)
