"""Registering and signing in."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from taskmanager.db import now
from taskmanager.problems import Problem
from taskmanager.users.models import User
from taskmanager.users.zones import zone_named

if TYPE_CHECKING:
    from datetime import tzinfo

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


async def read_user(connection: AsyncConnection | AsyncSession, user_id: int) -> dict[str, object] | None:
    query = select(User.id, User.email, User.name, User.created_at, User.time_zone).where(User.id == user_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return dict(row) if row else None


async def time_zone_of(connection: AsyncConnection, user_id: int) -> tzinfo:
    """The zone in which the user's days begin and end; UTC for one that this machine does not know any more."""
    name = (await connection.execute(select(User.time_zone).where(User.id == user_id))).scalar_one_or_none()
    return zone_named(name or "UTC") or UTC
