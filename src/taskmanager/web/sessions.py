"""Browsers that are signed in: begun, recognised, kept alive by use, ended."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, update

from taskmanager.db import now
from taskmanager.notifications.models import Notification
from taskmanager.problems import not_found
from taskmanager.users.models import User
from taskmanager.web.models import WebSession

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

LIFETIME: Final = timedelta(days=30)
"""From the last use."""
LONGEST: Final = timedelta(days=180)
"""From signing in, however much it is used."""
SEEN_EVERY: Final = timedelta(minutes=5)
"""How exactly the last use is known: reading a page seldom writes."""
MOST: Final = 50
"""Of a user: whoever signs in once more is signed out where they were seen least lately."""
_LONGEST_NAME: Final = 120
_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "a Mac"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """What a browser calls itself, in words of which its user recognises it.

    "Mozilla/5.0 (X11; Linux x86_64) … Chrome/156.0 Safari/537.36" -> Chrome on Linux     "curl/8" -> curl     "" -> unknown
    """
    program = next((name for mark, name in _PROGRAMS if f"{mark}/" in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if program is None:
        return re.split(r"[^A-Za-z0-9 ._-]", user_agent)[0].strip()[:_LONGEST_NAME] or "unknown"
    return f"{program} on {system}" if system else program


async def begin(session: AsyncSession, user_id: int, user_agent: str) -> str:
    """The token of a new session, which nobody sees but the browser."""
    moment = now()
    kept = select(WebSession.id).where(WebSession.user_id == user_id)
    old = list(await session.scalars(kept.order_by(WebSession.last_seen_at.desc()).offset(MOST - 1).limit(MOST)))
    if old:
        await session.execute(delete(WebSession).where(WebSession.id.in_(old)))
    token = secrets.token_urlsafe(32)
    row = WebSession(user_id=user_id, token_hash=_hash_of(token), browser=browser_name(user_agent))
    row.created_at, row.last_seen_at, row.expires_at = moment, moment, moment + LIFETIME
    session.add(row)
    await session.flush()
    return token


async def find(connection: AsyncConnection, token: str) -> dict[str, Any] | None:
    """The session and its user, and what each page shows of them; None when there is none, or it has expired.

    One statement, since each page asks it.
    """
    unread = (Notification.user_id == WebSession.user_id, Notification.read_at.is_(None))
    query = (
        select(
            WebSession.id,
            WebSession.user_id,
            WebSession.created_at,
            WebSession.last_seen_at,
            User.name,
            User.email,
            User.time_zone,
            select(func.count()).where(*unread).scalar_subquery().label("unread"),
            select(func.max(Notification.id)).where(*unread).scalar_subquery().label("newest_unread"),
        )
        .join(User, User.id == WebSession.user_id)
        .where(WebSession.token_hash == _hash_of(token), WebSession.expires_at > now())
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


def extended(created_at: datetime, moment: datetime) -> datetime:
    """When a session that is used at this moment expires."""
    return min(moment + LIFETIME, created_at + LONGEST)


async def keep(session: AsyncSession, session_id: int, expires_at: datetime) -> None:
    """Note that the session was used now."""
    used = update(WebSession).where(WebSession.id == session_id)
    await session.execute(used.values(last_seen_at=now(), expires_at=expires_at))


async def list_sessions(connection: AsyncConnection, user_id: int) -> list[dict[str, Any]]:
    """The user's sessions, the one that was used last first."""
    columns = (WebSession.id, WebSession.browser, WebSession.created_at, WebSession.last_seen_at)
    query = select(*columns).where(WebSession.user_id == user_id, WebSession.expires_at > now())
    rows = await connection.execute(query.order_by(WebSession.last_seen_at.desc(), WebSession.id.desc()))
    return [dict(row) for row in rows.mappings()]


async def end(session: AsyncSession, user_id: int, session_id: int) -> None:
    """Sign one browser out.

    Raises:
        Problem: there is no such session, or it is somebody else's.
    """
    row = await session.get(WebSession, session_id)
    if row is None or row.user_id != user_id:
        raise not_found("session")
    await session.delete(row)


async def end_all(session: AsyncSession, user_id: int) -> None:
    """Sign the user out in every browser."""
    await session.execute(delete(WebSession).where(WebSession.user_id == user_id))


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
