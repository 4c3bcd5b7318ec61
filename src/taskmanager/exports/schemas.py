"""What clients see of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

from taskmanager.exports.formats import Format
from taskmanager.paging import PublicId

WantedFormat = Annotated[
    Format, Query(description="csv is for spreadsheets: a text that looks like a formula is quoted")
]
LinkToken = Annotated[
    str | None, Query(max_length=64, description="Of content_url; opens this export without signing in")
]


class ExportRead(BaseModel):
    """An export, and how far it is."""

    id: PublicId
    project_id: PublicId
    format: Format
    state: Literal["queued", "written", "expired", "failed"]
    """failed: it was given up; unless an operator has it tried again, ask for a new one."""
    requested_at: datetime
    expires_at: datetime
    """From then on its content is gone."""
    written_at: datetime | None
    written_by: str | None
    task_count: int | None
    content_url: str | None
    """Opens the content without signing in, for an hour; null while there is none."""
