"""What is done with a key: claimed, answered from the store, taken over, refused.

The claim is a row of its own, committed before the request begins, so that all processes see it. The reply is stored in the
transaction of what the request does: both are there, or neither. A process that dies leaves a claim without a reply, which
the next try takes over after a while; should the first be slow and not dead, it finds that the claim is no more its own.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.db import Database, now
from taskmanager.idempotency.models import IdempotencyKey
from taskmanager.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import CursorResult
    from sqlalchemy.ext.asyncio import AsyncSession

KEPT: Final = timedelta(hours=24)
TAKEN_OVER_AFTER: Final = timedelta(seconds=60)
"""Longer than a request takes: the process that claimed the key is dead."""
_RETRY_SECONDS: Final = 1
_CLEANED: Final = 20
"""Rows of the same user that are deleted with each new one, when their time is over."""


class Step(StrEnum):
    """What comes next for a key that is known."""

    BEGIN = "begin"
    REPLAY = "replay"
    REFUSE_REUSE = "refuse-reuse"
    REFUSE_UNDER_WAY = "refuse-under-way"


def next_step(*, is_same: bool, is_answered: bool, age: timedelta) -> Step:
    """Decide; `is_same`: the same request as the one that claimed the key, `age` ago."""
    if age >= KEPT:
        return Step.BEGIN
    if not is_same:
        return Step.REFUSE_REUSE
    if is_answered:
        return Step.REPLAY
    return Step.BEGIN if age >= TAKEN_OVER_AFTER else Step.REFUSE_UNDER_WAY


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do the request."""

    row_id: int
    owner: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request was answered."""

    status: int
    headers: Mapping[str, str]
    body: str


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"%s %s\n%s" % (method.encode(), path.encode(), body)).hexdigest()


async def claim(database: Database, user_id: int, key: str, fingerprint: str) -> Claim | Reply:
    """The right to do the request, or what it was answered before.

    Raises:
        Problem: the key was used for another request, or its request is under way.
    """
    mine = Claim(0, secrets.token_hex(16))
    key_hash = hashlib.sha256(key.encode()).hexdigest()
    row = IdempotencyKey(user_id=user_id, key_hash=key_hash, fingerprint=fingerprint, owner=mine.owner)
    row.started_at = moment = now()
    try:
        async with database.transaction() as session:
            await _clean(session, user_id, moment)
            session.add(row)
            await session.flush()
            return Claim(row.id, mine.owner)
    except IntegrityError:
        # in a transaction of its own: the lock that the failed statement left is gone
        async with database.transaction() as session:
            return await _reclaim(session, user_id, key_hash, fingerprint, mine.owner)


async def store(session: AsyncSession, claimed: Claim, reply: Reply) -> None:
    """Store the reply in the transaction of what was done.

    Raises:
        Problem: another process took the request over; what was done is undone.
    """
    own = update(IdempotencyKey).where(IdempotencyKey.id == claimed.row_id, IdempotencyKey.owner == claimed.owner)
    values = {"status": reply.status, "headers": json.dumps(dict(reply.headers)), "body": reply.body}
    done = cast("CursorResult[Any]", await session.execute(own.values(values)))
    if done.rowcount != 1:
        raise _under_way()


async def release(database: Database, claimed: Claim) -> None:
    """Forget a request that failed: the next try is done anew."""
    async with database.transaction() as session:
        own = (IdempotencyKey.id == claimed.row_id, IdempotencyKey.owner == claimed.owner)
        await session.execute(delete(IdempotencyKey).where(*own, IdempotencyKey.status.is_(None)))


async def _reclaim(session: AsyncSession, user_id: int, key_hash: str, fingerprint: str, owner: str) -> Claim | Reply:
    query = select(IdempotencyKey).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key_hash == key_hash)
    row = await session.scalar(query.with_for_update())
    if row is None:  # the request failed meanwhile, and was forgotten
        raise _under_way()
    moment = now()
    is_answered = row.status is not None
    match next_step(is_same=row.fingerprint == fingerprint, is_answered=is_answered, age=moment - row.started_at):
        case Step.REFUSE_REUSE:
            raise Problem(422, "idempotency-key-reused", "the key was used for another request; draw a new one")
        case Step.REFUSE_UNDER_WAY:
            raise _under_way()
        case Step.REPLAY:
            assert row.status is not None
            return Reply(row.status, json.loads(row.headers or "{}"), row.body or "")
        case Step.BEGIN:
            row.owner, row.started_at, row.fingerprint = owner, moment, fingerprint
            row.status = row.headers = row.body = None
            return Claim(row.id, owner)


async def _clean(session: AsyncSession, user_id: int, moment: datetime) -> None:
    query = select(IdempotencyKey.id).where(
        IdempotencyKey.user_id == user_id, IdempotencyKey.started_at < moment - KEPT
    )
    old = list(await session.scalars(query.limit(_CLEANED).with_for_update(skip_locked=True)))
    if old:
        await session.execute(delete(IdempotencyKey).where(IdempotencyKey.id.in_(old)))


def _under_way() -> Problem:
    headers = {"Retry-After": str(_RETRY_SECONDS)}
    return Problem(409, "idempotency-key-under-way", "the request with this key is under way", headers=headers)
