"""What the handlers of requests are given."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from taskmanager.apitokens.service import PREFIX, find_token, scope_refusal
from taskmanager.db import Database
from taskmanager.exports.links import Links
from taskmanager.jobqueue import Queue
from taskmanager.paging import LARGEST_PAGE
from taskmanager.problems import Problem
from taskmanager.ratelimits.limiter import RateLimiter
from taskmanager.ratelimits.policy import Policy
from taskmanager.ratelimits.window import address_group
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
    limiter: RateLimiter
    limits: Policy
    trusted_proxies: int = 0
    """Balancers of our own in front of the process."""


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


_bearer = HTTPBearer(auto_error=False, description="The access_token of POST /login, or an API token of POST /tokens")


async def _services(request: Request) -> Services:
    return services(request)


def client_address(request: Request) -> str:
    """Where the request comes from; behind balancers, what the outermost of our own saw."""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    hops = services(request).trusted_proxies
    if 0 < hops <= len(forwarded) and forwarded[-hops].strip():
        return forwarded[-hops].strip()[:64]
    return request.client.host if request.client else ""


async def _client_name(request: Request) -> str:
    """A hash of the client's address and of what it calls itself: to recognise it a few seconds later."""
    text = f"{client_address(request)} {request.headers.get('user-agent', '')}"
    return hashlib.sha256(text.encode()).hexdigest()


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    async with services(request).database.transaction() as session:
        request.state.session = session
        yield session


async def _connection(request: Request) -> AsyncIterator[AsyncConnection]:
    async with services(request).database.read() as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks; `scopes` is None for somebody who signed in, who may do all that they may do."""

    user_id: int
    scopes: frozenset[str] | None


def missing_token() -> Problem:
    return unauthorised("token-missing", "send the access token: Authorization: Bearer TOKEN")


async def caller_of(request: Request, bearer: str | None) -> Caller:
    """Who asks with this token.

    Raises:
        Problem: there is none, or it is forged or has expired.
    """
    if bearer is None:
        raise missing_token()
    known = services(request)
    if not bearer.startswith(PREFIX):
        return Caller(known.tokens.user_id(bearer), None)
    async with known.database.read() as connection:
        return Caller(*await find_token(connection, bearer))


async def _caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    return await _counted(request, credentials.credentials if credentials else None)


async def _counted(request: Request, bearer: str | None) -> Caller:
    caller = await caller_of(request, bearer)
    known = services(request)
    await known.limiter.hit(known.limits.user, str(caller.user_id))
    return caller


async def _address_group(request: Request) -> str:
    return address_group(client_address(request))


async def _limit_address(request: Request) -> None:
    known = services(request)
    await known.limiter.hit(known.limits.address, await _address_group(request))


def require_scope(caller: Caller, method: str) -> None:
    """Go on only if the caller's token, if it is one of the API, allows the method.

    Raises:
        Problem: it does not.
    """
    refused = None if caller.scopes is None else scope_refusal(caller.scopes, method)
    if refused is not None:
        raise refused


async def _user_id(request: Request, caller: Annotated[Caller, Depends(_caller)]) -> int:
    require_scope(caller, request.method)
    return caller.user_id


async def user_of(request: Request) -> int:
    """Who asks: the same as `UserId`, for a route that sees to its parameters itself."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    caller = await _counted(request, token if scheme.lower() == "bearer" and token else None)
    require_scope(caller, request.method)
    return caller.user_id


async def _signed_in_id(caller: Annotated[Caller, Depends(_caller)]) -> int:
    if caller.scopes is not None:
        raise Problem(403, "sign-in-needed", "an API token is not enough for this; sign in")
    return caller.user_id


async def _maybe_user_id(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> int | None:
    if credentials is None:
        return None
    return await _user_id(request, await _caller(request, credentials))


ServicesDep = Annotated[Services, Depends(_services)]
# scope "function": committed and given back before the answer goes out, so that nobody is told of what then fails
SessionDep = Annotated[AsyncSession, Depends(_session, scope="function")]
"""A transaction, committed before the answer goes out."""
ReadDep = Annotated[AsyncConnection, Depends(_connection, scope="function")]
"""A connection for reading rows."""
UserId = Annotated[int, Depends(_user_id)]
"""Who asks; 401 without a valid token, 403 with an API token whose scopes are not enough."""
MaybeUserId = Annotated[int | None, Depends(_maybe_user_id)]
"""Who asks, where there are other ways in; 401 with a wrong token."""
SignedInId = Annotated[int, Depends(_signed_in_id)]
"""Who asks and has signed in: no API token is enough."""
AddressLimited = Depends(_limit_address)
"""Of a route that anybody may call, and that costs a look at a password or gives a token."""
AddressGroup = Annotated[str, Depends(_address_group)]
"""Where the request comes from, as limits count it."""
ClientName = Annotated[str, Depends(_client_name)]
PageSize = Annotated[int, Query(alias="limit", ge=1, le=LARGEST_PAGE)]
Cursor = Annotated[str | None, Query(max_length=256, description="next_cursor of the page before")]
