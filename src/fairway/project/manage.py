"""Which part of a service belongs to Fairway: all of it, or only the revisions that it runs (Terraform has the rest)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SERVICE: Final = "service"
"""Revisions are registered, and the service is created and updated as its definition says."""
TASK_DEFINITION: Final = "task-definition"
"""Only revisions change: UpdateService sends the task definition alone, and nothing is created."""
CHOICES: Final = (SERVICE, TASK_DEFINITION)

Said = tuple["Mapping[str, Any]", "Path", tuple[str, ...]]
"""A table that may say `manage`, the file that it stands in, and its keys there."""


def chosen_manage(said: Sequence[Said], *, has_service: bool) -> str:
    """The first that is said; by default `service` where a service definition is named, else `task-definition`.

    Raises:
        UsageError: no such choice; `service` without a service definition.
    """
    for table, path, keys in said:
        choice = table.get("manage")
        if choice is None:
            continue
        where = place(path, *keys, "manage")
        if choice not in CHOICES:
            raise UsageError(f"{where}: manage is {choice!r}", hint=did_you_mean(str(choice), CHOICES))
        if choice == SERVICE and not has_service and len(keys) > 1:
            raise UsageError(
                f'{where}: manage = "{SERVICE}", but no service definition is named',
                hint=f'add service = "…" beside it, or take manage = "{TASK_DEFINITION}"',
            )
        return str(choice) if has_service else TASK_DEFINITION
    return SERVICE if has_service else TASK_DEFINITION
