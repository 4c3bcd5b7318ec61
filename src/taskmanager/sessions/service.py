"""Signing in for longer than an access token lives."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, exists, select, update

from taskmanager.db import now
from taskmanager.sessions.models import RefreshFamily, RefreshToken
from taskmanager.sessions.rotation import LIFETIME, Shown, Verdict, judge

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncSession

MOST_FAMILIES: Final = 50
"""Of a user: who signs in once more is signed out where they signed in first."""
_PREFIX: Final = "tmr_"


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def begin_family(session: AsyncSession, user_id: int) -> str:
    """The first refresh token of a sign-in; the user's oldest and ended ones go."""
    moment = now()
    # skipped when another sign-in of the user deletes them: nobody waits
    kept = select(RefreshFamily.id).where(RefreshFamily.user_id == user_id).order_by(RefreshFamily.id.desc())
    old = list(await session.scalars(kept.offset(MOST_FAMILIES - 1).limit(MOST_FAMILIES)))
    ended = select(RefreshFamily.id).where(RefreshFamily.user_id == user_id, RefreshFamily.expires_at <= moment)
    old += await session.scalars(ended.limit(MOST_FAMILIES))
    if old:
        free = select(RefreshFamily.id).where(RefreshFamily.id.in_(old)).with_for_update(skip_locked=True)
        gone = list(await session.scalars(free))
        await session.execute(delete(RefreshFamily).where(RefreshFamily.id.in_(gone)))
    family = RefreshFamily(user_id=user_id, created_at=moment, expires_at=moment + LIFETIME)
    session.add(family)
    await session.flush()
    return _new_token(session, family.id, moment)


async def refresh(session: AsyncSession, token: str, client: str) -> tuple[Verdict, int, str]:
    """What comes of the token: the verdict, and on success the user and the next token.

    It raises nothing: that a token was used twice has to be committed, though it is refused.
    """
    moment = now()
    known = await session.scalar(select(RefreshToken).where(RefreshToken.token_hash == hash_of(token)))
    if known is None:
        return Verdict.ENDED, 0, ""
    # locked: of two requests with one token, the second sees what the first did
    family = await session.get(RefreshFamily, known.family_id, with_for_update=True)
    if family is None:  # signed out between the two statements
        return Verdict.ENDED, 0, ""
    await session.refresh(known, with_for_update=True)
    verdict = judge(await _shown(session, known, family, client), moment)
    if verdict is Verdict.REUSED:
        family.revoked_at = moment
    if verdict not in {Verdict.ROTATE, Verdict.RETRY}:
        return verdict, 0, ""
    if verdict is Verdict.ROTATE:
        unused = update(RefreshToken).where(RefreshToken.family_id == family.id, RefreshToken.used_at.is_(None))
        used = unused.values(used_at=moment, used_by=client).execution_options(synchronize_session=False)
        await session.execute(used)
    family.expires_at = moment + LIFETIME
    return verdict, family.user_id, _new_token(session, family.id, moment)


async def end_family(session: AsyncSession, token: str) -> None:
    """Sign out; a token that is none is signed out already."""
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == hash_of(token))
    found = await session.scalar(family)
    if found is not None:
        await session.execute(update(RefreshFamily).where(RefreshFamily.id == found).values(revoked_at=now()))


async def end_all_families(session: AsyncSession, user_id: int) -> None:
    """Sign out everywhere; access tokens live on for their minutes."""
    await session.execute(delete(RefreshFamily).where(RefreshFamily.user_id == user_id))


async def _shown(session: AsyncSession, token: RefreshToken, family: RefreshFamily, client: str) -> Shown:
    successor_used = False
    if token.used_at is not None:
        later = (RefreshToken.family_id == family.id, RefreshToken.id > token.id, RefreshToken.used_at > token.used_at)
        successor_used = bool(await session.scalar(select(exists().where(*later))))
    return Shown(
        is_revoked=family.revoked_at is not None,
        expires_at=family.expires_at,
        used_at=token.used_at,
        is_same_client=token.used_by == client,
        is_successor_used=successor_used,
    )


def _new_token(session: AsyncSession, family_id: int, moment: datetime) -> str:
    token = _PREFIX + secrets.token_urlsafe(32)
    session.add(RefreshToken(family_id=family_id, token_hash=hash_of(token), created_at=moment))
    return token
