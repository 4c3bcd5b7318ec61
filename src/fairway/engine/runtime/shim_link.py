"""The engine's side of one shim: starts it or finds it again, gives it orders, and hears from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fairway.engine.runtime.container_folder import ContainerFolder

log = logging.getLogger(__name__)

SHIM: Final = Path(__file__).parent / "shim" / "main.py"
_LINE_LIMIT: Final = 1024 * 1024


def start_shim(folder: ContainerFolder, spec: Mapping[str, Any]) -> tuple[socket.socket, int]:
    """Start a shim and tell it what to run; our end of its control connection, and its process id. Blocks for a moment.

    What it runs goes over the connection: a file or the command line would show secrets to others.
    """
    ours, theirs = socket.socketpair()
    output = os.open(folder.shim_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", str(SHIM), str(folder.path), "3"],
            {"PATH": os.defpath},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
            ],
            setsid=True,
        )
        with contextlib.suppress(OSError):  # it may have ended at once: then reading tells
            ours.sendall(json.dumps(spec).encode() + b"\n")
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(output)
        os.close(null)
    return ours, pid


class ShimLink:
    """A connection to a living shim."""

    def __init__(self, hear: Callable[[dict[str, Any]], None]) -> None:
        """`hear` is called with each event, in the event loop."""
        self._hear = hear
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: list[bytes] = []

    async def attend(self, connection: socket.socket) -> None:
        """Send what waits, then hear until the shim ends or the connection does."""
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=_LINE_LIMIT)
        self._writer = writer
        try:
            for line in self._waiting:
                writer.write(line)
            self._waiting.clear()
            while line := await reader.readline():
                self._hear(json.loads(line))
        except (OSError, ValueError) as error:
            log.warning("the connection to a shim broke: %s", error)
        finally:
            self._writer = None
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def order(self, **order: Any) -> None:
        """Give an order; one that comes before the connection does waits for it."""
        line = json.dumps(order).encode() + b"\n"
        if self._writer is None:
            self._waiting.append(line)
        else:
            self._writer.write(line)


def reap(pid: int) -> None:
    """Take a shim of ours that has ended out of the process table; blocks until it has. Others' are not ours to reap."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
