"""Who looks at a page: somebody whose browser is signed in."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError

from taskmanager.db import now
from taskmanager.deps import services
from taskmanager.users.zones import zone_named
from taskmanager.web import sessions
from taskmanager.web.browser import SIGN_IN, Browser, safe_path

POLL: Final = "/app/unread"
"""Asked by each open page all the time: it keeps no session alive."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """What each page needs to know of its user."""

    session_id: int
    user_id: int
    name: str
    email: str
    zone_name: str
    zone: tzinfo
    unread: int
    newest_unread: int
    form_token: str


class SignInNeeded(Exception):
    """Nobody is signed in in this browser (any more)."""


def browser_of(request: Request) -> Browser:
    found: Browser = request.app.state.browser
    return found


async def find_viewer(request: Request) -> Viewer | None:
    """Who is signed in in this browser; the session lives on from now."""
    known, browser = services(request), browser_of(request)
    token = request.cookies.get(browser.session_cookie)
    if not token:
        return None
    async with known.database.read() as connection:
        row = await sessions.find(connection, token)
    if row is None:
        return None
    await known.limiter.hit(known.limits.user, str(row["user_id"]))
    moment = now()
    if request.url.path != POLL and moment - row["last_seen_at"] >= sessions.SEEN_EVERY:
        expires_at = sessions.extended(row["created_at"], moment)
        # a database that takes no more is no reason to show nothing
        with contextlib.suppress(DBAPIError):
            async with known.database.transaction() as session:
                await sessions.keep(session, row["id"], expires_at)
            request.state.renewed = (token, int((expires_at - moment).total_seconds()))
    viewer = Viewer(
        session_id=row["id"],
        user_id=row["user_id"],
        name=row["name"],
        email=row["email"],
        zone_name=row["time_zone"],
        zone=zone_named(row["time_zone"]) or UTC,
        unread=row["unread"],
        newest_unread=row["newest_unread"] or 0,
        form_token=browser.form_token(f"session {row['id']}"),
    )
    request.state.viewer = viewer
    return viewer


async def _viewer(request: Request) -> Viewer:
    viewer = await find_viewer(request)
    if viewer is None:
        raise SignInNeeded
    return viewer


ViewerDep = Annotated[Viewer, Depends(_viewer)]
"""Who is signed in; others are led to the page for it."""


def sign_in_path(request: Request) -> str:
    """The page to sign in, which leads back to where the request came from."""
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or "hx-request" in request.headers:
        # back to the page, not to what one of its forms or polls asked
        back = request.headers.get("hx-current-url") or request.headers.get("referer") or ""
        back = back.removeprefix(f"{request.url.scheme}://{request.url.netloc}")
    path = safe_path(back, "")
    return f"{SIGN_IN}?next={quote(path, safe='/')}" if path else SIGN_IN
