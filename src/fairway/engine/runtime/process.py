"""Runs containers as processes of this machine, each below a shim that outlives the engine.

A container goes: intent noted -> shim spawned -> started -> ended, and each of these steps is on disk before the next one
begins, so that an engine that takes over knows what an engine that was killed had begun. Whatever blocks (spawning, syncing,
killing) happens in threads; facts are emitted in the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic
from fairway.engine.model.facts import (
    ContainerExited,
    ContainerLost,
    ContainerStarted,
    ContainerStartFailed,
    HealthChecked,
    ImagePulled,
    ImagePullFailed,
)
from fairway.engine.runtime.container_folder import Ended
from fairway.engine.runtime.health_command import health_argv
from fairway.engine.runtime.launcher import Launcher
from fairway.engine.runtime.ports import PORTS, PortBook
from fairway.engine.runtime.protocol import ContainerRef, RuntimeRefusal, Usage
from fairway.engine.runtime.shim_link import ShimLink, reap

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from fairway.engine.model.network import PortBinding
    from fairway.engine.runtime.container_folder import ContainerFolder
    from fairway.engine.runtime.images import ImageStore
    from fairway.engine.runtime.protocol import ContainerSpec, Emit, PortRequest

log = logging.getLogger(__name__)

KILLED: Final = 137
LOST_SHIM: Final = "The process that looked after the container was killed"
CLOSE_GRACE_SECONDS: Final = 10.0
"""Between stop signal and SIGKILL when the engine stops everything."""
_CLOSE_PATIENCE_SECONDS: Final = 15.0
_CHECK_PATIENCE_SECONDS: Final = 10.0
"""How much longer than its time-out the answer of a health command may take."""
_THREADS: Final = 8


@dataclass(eq=False, slots=True)
class _Container:
    """A container that was asked for and not released yet."""

    folder: ContainerFolder
    link: ShimLink
    launched: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_started: bool = False
    usage: Usage | None = None
    checks: dict[int, asyncio.TimerHandle] = field(default_factory=dict)

    @property
    def ref(self) -> ContainerRef:
        return self.folder.ref


class ProcessRuntime:
    """A runtime of processes, below one folder."""

    def __init__(
        self,
        root: Path,
        images: ImageStore,
        emit: Emit,
        *,
        now: Callable[[], datetime],
        allow_root_tasks: bool,
        from_wall: Callable[[datetime], datetime] = lambda wall: wall,
        ports: range = PORTS,
    ) -> None:
        """`from_wall` turns the system's time, in which shims note what they do, into the time of `now`."""
        self._root = root
        self._images = images
        self._emit = emit
        self._now = now
        self._from_wall = from_wall
        self._launcher = Launcher(root, images, allow_root=allow_root_tasks)
        self._port_range = ports
        self._ports: PortBook | None = None
        self._containers: dict[ContainerRef, _Container] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="runtime")
        self._check_number = 0
        self._is_closing = False
        """What happens now is not ours to tell: the next engine does."""
        self._is_closed = False

    # -- the protocol --------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self._in_thread(self._prepare)

    def attach_network(self, task_id: str, requests: Sequence[PortRequest]) -> tuple[PortBinding, ...]:
        return self._book.reserve(task_id, requests)

    def pull(self, ref: ContainerRef, image: str, digest: str | None) -> None:
        async def look() -> None:
            found = await self._in_thread(self._images.find, digest)
            if found is None:
                text = (
                    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
                    f"{image}: {image}: not found"
                )
                self._emit(ImagePullFailed(ref.task_id, ref.container, text, self._now()))
            else:
                self._emit(ImagePulled(ref.task_id, ref.container, found.digest, self._now()))

        self._begin(look())

    def start(self, spec: ContainerSpec) -> None:
        if spec.ref in self._containers:
            return
        container = self._containers[spec.ref] = self._new(self._launcher.folder(spec.ref))
        self._begin(self._run(container, spec))

    def stop(self, ref: ContainerRef, *, grace_seconds: float) -> None:
        container = self._containers.get(ref)
        if container is None:
            self._emit(ContainerLost(ref.task_id, ref.container, self._now()))
        else:
            container.link.order(op="stop", grace=grace_seconds)

    def check_health(self, ref: ContainerRef, command: Sequence[str], *, timeout_seconds: float) -> None:
        container = self._containers.get(ref)
        if container is None or container.ended.is_set():
            return
        self._check_number += 1
        number = self._check_number
        argv = health_argv(command, self._book.of(ref.task_id))
        container.link.order(op="exec", id=number, argv=argv, timeout=timeout_seconds)
        silent = {"id": number, "code": None, "output": "", "seconds": timeout_seconds}
        container.checks[number] = asyncio.get_running_loop().call_later(
            timeout_seconds + _CHECK_PATIENCE_SECONDS, self._checked, container, silent
        )

    def release(self, task_id: str) -> None:
        if self._is_closed:
            self._book.release(task_id)  # the next engine discards its folder: nobody knows it any more
            return
        gone = [self._containers.pop(ref) for ref in list(self._containers) if ref.task_id == task_id]
        self._begin(self._clean(task_id, gone))

    def usage(self) -> Mapping[ContainerRef, Usage]:
        return {ref: c.usage for ref, c in self._containers.items() if c.usage is not None and not c.ended.is_set()}

    async def adopt(self, known: Sequence[ContainerRef]) -> None:
        wanted = set(known)
        folders = {folder.ref: folder for folder in await self._in_thread(self._launcher.folders)}
        foreign = [
            self._in_thread(self._launcher.discard, folder) for ref, folder in folders.items() if ref not in wanted
        ]
        await asyncio.gather(*foreign, *(self._adopt(ref, folders.get(ref)) for ref in known))

    async def close(self, *, leave_running: bool) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._is_closing = leave_running
        await asyncio.gather(*(container.launched.wait() for container in self._containers.values()))
        if not leave_running:
            await self._stop_all()
            self._is_closing = True
        for job in self._jobs:
            if job.get_name() == "attend":
                job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if not leave_running:
            await self._in_thread(self._launcher.close)
        self._threads.shutdown(wait=False)

    # -- starting ------------------------------------------------------------------------------------------------------

    async def _run(self, container: _Container, spec: ContainerSpec) -> None:
        try:
            launched = await self._in_thread(self._launcher.launch, container.folder, spec)
        except RuntimeRefusal as refusal:
            self._never_ran(container, str(refusal))
        except OSError as error:
            self._never_ran(container, f"CannotStartContainerError: {error}")
        else:
            if launched is None:
                await self._conclude(container)
            else:
                self._begin(self._attend(container, *launched), "attend")
        finally:
            container.launched.set()

    # -- while it runs -------------------------------------------------------------------------------------------------

    async def _attend(self, container: _Container, connection: socket.socket | None, shim: int | None) -> None:
        while connection is not None:
            await container.link.attend(connection)
            connection = None
            if self._is_current(container) and not container.ended.is_set():
                connection = await self._in_thread(container.folder.connect)  # it lives: only the connection broke
        if shim is not None:
            await self._in_thread(reap, shim)
        if self._is_current(container) and not container.ended.is_set():
            await self._in_thread(self._launcher.kill, container.folder)
            await self._conclude(container)

    def _hear(self, container: _Container, event: dict[str, Any]) -> None:
        if not self._is_current(container):
            return
        match event["event"]:
            case "started":
                self._started(container, self._now())
            case "failed":
                self._never_ran(container, f"CannotStartContainerError: {event['text']}")
            case "exited":
                self._exited(container, event["code"], event["reason"], self._now())
                if not event["log_is_whole"]:
                    log.error("the disk is full: the last output of %s is lost", container.ref)
            case "checked":
                self._checked(container, event)
            case "usage":
                container.usage = Usage(event["cpu"], event["memory"], monotonic())
            case _:
                pass  # held: another shim has the folder, and is found when this connection ends

    def _started(self, container: _Container, at: datetime) -> None:
        if container.is_started:
            return
        container.is_started = True
        ref = container.ref
        number = int(sha256(ref.container.encode()).hexdigest()[:12], 16) % 10**10
        self._emit(ContainerStarted(ref.task_id, ref.container, f"{ref.task_id}-{number:010d}", at))

    def _never_ran(self, container: _Container, text: str) -> None:
        container.ended.set()
        if self._is_current(container):
            self._emit(ContainerStartFailed(container.ref.task_id, container.ref.container, text, self._now()))

    def _exited(self, container: _Container, code: int, reason: str | None, at: datetime) -> None:
        container.ended.set()
        for timer in container.checks.values():
            timer.cancel()
        self._emit(ContainerExited(container.ref.task_id, container.ref.container, code, reason, at))

    def _checked(self, container: _Container, event: Mapping[str, Any]) -> None:
        timer = container.checks.pop(event["id"], None)
        if timer is None or not self._is_current(container):
            return
        timer.cancel()
        seconds, output = float(event["seconds"]), str(event["output"])
        if event["code"] is None:
            output = f"Health check exceeded timeout ({seconds:.1f}s): {output}"
        self._emit(
            HealthChecked(
                container.ref.task_id, container.ref.container, event["code"] == 0, output, seconds, self._now()
            )
        )

    # -- what the notes say --------------------------------------------------------------------------------------------

    async def _adopt(self, ref: ContainerRef, folder: ContainerFolder | None) -> None:
        if folder is None:
            self._emit(ContainerLost(ref.task_id, ref.container, self._now()))
            return
        container = self._containers[ref] = self._new(folder)
        container.launched.set()
        connection = await self._in_thread(folder.connect)
        if connection is None:
            await self._in_thread(self._launcher.kill, folder)
            await self._conclude(container, is_adopted=True)
            return
        began = await self._in_thread(folder.began)
        if began is not None:
            self._started(container, self._engine_time(began.at))
        self._begin(self._attend(container, connection, None), "attend")

    async def _conclude(self, container: _Container, *, is_adopted: bool = False) -> None:
        """Tell what became of a container that no shim speaks for."""
        ended, began = await self._in_thread(lambda: (container.folder.ended(), container.folder.began()))
        if not self._is_current(container):
            return
        match ended:
            case Ended(failure=str(failure)):
                self._never_ran(container, f"CannotStartContainerError: {failure}")
            case Ended(exit_code=int(code)):
                self._exited(container, code, ended.reason, self._engine_time(ended.at))
            case _ if began is not None:
                self._exited(container, KILLED, LOST_SHIM, self._now())
            case _ if is_adopted:
                del self._containers[container.ref]
                self._emit(ContainerLost(container.ref.task_id, container.ref.container, self._now()))
            case _:
                complaint = await self._in_thread(container.folder.shim_complaint)
                self._never_ran(container, f"CannotStartContainerError: its shim ended at once: {complaint}")

    def _engine_time(self, wall: datetime) -> datetime:
        return min(self._from_wall(wall), self._now())

    # -- ending --------------------------------------------------------------------------------------------------------

    async def _stop_all(self) -> None:
        running = [container for container in self._containers.values() if not container.ended.is_set()]
        for container in running:
            container.link.order(op="stop", grace=CLOSE_GRACE_SECONDS)
        try:
            async with asyncio.timeout(CLOSE_GRACE_SECONDS + _CLOSE_PATIENCE_SECONDS):
                await asyncio.gather(*(container.ended.wait() for container in running))
        except TimeoutError:
            stuck = [container for container in running if not container.ended.is_set()]
            log.warning("%d containers did not end in time, and are killed", len(stuck))
            await asyncio.gather(*(self._in_thread(self._launcher.kill, container.folder) for container in stuck))

    async def _clean(self, task_id: str, gone: Sequence[_Container]) -> None:
        for container in gone:
            for timer in container.checks.values():
                timer.cancel()
            await container.launched.wait()
        await self._in_thread(self._launcher.remove_task, task_id)
        self._book.release(task_id)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._launcher.prepare()
        self._ports = PortBook(self._root / "ports.json", self._port_range)

    @property
    def _book(self) -> PortBook:
        assert self._ports is not None, "the runtime is not open"
        return self._ports

    def _new(self, folder: ContainerFolder) -> _Container:
        container = _Container(folder, ShimLink(lambda event: self._hear(container, event)))
        return container

    def _is_current(self, container: _Container) -> bool:
        return self._containers.get(container.ref) is container and not self._is_closing

    def _begin(self, job: Coroutine[Any, Any, None], name: str = "job") -> None:
        task = asyncio.get_running_loop().create_task(job, name=name)
        self._jobs.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the process runtime failed", exc_info=task.exception())

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
