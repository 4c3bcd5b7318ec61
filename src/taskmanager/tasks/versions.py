"""Versions of tasks as HTTP has them: `ETag` when one is read, `If-Match` when it is to be changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from taskmanager.problems import Problem

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def etag_of(version: int, updated_at: datetime) -> str:
    """The ETag of a task. The moment is in it for releases that change a task without counting its version."""
    return f'"{version}-{(updated_at - _EPOCH) // timedelta(microseconds=1):x}"'


def matches(if_match: str, etag: str) -> bool:
    """The header names the ETag, among others or by `*` (RFC 9110, 13.1.1); a weak one names nothing."""
    return if_match.strip() == "*" or etag in (part.strip() for part in if_match.split(","))


def require_match(if_match: str | None, etag: str) -> None:
    """Go on only if the client knows the newest version, or does not say which it knows.

    Raises:
        Problem: it knows another.
    """
    if if_match is not None and not matches(if_match, etag):
        raise Problem(412, "version-mismatch", "the task was changed since; read it again", headers={"ETag": etag})
