"""The shapes of tables in the project file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_IGNORE_KEYS: Final = {"code", "path", "environment", "reason"}


def check_keys(table: Mapping[str, Any], known: set[str], path: Path, *keys: str) -> None:
    """Refuse a key that is not known.

    Raises:
        UsageError: names it, and what may have been meant.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{place(path, *keys)}: {'.'.join(keys)} must be a table")
    for key in table:
        if key not in known:
            where = ".".join((*keys, key))
            raise UsageError(f"{place(path, *keys, key)}: unknown key {where}", hint=did_you_mean(key, known))


def table_of(document: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"{place(path, key)}: {key} must be a table")
    return table


def check_lint(document: Mapping[str, Any], path: Path) -> None:
    """The shape of `[lint]`; what its codes and reasons are worth, lint itself says."""
    table = table_of(document, "lint", path)
    check_keys(table, {"ignore"}, path, "lint")
    ignores = table.get("ignore", [])
    if not isinstance(ignores, list):
        raise UsageError(
            f"{place(path, 'lint', 'ignore')}: lint.ignore must be a list of tables",
            hint='ignore = [{ code = "CODE", path = "deploy/*.json", reason = "why" }]',
        )
    for item in ignores:
        check_keys(item, _IGNORE_KEYS, path, "lint", "ignore")
        for key, value in item.items():
            if not isinstance(value, str):
                raise UsageError(f"{place(path, 'lint', 'ignore', key)}: {key} must be a string", hint=f'{key} = "…"')
