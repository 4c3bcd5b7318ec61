"""What clients send and see of refresh tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from taskmanager.text import Secret


class Refresh(BaseModel):
    """A refresh token, to be changed for new ones, or to be ended."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[Secret, Field(min_length=1, max_length=200)]
