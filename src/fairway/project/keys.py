"""Takes values out of a table of a TOML file, each checked, and named with file, line and key when it is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


class Keys:
    """A table, and where it stands."""

    def __init__(self, table: Any, path: Path, *keys: str, known: Collection[str]) -> None:
        self.path = path
        self.keys = keys
        if not isinstance(table, dict):
            raise self.wrong("", f"{'.'.join(keys)} is {_shown(table)}", "write a table: { key = value }")
        self._table: Mapping[str, Any] = table
        for key in table:
            if key not in known:
                raise self.wrong(key, f"unknown key {'.'.join((*keys, key))}", did_you_mean(key, known))

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def wrong(self, key: str, what: str, remedy: str) -> UsageError:
        """The error of a key, which names its place."""
        words = (*self.keys, key) if key else self.keys
        return UsageError(f"{place(self.path, *words)}: {what}", hint=remedy)

    def _refuse(self, key: str, remedy: str) -> UsageError:
        return self.wrong(key, f"{'.'.join((*self.keys, key))} is {_shown(self._table[key])}", remedy)

    def any(self, key: str) -> Any:
        return self._table.get(key)

    def text(self, key: str, default: str = "") -> str:
        """A string that is not empty."""
        value = self._table.get(key, default)
        if key in self._table and (not isinstance(value, str) or not value):
            raise self._refuse(key, f'write a string: {key} = "…"')
        return str(value)

    def choice(self, key: str, known: Collection[str], default: str) -> str:
        value = self.text(key, default)
        if value not in known:
            raise self._refuse(key, did_you_mean(value, known))
        return value

    def flag(self, key: str) -> bool:
        value = self._table.get(key, False)
        if not isinstance(value, bool):
            raise self._refuse(key, f"write {key} = true or {key} = false")
        return value

    def number(self, key: str, *, low: float, high: float) -> float | None:
        """A number in a range; None: it is not there."""
        value = self._table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._refuse(key, f"write a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, key: str, *, low: int, high: int) -> int | None:
        """A whole number in a range; None: it is not there."""
        value = self.number(key, low=low, high=high)
        if value is not None and value != int(value):
            raise self._refuse(key, f"write a whole number from {low} to {high}")
        return None if value is None else int(value)

    def numbers(self, key: str, *, low: int, high: int, default: tuple[int, ...]) -> tuple[int, ...]:
        """A whole number or a list of them."""
        value = self._table.get(key)
        if value is None:
            return default
        found = value if isinstance(value, list) else [value]
        if not found or not all(type(item) is int and low <= item <= high for item in found):
            raise self._refuse(key, f"write a whole number from {low} to {high}, or a list of them")
        return tuple(found)

    def strings(self, key: str) -> dict[str, str]:
        """A table of strings."""
        value = self._table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self._refuse(key, f'write a table of strings: {key} = {{ NAME = "…" }}')
        return dict(value)

    def tables(self, key: str) -> list[Any]:
        """A list of tables; what stands in each is checked by whoever reads it."""
        value = self._table.get(key, [])
        if not isinstance(value, list):
            raise self._refuse(key, f"write a list of tables: {key} = [{{ … }}]")
        return value


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:60]
