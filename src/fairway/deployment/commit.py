"""The commit that a project's folder stands at."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS: Final = 10
_CHANGED: Final = "+changes"
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")


def commit_of(folder: Path) -> str | None:
    """Such as `3f2a…` or `3f2a…+changes`; None: no repository, or no git."""
    commit = _ask(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    changed = _ask(folder, "status", "--porcelain", "--untracked-files=no", ".")
    return f"{commit}{_CHANGED}" if changed else commit


def added_since(folder: Path, commit: str, below: Path) -> set[Path] | None:
    """Files below a folder that were added since a commit, in the index or not; None: git does not know the commit."""
    clean = commit.removesuffix(_CHANGED)
    if not _COMMIT.fullmatch(clean):
        return None
    top = _ask(folder, "rev-parse", "--show-toplevel")
    committed = _ask(folder, "diff", "--name-only", "--diff-filter=A", clean, "--", str(below))
    untracked = _ask(folder, "ls-files", "--others", "--exclude-standard", "--full-name", "--", str(below))
    if top is None or committed is None or untracked is None:
        return None
    return {(Path(top) / name).resolve() for name in (*committed.splitlines(), *untracked.splitlines())}


def has_changed(folder: Path, revision: str, patterns: Sequence[str]) -> bool | None:
    """A file that matches one of the glob patterns (from `folder`) differs from a git revision; None: git does not know it."""
    if revision.startswith("-") or _ask(folder, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        return None
    specs = [f":(glob){pattern}" for pattern in patterns]
    changed = _ask(folder, "diff", "--name-only", revision, "--", *specs)
    untracked = _ask(folder, "ls-files", "--others", "--exclude-standard", "--", *specs)
    return None if changed is None or untracked is None else bool(changed or untracked)


def _ask(folder: Path, *words: str) -> str | None:
    """What git says; None: there is none, or it refuses."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(folder), *words], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
