"""Runs an engine as a process: holds the data directory, listens on 127.0.0.1, and lets go in order.

    python -m fairway.engine.serve --port 4566 --data DIR [--runtime process|simulated] [--speed N] [--allow-root-tasks]

SIGTERM and SIGINT stop everything (tasks and data plane too); SIGUSR1 ends the engine alone, and its tasks live on for the
next one. The line `ready` on standard output says that the endpoint answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvicorn

from fairway.engine.app import HOST, Engine, Settings
from fairway.engine.directory import DataDirectory, default_directory
from fairway.engine.store.store import StoreUnreadable
from fairway.errors import FairwayError, UsageError
from fairway.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PORT: Final = 4566
_BACKLOG: Final = 1024
_KEEP_ALIVE_SECONDS: Final = 75


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1.

    Raises:
        UsageError: the port is taken; says how to choose another.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"port {port} of {HOST} cannot be used: {error.strerror}", hint="choose another with --port N"
        ) from None
    listening.listen(_BACKLOG)
    return listening


async def serve(engine: Engine, listening: socket.socket) -> bool:
    """Serve until a signal; whether tasks are to live on."""
    server = uvicorn.Server(
        uvicorn.Config(
            engine.application,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=2,
            loop="none",
        )
    )
    stopped: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(*, leave_running: bool) -> None:
        if not stopped.done():
            stopped.set_result(leave_running)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: end(leave_running=False))
    loop.add_signal_handler(signal.SIGUSR1, lambda: end(leave_running=True))
    await engine.open()
    # uvicorn's own `serve` would take the signals: they are ours, since an engine has more to end than its server
    serving = asyncio.create_task(server._serve([listening]))  # noqa: SLF001
    serving.add_done_callback(lambda _: end(leave_running=True))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for this line
    leave_running = await stopped
    # tasks may still want to speak to the engine while they stop: the server ends last
    await engine.close(leave_running=leave_running)
    server.should_exit = True
    await serving
    return leave_running


def run(settings: Settings, data: Path) -> None:
    """Run an engine in this process until a signal ends it.

    Raises:
        UsageError: port or data directory cannot be used.
    """
    directory = DataDirectory(data)
    is_new = not directory.root.exists()
    directory.prepare()
    directory.acquire(settings.port, VERSION)
    try:
        with contextlib.closing(listen(settings.port)) as listening:
            try:
                engine = Engine(settings, directory)
            except StoreUnreadable as error:
                raise UsageError(
                    str(error), hint=f"fairway down --purge deletes it, or choose another one: --data DIR ({data})"
                ) from error
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(serve(engine, listening))
    except UsageError:
        if is_new:  # it never ran: nothing half made stays
            directory.delete()
        raise
    finally:
        directory.release()


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.Loop


def parse(words: Sequence[str] | None = None) -> tuple[Settings, Path]:
    """The settings on a command line."""
    parser = argparse.ArgumentParser(prog="python -m fairway.engine.serve")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--runtime", choices=("process", "simulated"), default="process")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--allow-root-tasks", action="store_true")
    arguments = parser.parse_args(words)
    settings = Settings(arguments.port, arguments.runtime, arguments.speed, arguments.allow_root_tasks)
    return settings, arguments.data or default_directory()


def main() -> int:
    """The process of an engine."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run(*parse())
    except FairwayError as error:
        print(f"error: {error.message}\n  → {error.hint}", file=sys.stderr, flush=True)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
