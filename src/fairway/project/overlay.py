"""Merges an environment's overrides over a definition, and puts values into its text.

Objects merge by key. Containers, environment variables and secrets merge by name. Every other list is replaced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import place_of_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BY_NAME: Final = frozenset({"containerDefinitions", "environment", "secrets"})
"""Lists whose items merge by their name."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TAG: Final = re.compile(r"\{\{\s*tag\s*\}\}")


def merge(base: Any, over: Any, key: str = "") -> Any:
    """`over` merged over `base`; neither is changed. A value of null in `over` takes the key away.

    Raises:
        UsageError: an item of a list that merges by name has none.
    """
    if isinstance(base, dict) and isinstance(over, dict):
        merged = dict(base)
        for name, value in over.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = merge(base[name], value, name) if name in base else value
        return merged
    if key in BY_NAME and isinstance(base, list) and isinstance(over, list):
        return _merge_by_name(base, over, key)
    return over


def _merge_by_name(base: list[Any], over: list[Any], key: str) -> list[Any]:
    for item in (*base, *over):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise UsageError(
                f"{key}: an item has no name, by which it could be merged", hint='give each one its "name"'
            )
    merged = {item["name"]: item for item in base}
    for item in over:
        name = item["name"]
        merged[name] = merge(merged[name], item) if name in merged else item
    return list(merged.values())


def substitute(document: Any, variables: Mapping[str, str], files: Sequence[Path]) -> Any:
    """The document with each `${NAME}` replaced.

    Raises:
        UsageError: a variable is not set; it stands in one of `files`, whose line is named.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in variables:
            raise UsageError(
                f"{place_of_text(files, match.group())}: ${{{name}}} is not set",
                hint=f"export {name}=… , or set it under [variables] of the environment",
            )
        return variables[name]

    match document:
        case str():
            return _VARIABLE.sub(value_of, document)
        case list():
            return [substitute(item, variables, files) for item in document]
        case dict():
            return {key: substitute(item, variables, files) for key, item in document.items()}
        case _:
            return document


def has_tag(text: str) -> bool:
    """`{{ tag }}` stands in the text."""
    return _TAG.search(text) is not None


def put_tag(document: Any, tag: str) -> Any:
    """The document with each `{{ tag }}` replaced."""
    match document:
        case str():
            return _TAG.sub(lambda _: tag, document)
        case list():
            return [put_tag(item, tag) for item in document]
        case dict():
            return {key: put_tag(item, tag) for key, item in document.items()}
        case _:
            return document
