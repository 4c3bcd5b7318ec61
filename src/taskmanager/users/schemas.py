"""What clients send and see of users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from taskmanager.paging import PublicId
from taskmanager.text import Line, Secret
from taskmanager.users.zones import zone_named

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f]+$"
    ),
    AfterValidator(str.lower),
]


def _known_zone(name: str) -> str:
    if zone_named(name) is None:
        raise ValueError("there is no such time zone; write one of the IANA's, such as Europe/Berlin")
    return name


DisplayName = Annotated[Line, Field(max_length=120)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]
Password = Annotated[Secret, Field(min_length=10, max_length=256)]


class UserCreate(BaseModel):
    """Somebody who registers."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    name: DisplayName
    password: Password


class UserRead(BaseModel):
    """A user, as the user sees it."""

    id: PublicId
    email: str
    name: str
    created_at: datetime
    time_zone: str


class Login(BaseModel):
    """Who signs in."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    password: Annotated[Secret, Field(max_length=256)]


class Token(BaseModel):
    """What a client sends as `Authorization: Bearer …` until it expires."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105  # the name of a scheme
    expires_in: int
    """Seconds."""
    refresh_token: str
    """For POST /auth/refresh, once."""


class UserChange(BaseModel):
    """What is to change; a field that is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: DisplayName = ""
    time_zone: Zone = ""


class PasswordChange(BaseModel):
    """Another password; whoever knows the old one may set it."""

    model_config = ConfigDict(extra="forbid")

    old_password: Annotated[Secret, Field(max_length=256)]
    new_password: Password
