"""What the handlers of requests are given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from taskmanager.db import Database
from taskmanager.exports.links import Links
from taskmanager.jobqueue import Queue
from taskmanager.paging import LARGEST_PAGE
from taskmanager.problems import Problem
from taskmanager.users.passwords import PasswordBox
from taskmanager.users.tokens import Tokens, unauthorised


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the process."""

    database: Database
    tokens: Tokens
    passwords: PasswordBox
    queue: Queue
    links: Links


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


_bearer = HTTPBearer(auto_error=False, description="The access_token of POST /login")


async def _services(request: Request) -> Services:
    return services(request)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with services(request).database.transaction() as session:
        yield session


async def _connection(request: Request) -> AsyncIterator[AsyncConnection]:
    async with services(request).database.read() as connection:
        yield connection


def missing_token() -> Problem:
    return unauthorised("token-missing", "send the access token: Authorization: Bearer TOKEN")


async def _user_id(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> int:
    if credentials is None:
        raise missing_token()
    return services(request).tokens.user_id(credentials.credentials)


async def _maybe_user_id(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> int | None:
    return None if credentials is None else services(request).tokens.user_id(credentials.credentials)


ServicesDep = Annotated[Services, Depends(_services)]
# scope "function": committed and given back before the answer goes out, so that nobody is told of what then fails
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
"""A transaction, committed before the answer goes out."""
ReadDep = Annotated[AsyncConnection, Depends(_connection, scope="function")]
"""A connection for reading rows."""
UserId = Annotated[int, Depends(_user_id)]
"""Who asks; 401 without a valid token."""
MaybeUserId = Annotated[int | None, Depends(_maybe_user_id)]
"""Who asks, where there are other ways in; 401 with a wrong token."""
PageSize = Annotated[int, Query(alias="limit", ge=1, le=LARGEST_PAGE)]
Cursor = Annotated[str | None, Query(max_length=64, description="next_cursor of the page before")]
