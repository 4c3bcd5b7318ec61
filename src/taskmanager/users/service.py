"""Registering and signing in."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.db import now
from taskmanager.problems import Problem
from taskmanager.users.models import User
from taskmanager.users.tokens import unauthorised
from taskmanager.users.zones import zone_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from sqlalchemy import CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from taskmanager.users.passwords import PasswordBox


async def register(session: AsyncSession, *, email: str, name: str, password_hash: str) -> User:
    """A new user.

    Raises:
        Problem: the address is registered already.
    """
    user = User(email=email, name=name, password_hash=password_hash, created_at=now())
    session.add(user)
    try:
        await session.flush()
    except IntegrityError:
        raise Problem(409, "email-taken", "this address is registered already") from None
    return user


async def authenticate(connection: AsyncConnection, box: PasswordBox, *, email: str, password: str) -> int:
    """The id of the user who has this address and password.

    Raises:
        Problem: the same for an unknown address and a wrong password.
    """
    row = (await connection.execute(select(User.id, User.password_hash).where(User.email == email))).one_or_none()
    if not await box.matches(password, row.password_hash if row else None) or row is None:
        raise Problem(401, "login-failed", "address or password is wrong")
    return int(row.id)


async def read_user(database: AsyncConnection | AsyncSession, user_id: int) -> dict[str, Any]:
    """The user.

    Raises:
        Problem: there is none, though there is a token: one of another database, signed with the same key.
    """
    query = select(User.id, User.email, User.name, User.created_at, User.time_zone).where(User.id == user_id)
    row = (await database.execute(query)).mappings().one_or_none()
    if row is None:
        raise unauthorised("token-invalid", "the access token is not valid")
    return dict(row)


async def change_user(session: AsyncSession, user_id: int, wanted: Mapping[str, Any]) -> dict[str, Any]:
    if wanted:
        await session.execute(update(User).where(User.id == user_id).values(**wanted))
    return await read_user(session, user_id)


async def check_password(connection: AsyncConnection, box: PasswordBox, user_id: int, password: str) -> str:
    """The hash of the user's password, which this is.

    Raises:
        Problem: it is not.
    """
    known = (await connection.execute(select(User.password_hash).where(User.id == user_id))).scalar_one_or_none()
    if not await box.matches(password, known) or known is None:
        raise Problem(403, "password-wrong", "the old password is wrong")
    return str(known)


async def change_password(session: AsyncSession, user_id: int, *, known: str, hashed: str) -> None:
    """Set the hash of another password in the place of the one that was checked.

    Raises:
        Problem: somebody has changed it since.
    """
    same = update(User).where(User.id == user_id, User.password_hash == known)
    changed = cast("CursorResult[Any]", await session.execute(same.values(password_hash=hashed)))
    if changed.rowcount != 1:
        raise Problem(403, "password-wrong", "the old password is wrong")


async def time_zone_of(connection: AsyncConnection, user_id: int) -> tzinfo:
    """The zone in which the user's days begin and end; UTC for one that this machine does not know any more."""
    name = (await connection.execute(select(User.time_zone).where(User.id == user_id))).scalar_one_or_none()
    return zone_named(name or "UTC") or UTC
