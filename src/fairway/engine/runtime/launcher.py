"""Prepares what a container needs on this machine, starts its shim, and takes all of it away again. Every call blocks."""

from __future__ import annotations

import os
import platform
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from fairway.engine.runtime.cgroups import ControlGroups, remove_group
from fairway.engine.runtime.container_folder import ContainerFolder, find_folders
from fairway.engine.runtime.places import enterable
from fairway.engine.runtime.protocol import RuntimeRefusal
from fairway.engine.runtime.shim_link import start_shim
from fairway.engine.runtime.surroundings import surround
from fairway.engine.runtime.users import choose_identity
from fairway.errors import UsageError

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from fairway.engine.runtime.images import ImageStore
    from fairway.engine.runtime.protocol import ContainerRef, ContainerSpec
    from fairway.engine.runtime.users import Identity

_MIB: Final = 1024 * 1024


class Launcher:
    """The folders of containers below a root, and what belongs to them elsewhere: scratch folders, control groups."""

    def __init__(self, root: Path, images: ImageStore, *, allow_root: bool) -> None:
        self._root = root
        self._tasks = root / "tasks"
        self._images = images
        self._allow_root = allow_root
        self._groups = ControlGroups(root)
        self._scratch = root / "scratch"
        self._boot = ""

    def prepare(self) -> None:
        """Called once, before anything else.

        Raises:
            UsageError: not on this system; the folders cannot be made.
        """
        if platform.system() != "Linux":
            raise UsageError(
                f"processes of {platform.system()} cannot be tasks: the process runtime needs Linux",
                hint="use --runtime simulated",
            )
        self._root.mkdir(parents=True, exist_ok=True)
        self._root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self._tasks.mkdir(exist_ok=True, mode=0o700)
        self._scratch = enterable(self._root / "scratch")
        self._groups.open()
        self._boot = boot_id()

    def close(self) -> None:
        """Nothing runs any more."""
        self._groups.close()

    def folder(self, ref: ContainerRef) -> ContainerFolder:
        return ContainerFolder(self._tasks, ref)

    def folders(self) -> list[ContainerFolder]:
        """Of all containers that were begun and not released."""
        return list(find_folders(self._tasks))

    def launch(self, folder: ContainerFolder, spec: ContainerSpec) -> tuple[socket.socket, int | None] | None:
        """Start the shim, or find the one that runs already; None: it ran, and ended.

        Raises:
            RuntimeRefusal: it cannot be started; ECS's text.
        """
        connection = folder.connect()
        if connection is not None:
            return connection, None
        if folder.ended() is not None:
            return None
        image = self._images.find(spec.image_digest)
        if image is None:
            raise RuntimeRefusal(f"CannotStartContainerError: the image {spec.image} is not on this machine")
        identity = choose_identity(spec.user or image.config.user, allow_root=self._allow_root)
        mark = self._mark(spec.ref)
        scratch = self._scratch / spec.ref.task_id / spec.ref.container
        program = surround(spec, image, scratch, mark)
        self._make_scratch(scratch, identity)
        limit = None if spec.memory_limit_mib is None else spec.memory_limit_mib * _MIB
        group = None if limit is None else self._groups.create(mark, limit)
        folder.intend(mark, None if group is None else group.folder)
        return start_shim(
            folder,
            {
                "argv": program.argv,
                "environment": dict(program.environment),
                "cwd": str(program.working_directory),
                "stop_signal": program.stop_signal,
                "uid": None if identity is None else identity.uid,
                "gid": None if identity is None else identity.gid,
                "log": None if spec.log_directory is None else str(spec.log_directory),
                "memory_limit": limit,
                "cgroup": None if group is None else group.files(),
                "cgroup_procs": [] if group is None else [str(group.procs)],
                "boot": self._boot,
            },
        )

    @staticmethod
    def _make_scratch(scratch: Path, identity: Identity | None) -> None:
        """A fresh folder that is the container's own: whoever it runs as must not find, or have left, anything in it."""
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.parent.mkdir(exist_ok=True)
        scratch.parent.chmod(0o711)
        for private in (scratch, scratch / "tmp"):
            private.mkdir(mode=0o700)
            if identity is not None:
                os.chown(private, identity.uid, identity.gid, follow_symlinks=False)

    def _mark(self, ref: ContainerRef) -> str:
        """Names a container on this machine, among all engines."""
        return f"{ref.task_id}-{sha256(f'{self._root}|{ref.container}'.encode()).hexdigest()[:12]}"

    def remove_task(self, task_id: str) -> None:
        for folder in find_folders(self._tasks, task_id):
            self.discard(folder)
        for place in (self._tasks, self._scratch):
            shutil.rmtree(place / task_id, ignore_errors=True)

    @staticmethod
    def kill(folder: ContainerFolder) -> None:
        """End a container and whatever is left of it, even if it hid from its shim."""
        folder.kill()
        if folder.group is not None:
            remove_group(folder.group)

    def discard(self, folder: ContainerFolder) -> None:
        """Kill what lives of a container, and remove what is kept of it."""
        if folder.ended() is None or folder.is_held():
            folder.kill()
        if folder.group is not None:
            remove_group(folder.group)
        shutil.rmtree(self._scratch / folder.ref.task_id / folder.ref.container, ignore_errors=True)
        folder.remove()


def boot_id() -> str:
    """Names the time since this machine was started: process ids and start times mean something only within it."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
        return file.read().strip()
