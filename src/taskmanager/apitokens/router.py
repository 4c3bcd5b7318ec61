"""API tokens over HTTP: managed by somebody who signed in, never by a token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.apitokens import service
from taskmanager.apitokens.schemas import TokenCreate, TokenMade, TokenRead
from taskmanager.deps import ReadDep, SessionDep, SignedInId
from taskmanager.paging import Page, PublicId

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.post("", status_code=201, response_model=TokenMade)
async def create_token(body: TokenCreate, session: SessionDep, user_id: SignedInId) -> Any:
    return await service.create_token(session, user_id, **body.model_dump())


@router.get("", response_model=Page[TokenRead])
async def list_tokens(connection: ReadDep, user_id: SignedInId) -> Any:
    return {"results": await service.list_tokens(connection, user_id), "next_cursor": None}


@router.delete("/{token_id}", status_code=204, response_class=Response)
async def delete_token(token_id: PublicId, session: SessionDep, user_id: SignedInId) -> None:
    await service.delete_token(session, user_id, token_id)
