"""Registering, signing in, and who one is."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import (
    AddressGroup,
    AddressLimited,
    ReadDep,
    Services,
    ServicesDep,
    SessionDep,
    SignedInId,
    UserId,
)
from taskmanager.problems import Problem
from taskmanager.sessions.service import begin_family, end_all_families
from taskmanager.users import service
from taskmanager.users.schemas import Login, PasswordChange, Token, UserChange, UserCreate, UserRead
from taskmanager.web.sessions import end_all as end_all_browsers

router = APIRouter(tags=["users"])


@router.post("/users", status_code=201, response_model=UserRead, dependencies=[AddressLimited])
async def register(body: UserCreate, services: ServicesDep) -> Any:
    # hashed before the transaction begins: it takes tens of milliseconds, and SQLite has one writer
    hashed = await services.passwords.hash(body.password.get_secret_value())
    async with services.database.transaction() as session:
        return await service.register(session, email=body.email, name=body.name, password_hash=hashed)


@router.post("/login", response_model=Token, dependencies=[AddressLimited])
async def login(body: Login, services: ServicesDep, address: AddressGroup) -> Any:
    password = body.password.get_secret_value()
    async with limited_failures(services, body.email, address), services.database.read() as connection:
        user_id = await service.authenticate(connection, services.passwords, email=body.email, password=password)
    async with services.database.transaction() as session:
        refresh_token = await begin_family(session, user_id)
    return services.tokens.answer(user_id, refresh_token)


@router.get("/users/me", response_model=UserRead)
async def read_me(connection: ReadDep, user_id: UserId) -> Any:
    return await service.read_user(connection, user_id)


@router.patch("/users/me", response_model=UserRead)
async def change_me(body: UserChange, session: SessionDep, user_id: UserId) -> Any:
    return await service.change_user(session, user_id, body.model_dump(exclude_unset=True))


@router.post("/users/me/password", status_code=204, response_class=Response)
async def change_password(
    body: PasswordChange, services: ServicesDep, user_id: SignedInId, address: AddressGroup
) -> None:
    old, new = body.old_password.get_secret_value(), body.new_password.get_secret_value()
    async with limited_failures(services, str(user_id), address), services.database.read() as connection:
        known = await service.check_password(connection, services.passwords, user_id, old)
    hashed = await services.passwords.hash(new)
    async with services.database.transaction() as session:
        await service.change_password(session, user_id, known=known, hashed=hashed)
        await end_all_families(session, user_id)
        await end_all_browsers(session, user_id)


@contextlib.asynccontextmanager
async def limited_failures(services: Services, account: str, address: str) -> AsyncIterator[None]:
    """Count a wrong password; after too many, no more are looked at.

    Who guesses from elsewhere does not lock the owner out, unless they come from many places.

    Raises:
        Problem: there were too many.
    """
    limits = services.limits
    counted = ((limits.account, f"{account} {address}"), (limits.account_everywhere, account))
    for limit, subject in counted:
        await services.limiter.check(limit, subject)
    try:
        yield
    except Problem:
        for limit, subject in counted:
            await services.limiter.hit(limit, subject)
        raise
