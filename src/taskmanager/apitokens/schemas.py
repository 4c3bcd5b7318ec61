"""What clients send and see of API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from taskmanager.paging import PublicId
from taskmanager.text import Line

Scope = Literal["read", "write"]


class TokenCreate(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Line, Field(max_length=120)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=2)] = ["read"]
    expires_in_days: Annotated[int, Field(ge=1, le=366)] = 90


class TokenRead(BaseModel):
    """A token, without what would let anybody use it."""

    id: PublicId
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime


class TokenMade(TokenRead):
    """A token that was just made: shown this once."""

    token: str
