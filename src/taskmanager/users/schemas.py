"""What clients send and see of users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from taskmanager.paging import PublicId
from taskmanager.text import Line

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+$"
    ),
    AfterValidator(str.lower),
]
Password = Annotated[SecretStr, Field(min_length=10, max_length=256)]


class UserCreate(BaseModel):
    """Somebody who registers."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: Annotated[Line, Field(max_length=120)]
    password: Password


class UserRead(BaseModel):
    """A user, as the user sees it."""

    id: PublicId
    email: str
    name: str
    created_at: datetime


class Login(BaseModel):
    """Who signs in."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Annotated[SecretStr, Field(max_length=256)]


class Token(BaseModel):
    """What a client sends as `Authorization: Bearer …` until it expires."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme
    expires_in: int
    """Seconds."""
