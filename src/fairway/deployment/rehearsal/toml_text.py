"""Writes TOML: what a rehearsal's own project file is made of. Pure."""

from __future__ import annotations

import json
from typing import Any


def toml(document: dict[str, Any]) -> str:
    """The document, each table of the first level under its own head; `tomllib` reads the same back.

    Raises:
        TypeError: a value that TOML has not, such as None.
    """
    plain = [f"{_key(name)} = {_value(value)}" for name, value in document.items() if not isinstance(value, dict)]
    tables = []
    for name, table in document.items():
        if isinstance(table, dict):
            tables += ["", f"[{_key(name)}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]
    return "\n".join([*plain, *tables]) + "\n"


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            # JSON's strings are TOML's, but for DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")
