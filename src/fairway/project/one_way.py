"""Whether the migrations of a release can be undone: a marker in the Alembic revisions themselves.

    one_way: Final = True       at the top of a revision: the version before cannot run on what it leaves

A revision is read as text, never run: the checkout may be anybody's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairway.errors import UsageError
from fairway.project.text import unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Migration:
    """An Alembic revision."""

    path: Path
    revision: str
    down: tuple[str, ...] = ()
    one_way: bool = False


def read_migrations(folder: Path) -> list[Migration]:
    """The revisions of a `versions` folder, by file name.

    Raises:
        UsageError: there is no such folder, or a file is no Python.
    """
    if not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}", hint="`revisions` of the task names the folder of its Alembic revisions"
        )
    found = [_read(path) for path in sorted(folder.glob("*.py"))]
    return [migration for migration in found if migration is not None]


def _read(path: Path) -> Migration | None:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path}:{getattr(error, 'lineno', 1)}: not Python", hint="correct the revision") from None
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            values[node.target.id] = _constant(node.value)
        elif isinstance(node, ast.Assign):
            values |= {target.id: _constant(node.value) for target in node.targets if isinstance(target, ast.Name)}
    revision = values.get("revision")
    if not isinstance(revision, str):
        return None
    down = values.get("down_revision")
    downs = (down,) if isinstance(down, str) else tuple(str(item) for item in down or ())
    return Migration(path, revision, downs, values.get("one_way") is True)


def _constant(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def heads(migrations: Iterable[Migration]) -> list[Migration]:
    """The newest revisions: those that no other comes after. Pure."""
    found = list(migrations)
    older = {name for migration in found for name in migration.down}
    return [migration for migration in found if migration.revision not in older]


def one_way_of(migrations: Iterable[Migration], added: Collection[Path] | None) -> list[Migration]:
    """The one-way migrations that a release brings: among the files `added` since what is deployed; else the newest. Pure.

    `added` is None when nobody knows which commit is deployed.
    """
    found = list(migrations)
    candidates = heads(found) if added is None else [m for m in found if m.path.resolve() in added]
    return [migration for migration in candidates if migration.one_way]
