"""The engine's data directory: whose it is, who holds it, and where things lie in it.

engine.lock     held by the living engine (flock); holds its process id and port
state.db        the state (SQLite)
metrics.db      what was measured (SQLite)
logs/           log streams, as segment files
runtime/        tasks' containers
images/         images
balancer/       the data plane's files
stores/         what stands for the workload's database and broker
engine.log      the engine's own log
made-folders    the folders that were missing when it was made: they go with it if nothing else is in them
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fairway.errors import UsageError

_PRIVATE: Final = 0o700
_SECRET_FILE: Final = 0o600
DATA_VARIABLE: Final = "FAIRWAY_DATA"


def default_directory() -> Path:
    """`$FAIRWAY_DATA`, else `fairway` in the user's data folder (`$XDG_DATA_HOME`)."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "fairway"


@dataclass(frozen=True, slots=True)
class Holder:
    """The engine that holds a data directory."""

    pid: int
    port: int
    version: str


class DataDirectory:
    """A data directory, made when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._lock: int | None = None

    @property
    def state(self) -> Path:
        return self.root / "state.db"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.db"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def runtime(self) -> Path:
        return self.root / "runtime"

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def stores(self) -> Path:
        return self.root / "stores"

    @property
    def balancer(self) -> Path:
        return self.root / "balancer"

    @property
    def engine_log(self) -> Path:
        return self.root / "engine.log"

    @property
    def _lock_file(self) -> Path:
        return self.root / "engine.lock"

    @property
    def _made(self) -> Path:
        return self.root / "made-folders"

    def prepare(self) -> None:
        """Make it, or make sure that it is ours.

        Raises:
            UsageError: it belongs to another user, or cannot be made.
        """
        missing = [part for part in (self.root, *self.root.parents) if not part.exists()]
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
            owner = self.root.stat().st_uid
        except OSError as error:
            raise UsageError(
                f"the data directory {self.root} cannot be made: {error.strerror}",
                hint="choose another one with --data DIR, or set FAIRWAY_DATA",
            ) from error
        if owner != os.geteuid():
            raise UsageError(
                f"the data directory {self.root} belongs to user {owner}, not to you (user {os.geteuid()})",
                hint="choose another one with --data DIR: an engine runs programs and holds secrets of its user",
            )
        if any(self.root.iterdir()) and not (self._lock_file.exists() or self.state.exists()):
            raise UsageError(
                f"{self.root} holds files that are not Fairway's",
                hint="choose an empty or a new folder with --data DIR",
            )
        self._lock_file.touch(mode=_SECRET_FILE)  # from now on the folder is known as ours
        if missing:
            self._made.write_text("\n".join(map(str, missing)), encoding="utf-8")
        self.root.chmod(0o711 if os.geteuid() == 0 else _PRIVATE)
        for folder in (self.logs, self.runtime, self.images, self.balancer):
            folder.mkdir(exist_ok=True)
        self.logs.chmod(_PRIVATE)

    def delete(self) -> bool:
        """Delete all that is in it, then the directory, and the empty folders that were made for it; whether it is gone.

        A mount point cannot be deleted: it is emptied, and stays.

        Raises:
            UsageError: something in it cannot be deleted; says what.
        """
        made = self._made.read_text(encoding="utf-8").splitlines() if self._made.exists() else []
        try:
            for entry in sorted(self.root.iterdir(), key=lambda entry: entry == self._lock_file):  # ours to the last
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        except OSError as error:
            raise UsageError(
                f"{error.filename or self.root} cannot be deleted: {error.strerror}",
                hint="unmount it, or stop what uses it, and call this again: the rest goes then",
            ) from error
        with contextlib.suppress(OSError):
            self.root.rmdir()
            for part in made[1:]:
                Path(part).rmdir()
        return not self.root.exists()

    def acquire(self, port: int, version: str) -> None:
        """Hold the directory for as long as this process lives.

        Raises:
            UsageError: another engine holds it; says which.
        """
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _SECRET_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            holder = self.holder()
            who = "another engine" if holder is None else f"the engine on port {holder.port} (process {holder.pid})"
            raise UsageError(
                f"the data directory {self.root} is held by {who}",
                hint="use that engine, stop it with `fairway engine stop`, or choose another directory with --data DIR",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "port": port, "version": version}).encode(), 0)
        self._lock = descriptor

    def release(self) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def holder(self) -> Holder | None:
        """The living engine that holds the directory; None: nobody does."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            content: dict[str, Any] = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
            return Holder(int(content["pid"]), int(content["port"]), str(content["version"]))
        except (ValueError, KeyError):
            return None
        finally:
            os.close(descriptor)
