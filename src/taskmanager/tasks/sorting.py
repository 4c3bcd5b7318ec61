"""In which order tasks are listed, and where in it a page begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam

from taskmanager.paging import BY_ID, decode_place, encode_cursor, invalid_cursor
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import BindParameter, ColumnElement, UnaryExpression


@dataclass(frozen=True, slots=True)
class Sort:
    """An order: by one column, and by the id where it is equal, both in one direction, as an index has them."""

    name: str
    column: Any
    parse: Callable[[str], Any]
    write: Callable[[Any], str]

    @property
    def is_descending(self) -> bool:
        return self.name.startswith("-")

    @property
    def order(self) -> tuple[UnaryExpression[Any], ...]:
        columns = (Task.id,) if self.column is Task.id else (self.column, Task.id)
        return tuple(column.desc() if self.is_descending else column.asc() for column in columns)

    def ranges(self, *, goes_on: bool) -> tuple[tuple[ColumnElement[bool], ...], ...]:
        """The ranges of an index in which the rows behind a place are, one after the other; all of it without a place.

        By another column than the id these are the rest of the rows that are equal there, and those beyond. Said in one
        condition, neither database would begin in the middle of many equal ones.
        """
        if not goes_on:
            return ((),)
        last_id: BindParameter[Any] = bindparam("after_id")
        value: BindParameter[Any] = bindparam("after_value")
        behind = Task.id < last_id if self.is_descending else Task.id > last_id
        if self.column is Task.id:
            return ((behind,),)
        beyond = self.column < value if self.is_descending else self.column > value
        return ((self.column == value, behind), (beyond,))

    def place(self, cursor: str | None) -> dict[str, Any]:
        """The parameters of the ranges.

        Raises:
            Problem: we did not give this cursor out, or in another order.
        """
        if cursor is None:
            return {}
        last_id, text = decode_place(cursor, self.name)
        if self.column is Task.id:
            return {"after_id": last_id}
        try:
            return {"after_id": last_id, "after_value": self.parse(text)}
        except ValueError:
            raise invalid_cursor() from None

    def cursor_of(self, row: Mapping[str, Any]) -> str:
        """The place behind this row, which has the column as `sort_value`."""
        value = "" if self.column is Task.id else self.write(row["sort_value"])
        return encode_cursor(row["id"], self.name, value)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


_COLUMNS: Final[tuple[tuple[str, Any, Callable[[str], Any], Callable[[Any], str]], ...]] = (
    ("id", Task.id, int, str),
    ("due", Task.due_sort, _moment, datetime.isoformat),
    ("priority", Task.priority, int, str),
    ("updated", Task.updated_at, _moment, datetime.isoformat),
)
SORTS: Final[Mapping[str, Sort]] = {
    sign + name: Sort(sign + name, column, parse, write)
    for name, column, parse, write in _COLUMNS
    for sign in ("", "-")
}
DEFAULT: Final = SORTS[BY_ID]
