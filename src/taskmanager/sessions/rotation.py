"""What comes of a refresh token that somebody shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GRACE: Final = timedelta(seconds=10)
"""In which the client that used a token may use it once more: the answer to its first try may have been lost."""
LIFETIME: Final = timedelta(days=30)
"""Of a family, from its last use."""


class Verdict(StrEnum):
    """What is done."""

    ROTATE = "rotate"
    """A new token takes the place of all unused ones of the family."""
    RETRY = "retry"
    """Another new token, beside the one whose answer was lost."""
    REUSED = "reused"
    """Two have the token: the family ends."""
    ENDED = "ended"
    """Nothing: signed out, or too long ago."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that is known, and who shows it."""

    is_revoked: bool
    expires_at: datetime
    used_at: datetime | None
    is_same_client: bool
    """As the one that used it."""
    is_successor_used: bool
    """A token of the family was used after this one."""


def judge(shown: Shown, now: datetime) -> Verdict:
    """Decide what comes of the token."""
    if shown.is_revoked or now >= shown.expires_at:
        return Verdict.ENDED
    if shown.used_at is None:
        return Verdict.ROTATE
    if shown.is_same_client and not shown.is_successor_used and now - shown.used_at <= GRACE:
        return Verdict.RETRY
    return Verdict.REUSED
