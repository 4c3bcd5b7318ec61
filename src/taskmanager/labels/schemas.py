"""What clients send and see of labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from taskmanager.paging import PublicId
from taskmanager.text import Line

Name = Annotated[Line, Field(max_length=64)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
"""Of CSS, in small letters: #1f77b4."""


class LabelCreate(BaseModel):
    """A new label."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    colour: Colour = "#808080"


class LabelChange(BaseModel):
    """What is to change; a field that is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    colour: Colour = ""


class LabelRead(BaseModel):
    """A label."""

    id: PublicId
    project_id: PublicId
    name: str
    colour: str
