"""Lists by keyset: a page goes on after the last row of the one before, so that page 500 costs what page 1 does."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, Field, PlainSerializer

from taskmanager.problems import Problem

LARGEST_PAGE: Final = 200
_LARGEST_ID: Final = 2**63 - 1
_PREFIX: Final = "after:"

PublicId = Annotated[int, Field(ge=1, le=_LARGEST_ID), PlainSerializer(str, return_type=str)]
"""An id as clients see it: a string, since JavaScript has no whole numbers of 64 bits, and nobody is to calculate with it."""

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last."""

    results: list[Item]
    next_cursor: str | None


def encode_cursor(last_id: int) -> str:
    return base64.urlsafe_b64encode(f"{_PREFIX}{last_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int:
    """The id before which the page begins (lists are newest first); without a cursor, that of the first page.

    Raises:
        Problem: it is none that we gave out.
    """
    if cursor is None:
        return _LARGEST_ID
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        number = int(text.removeprefix(_PREFIX))
    except (binascii.Error, ValueError):
        number = 0
    if not 0 < number <= _LARGEST_ID or encode_cursor(number) != cursor:
        raise Problem(422, "invalid-cursor", "cursor is none that this list gave out; begin without it")
    return number


def page_of(rows: list[dict[str, Any]], size: int) -> tuple[list[dict[str, Any]], str | None]:
    """The page and its next cursor, of rows that were read with one more than `size`."""
    if len(rows) <= size:
        return rows, None
    return rows[:size], encode_cursor(rows[size - 1]["id"])
