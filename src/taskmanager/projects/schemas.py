"""What clients send and see of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from taskmanager.paging import PublicId
from taskmanager.text import Line, Prose

Name = Annotated[Line, Field(max_length=120)]
Description = Annotated[Prose, Field(max_length=10_000)]


class ProjectCreate(BaseModel):
    """A new project."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Description = ""


class ProjectChange(BaseModel):
    """What is to change; a field that is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    description: Description = ""


class ProjectRead(BaseModel):
    """A project."""

    id: PublicId
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
