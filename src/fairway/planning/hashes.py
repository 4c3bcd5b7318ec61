"""Hashes of definitions: whether one is still the same can be told without keeping it. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from fairway.planning.canonical import NOT_COMPARED, canonical, own_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHARACTERS: Final = 32


def document_hash(document: Any) -> str:
    """The SHA-256 of a document, whatever the order of its members."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def settings_hash(definition: Mapping[str, Any], service: Mapping[str, Any] | None) -> str:
    """A hash of what a revision does not keep by itself: the settings of its service, and the tags that can change.

    Written on each revision that is deployed. While the file still has the same hash, whatever differs was changed by hand.
    """
    settings = None if service is None else {k: v for k, v in service.items() if k not in NOT_COMPARED}
    tags = own_tags(canonical(definition.get("tags") or [], "tags") or {})
    return document_hash([canonical(settings), tags])[:_CHARACTERS]
