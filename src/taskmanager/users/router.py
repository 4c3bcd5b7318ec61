"""Registering, signing in, and who one is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from taskmanager.deps import ReadDep, ServicesDep, UserId
from taskmanager.users import service
from taskmanager.users.schemas import Login, Token, UserCreate, UserRead
from taskmanager.users.tokens import LIFETIME, unauthorised

router = APIRouter(tags=["users"])


@router.post("/users", status_code=201, response_model=UserRead)
async def register(body: UserCreate, services: ServicesDep) -> Any:
    # hashed before the transaction begins: it takes tens of milliseconds, and SQLite has one writer
    hashed = await services.passwords.hash(body.password.get_secret_value())
    async with services.database.transaction() as session:
        return await service.register(session, email=body.email, name=body.name, password_hash=hashed)


@router.post("/login")
async def login(body: Login, services: ServicesDep, connection: ReadDep) -> Token:
    user_id = await service.authenticate(
        connection, services.passwords, email=body.email, password=body.password.get_secret_value()
    )
    return Token(access_token=services.tokens.issue(user_id), expires_in=int(LIFETIME.total_seconds()))


@router.get("/users/me", response_model=UserRead)
async def read_me(connection: ReadDep, user_id: UserId) -> Any:
    user = await service.read_user(connection, user_id)
    if user is None:
        raise unauthorised("token-invalid", "the access token is not valid")
    return user
