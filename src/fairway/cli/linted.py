"""Refuses a project in which lint finds errors, before anything of it is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairway.cli.command import command
from fairway.errors import UsageError
from fairway.lint.project import errors_of

if TYPE_CHECKING:
    from fairway.project.model import Project


def refuse_errors(project: Project) -> None:
    """Look for errors in the project's environment.

    Raises:
        UsageError: names each of them.
    """
    errors = errors_of(project)
    if not errors:
        return
    name = project.environment.name
    count = f"{len(errors)} error" + ("" if len(errors) == 1 else "s")
    lines = "".join(f"\n  {item.place}: {item.code}: {item.message}\n    → {item.remedy}" for item in errors)
    raise UsageError(
        f"lint finds {count} in {name}, and nothing was changed:{lines}",
        hint=f"mend them, or ignore one with its reason; {command('lint', name)} tells more",
    )
