"""An export as text, in pieces that follow each other: each piece is written by itself, and all together are one file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Format = Literal["json", "csv"]
MEDIA_TYPES: Final[dict[str, str]] = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
COLUMNS: Final = (
    *("id", "title", "description", "status", "priority", "due_at", "created_at", "updated_at"),
    # new ones come last: somebody may count columns
    *("due_on", "reference", "assignee_id", "parent_id", "label_ids"),
)
_INTERNAL: Final = frozenset({"project_key", "sort_value", "is_shared"})
"""What a list reads beside the task."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula, or cuts off before it does (OWASP, "CSV Injection")."""


def head(form: str, project: Mapping[str, Any]) -> str:
    """What comes before the first task."""
    if form == "csv":
        return _rows([COLUMNS])
    document = orjson.dumps({"project": project}).decode()
    return f'{document[:-1]},"tasks":['


def piece(form: str, tasks: Sequence[Mapping[str, Any]], *, first: bool) -> str:
    """Some tasks; `first`: none came before."""
    if form == "csv":
        return _rows([[_cell(shown[name]) for name in COLUMNS] for shown in map(_shown, tasks)])
    # the brackets off: the pieces are one list
    text = orjson.dumps([_shown(task) for task in tasks], option=orjson.OPT_UTC_Z).decode()[1:-1]
    return text if first or not text else f",{text}"


def tail(form: str) -> str:
    """What comes after the last task."""
    return "" if form == "csv" else "]}"


def defused(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).replace("+00:00", "Z")
    return defused(value) if isinstance(value, str) else str(value)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    """The task as the API shows it; `reference` is None in a row of a release before references."""
    shown = {name: _as_text(name, value) for name, value in task.items() if name not in _INTERNAL}
    key, number = task.get("project_key"), task.get("number")
    shown["reference"] = None if key is None or number is None else f"{key}-{number}"
    return shown


def _as_text(name: str, value: Any) -> Any:
    # an id is a text: JavaScript has no whole numbers of 64 bits
    if name == "label_ids":
        return [str(label_id) for label_id in value or ()]
    return str(value) if value is not None and (name == "id" or name.endswith("_id")) else value
