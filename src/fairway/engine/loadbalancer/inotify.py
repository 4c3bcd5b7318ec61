"""How many more files Envoy may watch: each is an inotify instance, and a user has 128 of them by default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/proc/sys/fs/inotify/max_user_instances")


def instances_left() -> int | None:
    """Instances that this user may still make, as far as /proc tells; None: it tells nothing."""
    try:
        limit = int(_LIMIT.read_text())
    except (OSError, ValueError):
        return None
    return limit - sum(_instances(process) for process in Path("/proc").iterdir() if process.name.isdigit())


def _instances(process: Path) -> int:
    try:
        if process.stat().st_uid != os.geteuid():
            return 0
        return sum(_target(descriptor) == "anon_inode:inotify" for descriptor in (process / "fd").iterdir())
    except OSError:
        return 0  # it ended meanwhile, or is not ours to look into


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""
