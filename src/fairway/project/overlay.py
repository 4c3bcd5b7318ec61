"""Merges an environment's overrides over a definition, and puts values into its text.

Objects merge by key. Containers, environment variables and secrets merge by name. Every other list is replaced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import place_of_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

BY_NAME: Final = frozenset({"containerDefinitions", "environment", "secrets"})
"""Lists whose items merge by their name."""
OF_THE_CONTAINER: Final = frozenset(
    {
        *("HOSTNAME", "PATH", "HOME", "PWD", "OLDPWD", "USER", "LOGNAME", "SHELL"),
        *(
            "ECS_CONTAINER_METADATA_URI",
            "ECS_CONTAINER_METADATA_URI_V4",
            "ECS_CONTAINER_METADATA_FILE",
            "ECS_AGENT_URI",
        ),
        *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        *("AWS_EXECUTION_ENV", "AWS_REGION", "AWS_DEFAULT_REGION"),
    }
)
"""Variables that a container has without anybody setting them, and the process that runs Fairway mostly has as well.

Source: ECS Developer Guide, "Amazon ECS task metadata endpoint version 4", "Amazon ECS task IAM role", "Amazon ECS environment
variables"; the others are the shell's.
"""
_COMMANDS: Final = frozenset({"command", "entryPoint"})
"""Members whose words a shell in the container may read: of a container, its health check, an override."""
_VARIABLE: Final = re.compile(r"(?P<escape>\$?)\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
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


def substitute(
    document: Any,
    variables: Mapping[str, str],
    files: Sequence[Path],
    *,
    own: Collection[str] | None = None,
    is_command: bool = False,
) -> Any:
    """The document with each `${NAME}` replaced; `$${NAME}` stands for the text `${NAME}`.

    In a command, what a container has by itself (`OF_THE_CONTAINER`) is replaced only where the project gives it a value of its
    own: that of this process would be the name, the path or the region of the machine that deploys.

    `own`: the names that the project itself sets; None: all of `variables`.

    Raises:
        UsageError: a variable is not set, or is meant for the container's shell; it stands in one of `files`, whose line is named.
    """

    def value_of(match: re.Match[str]) -> str:
        name, written = match["name"], match.group()
        if match["escape"]:
            return written[1:]
        if is_command and name in OF_THE_CONTAINER and name not in (variables if own is None else own):
            raise UsageError(
                f"{place_of_text(files, written)}: {written} in a command is meant for the container's shell, and would be put in here",
                hint=f"write ${name} (or ${written}, which stands for {written}); a value of yours goes under [variables] of the environment",
            )
        if name not in variables:
            raise UsageError(
                f"{place_of_text(files, written)}: {written} is not set",
                hint=f"export {name}=… , or set it under [variables] of the environment",
            )
        return variables[name]

    match document:
        case str():
            return _VARIABLE.sub(value_of, document)
        case list():
            return [substitute(item, variables, files, own=own, is_command=is_command) for item in document]
        case dict():
            return {
                key: substitute(item, variables, files, own=own, is_command=is_command or key in _COMMANDS)
                for key, item in document.items()
            }
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
