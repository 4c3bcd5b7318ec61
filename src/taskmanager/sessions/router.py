"""Refreshing and signing out."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Response

from taskmanager.deps import AddressLimited, ClientName, ServicesDep, SessionDep
from taskmanager.problems import Problem
from taskmanager.sessions import service
from taskmanager.sessions.rotation import Verdict
from taskmanager.sessions.schemas import Refresh
from taskmanager.users.schemas import Token

router = APIRouter(prefix="/auth", tags=["auth"])
log = structlog.stdlib.get_logger(__name__)


@router.post("/refresh", response_model=Token, dependencies=[AddressLimited])
async def refresh(body: Refresh, services: ServicesDep, client: ClientName) -> Any:
    async with services.database.transaction() as session:
        verdict, user_id, token = await service.refresh(session, body.refresh_token.get_secret_value(), client)
    if verdict is Verdict.REUSED:
        log.warning("a refresh token was used twice: its family ends")
        raise Problem(401, "refresh-token-reused", "the refresh token was used before; sign in again")
    if verdict is Verdict.ENDED:
        raise Problem(401, "refresh-token-invalid", "the refresh token is not valid (any more); sign in again")
    return services.tokens.answer(user_id, token)


@router.post("/logout", status_code=204, response_class=Response)
async def logout(body: Refresh, session: SessionDep) -> None:
    await service.end_family(session, body.refresh_token.get_secret_value())
