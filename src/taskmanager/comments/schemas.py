"""What clients send and see of comments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from taskmanager.paging import PublicId
from taskmanager.text import Prose

Body = Annotated[Prose, StringConstraints(strip_whitespace=True), Field(min_length=1, max_length=10_000)]


class CommentWrite(BaseModel):
    """A comment, new or changed."""

    model_config = ConfigDict(extra="forbid")

    body: Body


class CommentRead(BaseModel):
    """A comment."""

    id: PublicId
    task_id: PublicId
    author_id: PublicId
    author_name: str
    body: str
    created_at: datetime
    updated_at: datetime
