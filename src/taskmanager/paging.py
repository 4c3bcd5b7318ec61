"""Lists by keyset: a page goes on after the last row of the one before, so that page 500 costs what page 1 does."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema
from sqlalchemy import Select

from taskmanager.db import Base
from taskmanager.problems import Problem

LARGEST_PAGE: Final = 200
BY_ID: Final = "-id"
"""The order of a list that nobody asked otherwise: newest first."""
_LARGEST_ID: Final = 2**63 - 1
_PREFIX: Final = "after"

PublicId = Annotated[int, Field(ge=1, le=_LARGEST_ID), PlainSerializer(str, return_type=str)]
"""An id as clients see it: a string, since JavaScript has no whole numbers of 64 bits, and nobody is to calculate with it."""
GivenId = Annotated[
    int, Field(ge=1, le=_LARGEST_ID), WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,18}$"})
]
"""The same in what a client sends."""

Item = TypeVar("Item", bound=BaseModel)
Row = TypeVar("Row", bound=Select[*tuple[Any, ...]])


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last."""

    results: list[Item]
    next_cursor: str | None


def encode_cursor(last_id: int, sort: str = BY_ID, value: str = "") -> str:
    """The place behind the row with this id; in another order than by id, its value there comes with it."""
    text = f"{_PREFIX}:{last_id}" if sort == BY_ID else f"{_PREFIX}:{last_id}:{sort}:{value}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> int:
    """The id before which the page begins (lists are newest first); without a cursor, that of the first page.

    Raises:
        Problem: it is none that we gave out.
    """
    return _LARGEST_ID if cursor is None else decode_place(cursor, BY_ID)[0]


def decode_place(cursor: str, sort: str) -> tuple[int, str]:
    """The id of the row behind which the page begins, and its value in the order of the list.

    Raises:
        Problem: it is none that we gave out, or was given out in another order.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        prefix, last_id, *rest = text.split(":", 3)
        number, (of_sort, value) = int(last_id), rest or (BY_ID, "")
    except (binascii.Error, ValueError):
        raise invalid_cursor() from None
    if prefix != _PREFIX or not 0 < number <= _LARGEST_ID or encode_cursor(number, of_sort, value) != cursor:
        raise invalid_cursor()
    if of_sort != sort:
        raise Problem(422, "invalid-cursor", f"cursor is of a list sorted by {of_sort}; begin without it")
    return number, value


def invalid_cursor() -> Problem:
    return Problem(422, "invalid-cursor", "cursor is none that this list gave out; begin without it")


def begin_in(query: Row, table: type[Base], index: str) -> Row:
    """The query, told which index its page begins in.

    MariaDB and MySQL would look up the equal part alone and read the index from its end, so that page 500 costs 500 pages;
    told so, they take the place where the page begins too. SQLite does by itself.
    """
    return query.with_hint(table, f"FORCE INDEX ({index})", "mysql")


def page_of(rows: list[dict[str, Any]], size: int) -> tuple[list[dict[str, Any]], str | None]:
    """The page and its next cursor, of rows that were read with one more than `size`."""
    if len(rows) <= size:
        return rows, None
    return rows[:size], encode_cursor(rows[size - 1]["id"])
