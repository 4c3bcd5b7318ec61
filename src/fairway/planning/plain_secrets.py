"""Takes what may be a secret out of a task definition: `${NAME}` stands in its place, and the value is written nowhere. Pure.

Looked at is where people put values: variables, commands, health commands, options of log drivers, labels. What may be a secret
is told as everywhere (`fairway.masking`): by the name, or by how the value looks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_WORD: Final = re.compile(r"[^A-Z0-9]+")
_VARIABLE: Final = re.compile(r"\$\{\w+\}")
_TABLES: Final = ("dockerLabels",)
_COMMANDS: Final = ("command", "entryPoint")


class PlainSecrets:
    """Collects the variables of one project: the same value under the same name is one variable."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        """Variable -> value. Never to be written or shown."""
        self.places: dict[str, str] = {}
        """Variable -> where its value stood."""

    def without(self, definition: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The task definition of the service `key`, with variables for values."""
        containers = [self._container(item, key) for item in definition.get("containerDefinitions", ())]
        return {**definition, "containerDefinitions": containers}

    def _container(self, container: Mapping[str, Any], key: str) -> dict[str, Any]:
        made, where = dict(container), f"{key}, container {container.get('name', '?')}"
        if "environment" in made:
            made["environment"] = [self._variable(item, key, where) for item in made["environment"]]
        for member in _TABLES:
            if member in made:
                made[member] = self._table(made[member], key, f"{where}, {member}")
        for member in _COMMANDS:
            if member in made:
                made[member] = self._command(made[member], key, f"{where}, {member}")
        health = made.get("healthCheck")
        if health and "command" in health:
            words = self._command(health["command"], key, f"{where}, healthCheck")
            made["healthCheck"] = {**health, "command": words}
        log = made.get("logConfiguration")
        if log and "options" in log:
            made["logConfiguration"] = {**log, "options": self._table(log["options"], key, f"{where}, log options")}
        return made

    def _variable(self, item: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
        name, value = str(item.get("name", "")), item.get("value", "")
        if _is_plain(value, masked(value, name)):
            return dict(item)
        return {**item, "value": self._taken(name, str(value), key, f"{where}, {name}")}

    def _table(self, table: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
        return {
            name: value
            if _is_plain(value, masked(value, name))
            else self._taken(name, str(value), key, f"{where}, {name}")
            for name, value in table.items()
        }

    def _command(self, words: list[Any], key: str, where: str) -> list[Any]:
        return [
            word if _is_plain(word, safe) else self._taken(f"{key} command", str(word), key, f"{where}, word {number}")
            for number, (word, safe) in enumerate(zip(words, masked(words), strict=True), 1)
        ]

    def _taken(self, name: str, value: str, key: str, where: str) -> str:
        """`${NAME}`; another name, where this one already has another value."""
        base = variable_name(name)
        candidates = [base, variable_name(f"{key} {name}")]
        candidates += [f"{candidates[-1]}_{number}" for number in range(2, len(self.values) + 3)]
        chosen = next(one for one in candidates if self.values.get(one, value) == value)
        self.values[chosen] = value
        self.places.setdefault(chosen, where)
        return f"${{{chosen}}}"


def _is_plain(value: Any, safe: Any) -> bool:
    """It may be written: no secret, or already a variable."""
    return not value or safe == value or (isinstance(value, str) and _VARIABLE.fullmatch(value) is not None)


def variable_name(text: str) -> str:
    """`splunk-token` -> `SPLUNK_TOKEN`: a name that a shell takes."""
    name = _NO_WORD.sub("_", text.upper()).strip("_") or "VALUE"
    return f"_{name}" if name[0].isdigit() else name
