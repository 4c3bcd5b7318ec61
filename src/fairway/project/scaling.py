"""The bounds between which a service is scaled: what RegisterScalableTarget takes, without what says which service.

    {"MinCapacity": 5, "MaxCapacity": 20}

Policies and schedules of scaling are no part of it: they belong to whoever made them.
Source: Application Auto Scaling API Reference, RegisterScalableTarget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BOUNDS: Final = ("MinCapacity", "MaxCapacity")
_OURS: Final = frozenset({"ServiceNamespace", "ResourceId", "ScalableDimension"})
_KNOWN: Final = {*BOUNDS, "SuspendedState", "RoleARN"}


def check_scaling(document: Mapping[str, Any], path: Path) -> None:
    """Refuse what is surely a mistake.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    for name in document:
        if name in _OURS:
            raise UsageError(f"{place(path, name)}: {name} is said by fairway.toml", hint=f"take {name} out")
        if name not in _KNOWN:
            raise UsageError(
                f"{place(path, name)}: {name} is nothing that is applied here", hint=did_you_mean(name, _KNOWN)
            )
    for name in BOUNDS:
        value = document.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise UsageError(f"{place(path, name)}: {name} is {value!r}", hint=f"{name} is a whole number, 0 or more")
    if document["MinCapacity"] > document["MaxCapacity"]:
        raise UsageError(
            f"{place(path, 'MinCapacity')}: MinCapacity {document['MinCapacity']} is more than MaxCapacity "
            f"{document['MaxCapacity']}",
            hint="exchange them",
        )
