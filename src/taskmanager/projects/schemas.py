"""What clients send and see of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from taskmanager.access import Role
from taskmanager.paging import PublicId
from taskmanager.text import Line, Prose

Name = Annotated[Line, Field(max_length=120)]
Description = Annotated[Prose, Field(max_length=10_000)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
"""The OPS of OPS-142."""


class ProjectCreate(BaseModel):
    """A new project; without a key it gets one from its name."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Description = ""
    key: Key | None = None


class ProjectChange(BaseModel):
    """What is to change; a field that is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    description: Description = ""
    key: Key = ""
    archived: bool = False


class ProjectRead(BaseModel):
    """A project, as one of its members sees it."""

    id: PublicId
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    key: str
    archived_at: datetime | None
    owner_id: PublicId
    role: Role
    """What the one who asks is in it."""
