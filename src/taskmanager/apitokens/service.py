"""Making, listing, ending and recognising API tokens, and what their scopes allow."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select

from taskmanager.apitokens.models import ApiToken
from taskmanager.db import now
from taskmanager.problems import Problem, not_found
from taskmanager.users.tokens import unauthorised

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

PREFIX: Final = "tmk_"
"""So that a scanner of repositories finds one that somebody has published."""
MOST_TOKENS: Final = 50
_READING: Final = frozenset({"GET", "HEAD"})
_COLUMNS: Final = (ApiToken.id, ApiToken.name, ApiToken.scopes, ApiToken.created_at, ApiToken.expires_at)


def scope_refusal(scopes: Collection[str], method: str) -> Problem | None:
    """Why a token with these scopes may not ask by this method; None when it may. To write is not to read."""
    needed = "read" if method in _READING else "write"
    if needed in scopes:
        return None
    return Problem(403, "scope-missing", f"the token has no scope {needed}")


async def create_token(
    session: AsyncSession, user_id: int, *, name: str, scopes: Collection[str], expires_in_days: int
) -> dict[str, Any]:
    """A new token; `token` is its secret, which nobody sees again.

    Raises:
        Problem: the user has too many.
    """
    moment = now()
    await session.execute(delete(ApiToken).where(ApiToken.user_id == user_id, ApiToken.expires_at <= moment))
    count = select(func.count()).select_from(ApiToken).where(ApiToken.user_id == user_id)
    if (await session.scalar(count) or 0) >= MOST_TOKENS:
        raise Problem(409, "too-many-tokens", f"a user has at most {MOST_TOKENS} tokens; delete one")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(user_id=user_id, name=name, scopes=",".join(sorted(set(scopes))), token_hash=_hash_of(secret))
    token.created_at, token.expires_at = moment, moment + timedelta(days=expires_in_days)
    session.add(token)
    await session.flush()
    shown = {column.key: getattr(token, column.key) for column in _COLUMNS}
    return {**_with_scopes(shown), "token": secret}


async def list_tokens(connection: AsyncConnection, user_id: int) -> list[dict[str, Any]]:
    """The user's tokens, newest first; those that have expired until the next is made."""
    rows = await connection.execute(select(*_COLUMNS).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc()))
    return [_with_scopes(dict(row)) for row in rows.mappings()]


async def delete_token(session: AsyncSession, user_id: int, token_id: int) -> None:
    token = await session.get(ApiToken, token_id)
    if token is None or token.user_id != user_id:
        raise not_found("token")
    await session.delete(token)


async def find_token(connection: AsyncConnection, secret: str) -> tuple[int, frozenset[str]]:
    """Whose token it is, and its scopes.

    Raises:
        Problem: there is none, or it has expired.
    """
    query = select(ApiToken.user_id, ApiToken.scopes, ApiToken.expires_at)
    row = (await connection.execute(query.where(ApiToken.token_hash == _hash_of(secret)))).one_or_none()
    if row is None:
        raise unauthorised("token-invalid", "the API token is not valid")
    if row.expires_at <= now():
        raise unauthorised("token-expired", "the API token has expired; make another")
    return row.user_id, frozenset(row.scopes.split(","))


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _with_scopes(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "scopes": row["scopes"].split(",")}
