"""What clients see of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from taskmanager.paging import PublicId


class ExportRead(BaseModel):
    """An export, and how far it is."""

    id: PublicId
    project_id: PublicId
    state: Literal["queued", "written"]
    requested_at: datetime
    written_at: datetime | None
    written_by: str | None
    task_count: int | None
