"""Starts, finds and ends the processes of engines on this machine."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic, sleep
from fairway.engine.directory import DataDirectory
from fairway.engine.stores import Stores
from fairway.errors import FairwayError, UsageError
from fairway.ids import RandomIds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 180.0
_POLL_SECONDS: Final = 0.05
_NEEDED: Final = ("msgspec", "orjson", "uvicorn")
"""Packages of the extra `engine`, without which nothing starts."""
_ANSWER_SECONDS: Final = 5.0


class EngineFailed(FairwayError):
    """An engine did not start, or did not end."""

    code = "engine"


@dataclass(frozen=True, slots=True)
class Launch:
    """How an engine is to be started."""

    data: Path
    port: int
    runtime: str = "process"
    speed: float = 1.0
    allow_root_tasks: bool = False

    def command(self) -> list[str]:
        words = [sys.executable, "-m", "fairway.engine.serve", "--port", str(self.port), "--data", str(self.data)]
        words += ["--runtime", self.runtime, "--speed", str(self.speed)]
        return [*words, "--allow-root-tasks"] if self.allow_root_tasks else words


def ask(port: int, method: str = "GET", path: str = "/_fairway/health") -> dict[str, Any] | None:
    """What a Fairway engine answers on a port; None: nothing listens there, or something else."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(method, path, headers={"X-Fairway": "1", "Content-Length": "0"})
        response = connection.getresponse()
        content = response.read()
        if response.getheader("x-fairway-engine") is None or response.status >= http.client.BAD_REQUEST:
            return None
        answer: dict[str, Any] = json.loads(content or b"{}")
    except (OSError, http.client.HTTPException, ValueError):
        return None
    else:
        return answer
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Something listens on 127.0.0.1:port."""
    import socket  # noqa: PLC0415 - few calls need it

    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def who_listens(port: int) -> str:
    """Who has a port, as far as can be told: a Fairway engine, LocalStack, or a process by name and id."""
    health = ask(port)
    if health is not None:
        return f"another Fairway engine (data in {health.get('data')})"
    process = _process_on(port)
    known = f"{process[1]} (process {process[0]})" if process is not None else "another program"
    return f"LocalStack, {known}" if _is_localstack(port) else known


def _is_localstack(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _process_on(port: int) -> tuple[int, str] | None:
    """Process id and name of who listens on a port, by /proc; None: cannot be told."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(entry.readlink()) in inodes for entry in (folder / "fd").iterdir()):
                return int(folder.name), (folder / "comm").read_text().strip()
    return None


def start(launch: Launch, *, tell: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """Start an engine in the background; its health when its endpoint answers.

    Raises:
        UsageError: the port is taken, or the data directory cannot be used.
        EngineFailed: it ended at once; with the last lines of its log.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the engine is not installed: {', '.join(missing)} cannot be found", hint='pip install "fairway[engine]"'
        )
    directory = DataDirectory(launch.data)
    is_new = not directory.root.exists()
    holder = directory.holder()
    if holder is not None:
        raise UsageError(
            f"the data directory {directory.root} is held by the engine on port {holder.port} (process {holder.pid})",
            hint="use that engine, stop it with `fairway engine stop`, or choose another directory with --data DIR",
        )
    if listens(launch.port):
        raise UsageError(
            f"port {launch.port} is taken by {who_listens(launch.port)}",
            hint=f"choose another: --port {launch.port + 1} (and --data DIR for a second engine beside it)",
        )
    directory.prepare()
    tell(f"starting the engine on {HOST}:{launch.port}, data in {directory.root}")
    Stores(directory).start_known(RandomIds())
    descriptor = os.open(directory.engine_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begun_at = os.fstat(descriptor).st_size
    process = None
    try:
        with _uninterrupted():
            process = subprocess.Popen(
                launch.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                start_new_session=True,
                cwd="/",
                env=_without_aws() | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
            )
        assert process.stdout is not None
        with process.stdout as lines:
            ready = lines.readline().strip() == b"ready"
    except BaseException:
        # interrupted: nobody would know of it; what it may have adopted lives on
        if process is not None:
            with process:
                process.kill()
        raise
    finally:
        os.close(descriptor)
    health = ask(launch.port) if ready else None
    if health is None:
        process.kill()
        process.wait()
        said = directory.engine_log.read_bytes()[begun_at:].decode(errors="replace").strip().splitlines()
        errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        why = (errors or said or ["it said nothing"])[-1]
        hint = f"its log: {directory.engine_log}"
        if is_new:
            directory.delete()
            hint = "correct it, and start again: nothing was left behind"
        raise EngineFailed(f"the engine ended at once: {why}", hint=hint)
    process.returncode = 0  # it outlives us on purpose: nobody waits for it
    return health


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the end: in the middle of `Popen` a process would live of which nobody knows."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for caught in came:
            signal.raise_signal(caught)


def _without_aws() -> dict[str, str]:
    """The environment without credentials and profiles: an engine has no use for them, and its tasks must not find them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def stop(data: Path, *, leave_running: bool = False, tell: Callable[[str], None] = lambda _line: None) -> bool:
    """End the engine of a data directory, with its tasks and stores unless they are to live on; whether there was one.

    Raises:
        EngineFailed: it does not end.
    """
    directory = DataDirectory(data)
    if directory.holder() is None and not leave_running:
        if not _has_leftovers(directory):
            Stores(directory).stop()
            return False
        # the engine was killed, and what it looked after lives on: another one takes it up, and ends it in order
        start(Launch(directory.root, _any_port()), tell=tell)
    holder = directory.holder()
    if holder is None:
        return False
    tell(f"stopping the engine on port {holder.port}" + ("" if leave_running else " and its tasks"))
    with contextlib.suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGUSR1 if leave_running else signal.SIGTERM)
    deadline = monotonic() + STOP_SECONDS
    while directory.holder() is not None or _lives(holder.pid):
        if monotonic() > deadline:
            raise EngineFailed(
                f"the engine (process {holder.pid}) has not ended within {STOP_SECONDS:.0f} s",
                hint=f"look into {directory.engine_log}; kill -9 {holder.pid} loses nothing: the next start adopts its tasks",
            )
        sleep(_POLL_SECONDS)
    if not leave_running:
        Stores(directory).stop()
    return True


def _has_leftovers(directory: DataDirectory) -> bool:
    """A container or a data plane of a directory runs, though its engine does not."""
    marks = (f"{directory.runtime}{os.sep}", f"{directory.balancer}{os.sep}")
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(word.startswith(marks) for word in words[1:]):
                return True
    return False


def _any_port() -> int:
    import socket  # noqa: PLC0415 - few calls need it

    with contextlib.closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _lives(pid: int) -> bool:
    """The process has not ended; one that only waits for its parent has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in {"Z", "X"}
    except OSError:
        return False
