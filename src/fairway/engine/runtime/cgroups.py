"""Memory control groups, where this machine lets us have them: version 2, else version 1, else none.

A container whose group cannot be made has its limit held by its shim, which looks at the resident memory each second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import sleep

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE_SECONDS: Final = 5.0
_REMOVE_TRIES: Final = 50
_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_MOUNTS: Final = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Group:
    """The group of one container."""

    folder: Path
    version: int

    @property
    def procs(self) -> Path:
        return self.folder / "cgroup.procs"

    def files(self) -> dict[str, str]:
        """Where a shim reads what the group uses, and how often the kernel had to kill in it."""
        names = (
            ("memory.current", "inactive_file", "memory.events")
            if self.version == 2  # noqa: PLR2004 - the version of cgroups
            else ("memory.usage_in_bytes", "total_inactive_file", "memory.oom_control")
        )
        return {
            "usage": str(self.folder / names[0]),
            "stat": str(self.folder / "memory.stat"),
            "cache": names[1],
            "events": str(self.folder / names[2]),
        }


class ControlGroups:
    """The groups of one engine's containers, below one group of its own. The calls block: use a thread."""

    def __init__(self, owner: Path) -> None:
        self._name = "fairway-" + sha256(str(owner).encode()).hexdigest()[:12]
        self._base: Path | None = None
        self._version = 0

    def open(self) -> None:
        """Find a place where groups can be made."""
        for version, parent in _candidates():
            base = parent / self._name
            with contextlib.suppress(OSError):
                if version == 2:  # noqa: PLR2004
                    _delegate(parent)
                base.mkdir(exist_ok=True)
                if version == 2:  # noqa: PLR2004
                    _delegate(base)
                self._base, self._version = base, version
                if self._works():
                    return
            with contextlib.suppress(OSError):
                base.rmdir()
        self._base = None

    def create(self, name: str, limit_bytes: int) -> Group | None:
        """A group with a hard limit; None: there can be none."""
        if self._base is None:
            return None
        group = Group(self._base / name, self._version)
        try:
            group.folder.mkdir(exist_ok=True)
            if self._version == 2:  # noqa: PLR2004
                _write(group.folder / "memory.max", limit_bytes)
                _write_if_there(group.folder / "memory.swap.max", 0)
            else:
                _write(group.folder / "memory.limit_in_bytes", limit_bytes)
                _write_if_there(group.folder / "memory.memsw.limit_in_bytes", limit_bytes)
        except OSError:
            remove_group(group.folder)
            return None
        return group

    def close(self) -> None:
        """Remove our own group and those in it: nothing runs any more."""
        if self._base is None:
            return
        with contextlib.suppress(OSError):
            for entry in self._base.iterdir():
                if entry.is_dir():
                    remove_group(entry)
            self._base.rmdir()

    def _works(self) -> bool:
        """A process can really be put into a group with a limit."""
        group = self.create("probe", 64 * 1024 * 1024)
        if group is None:
            return False
        try:
            command = ["/bin/sh", "-c", 'echo 0 > "$1"', "sh", str(group.procs)]
            ended = subprocess.run(command, check=False, capture_output=True, timeout=_PROBE_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return False
        finally:
            remove_group(group.folder)
        return ended.returncode == 0


def members(folder: Path) -> list[int]:
    """The processes in a group."""
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text(encoding="ascii").split()]
    except OSError:
        return []


def remove_group(folder: Path) -> None:
    """Kill what is left in a group, and remove it. Blocks until that is so."""
    for _ in range(_REMOVE_TRIES):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            for pid in members(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            sleep(0.02)
        else:
            return


def _candidates() -> Iterator[tuple[int, Path]]:
    own = dict(_own_groups())
    for kind, _, root, mount in _mounts():
        if kind == "cgroup2":
            yield 2, mount
            yield 2, _below(mount, root, own.get("", "/")).parent
    for kind, options, root, mount in _mounts():
        if kind == "cgroup" and "memory" in options:
            here = _below(mount, root, own.get("memory", "/"))
            yield 1, here if here.is_dir() else mount


def _below(mount: Path, root: str, path: str) -> Path:
    return mount / path.removeprefix(root).lstrip("/")


def _own_groups() -> Iterator[tuple[str, str]]:
    for line in _lines(_OWN_GROUPS):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _mounts() -> Iterator[tuple[str, list[str], str, Path]]:
    """File system, options, root and place of each mount of control groups."""
    for line in _lines(_MOUNTS):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if kind[0] in {"cgroup", "cgroup2"}:
            yield kind[0], kind[2].split(","), fields[3], Path(fields[4])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _delegate(folder: Path) -> None:
    """Let the groups below have a memory limit.

    Raises:
        OSError: it cannot be.
    """
    if "memory" not in (folder / "cgroup.subtree_control").read_text(encoding="ascii").split():
        _write(folder / "cgroup.subtree_control", "+memory")


def _write(path: Path, value: Any) -> None:
    path.write_text(str(value), encoding="ascii")


def _write_if_there(path: Path, value: Any) -> None:
    with contextlib.suppress(OSError):
        _write(path, value)
